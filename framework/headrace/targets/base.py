"""The interface of a target: its methods, and its capabilities as fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from headrace.job.account import NoAccount

if TYPE_CHECKING:
    from headrace.config.models import JobConfig
    from headrace.job.account import Account
    from headrace.job.inputs import DataInput
    from headrace.job.job import Job
    from headrace.results.result import Result


class Target(Protocol):
    """Executes a job.

    A target inherits from this class, defines `run`, and overrides what differs from the defaults.
    """

    is_remote: ClassVar[bool] = False
    """Jobs run in AWS: their inputs have to be on S3, and checks ask AWS."""
    uses_this_python: ClassVar[bool] = False
    """Jobs run in the current Python, not in that of the backend's image."""
    passes_arguments: ClassVar[bool] = True
    """The program that runs gets ``job.arguments``."""
    looks_first: ClassVar[bool] = False
    """A run begins with a look at the data, so an earlier look would only cost time."""
    can_share_input: ClassVar[bool] = False
    """Several jobs that read the same input can run as one."""
    platform: ClassVar[str | None] = None
    """The only platform of images that it runs, as in ``linux/amd64``; None for this machine's."""

    def account(self, config: JobConfig) -> Account:
        """Return the account that jobs run in; an empty one if none is needed."""
        return NoAccount(config)

    def check(self, job: Job, config: JobConfig) -> None:
        """Refuse a job that this target cannot execute; called before `run`.

        Raises:
            ConfigError: With everything that stands in the way.
            JobFailed: This machine lacks a program that is needed.
        """

    def run(self, job: Job, config: JobConfig) -> Result:
        """Execute the job and wait for its end; see `headrace.targets.run`."""

    def estimate(self, config: JobConfig, inputs: Mapping[str, DataInput]) -> Sequence[str]:
        """Return lines that say how long a job may take and what it may cost; none if free.

        Args:
            config: Of the job.
            inputs: What it reads, by name; a chain's data is called ``data``.
        """
        return ()

    def job_control(self, config: JobConfig) -> JobControl | None:
        """Return the control of jobs that go on after this program; None if there are none."""
        return None


@dataclass(frozen=True)
class Watched:
    """The jobs that are watched."""

    part: str | None = None
    """A text that their names contain; None for any."""
    regions: tuple[str, ...] = ()
    """AWS regions; none for the configured one."""
    profiles: tuple[str, ...] = ()
    """Profiles of the AWS configuration; none for what the environment says."""


class JobControl(Protocol):
    """Lists, describes and stops the jobs of a target; every line is for the user.

    Every method raises `ConfigError` if there is no such job or the service cannot be asked, and
    `JobFailed` if the service stops answering.
    """

    def list(self, part: str | None) -> Iterator[str]:
        """Yield a table of the newest jobs; `part` narrows it to names that contain it."""

    def watch(self, watched: Watched) -> None:
        """Show the newest jobs, and what becomes of them, until the user has seen enough.

        Raises:
            KeyboardInterrupt: The user has pressed Ctrl-C.
        """

    def describe(self, name: str) -> Iterator[str]:
        """Yield everything that is known of a job, and what came out of it."""

    def answer(self, name: str) -> dict[str, Any]:
        """Return what is known of a job, as the service says it, with its tags."""

    def logs(self, name: str, *, wait: bool) -> Iterator[str]:
        """Yield a job's log lines; with `wait`, show those that come until it ends."""

    def stop(self, name: str, *, wait: bool) -> Iterator[str]:
        """End a job, say so, and with `wait` stay until it has ended.

        A job that has ended already is left as it is, and that is no failure.
        """
