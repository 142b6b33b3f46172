"""The local target: executes a job on this machine, without Docker or an AWS account."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.errors import HeadraceError, JobFailed
from headrace.results.destination import shown
from headrace.results.result import Result, channels_of
from headrace.runtime.spec import EVALUATION, REPORT
from headrace.targets.base import Target
from headrace.targets.local import processes
from headrace.targets.local.checks import check_here, refuse_occupied
from headrace.targets.local.command import Command, commands
from headrace.targets.local.delivery import Delivery
from headrace.targets.local.private_root.program import ProgramRun, check_program
from headrace.targets.local.sandbox import Host, Sandbox
from headrace.targets.local.scratch import disk_errors, is_gone, scratch
from headrace.targets.shutdown.interrupts import Interrupts
from headrace.terminal.progress import Progress
from headrace.uris import S3, path_of, uri_of

if TYPE_CHECKING:
    from headrace.aws.lock import Lock
    from headrace.config.models import JobConfig
    from headrace.job.job import Job

DEFAULT_LIMIT_SECONDS = 86_400
"""SageMaker's own stopping condition where a request has none."""


class LocalTarget(Target):
    """One subprocess for each instance, a scratch folder in the place of each ``/opt/ml``.

    The chain is told where that folder is. A user's own program finds it at ``/opt/ml``, in a
    private root (`headrace.targets.local.private_root`).
    """

    uses_this_python = True
    passes_arguments = False
    looks_first = True
    can_share_input = True

    def check(self, job: Job, config: JobConfig) -> None:
        """Refuse what this machine cannot do."""
        check_here(job, config)
        if job.program.needs_real_paths:
            check_program(job.view)

    def run(self, job: Job, config: JobConfig) -> Result:
        """Execute the job; see `headrace.targets.run`."""
        is_private, logs = job.program.needs_real_paths, config.job.logs

        def execute(hosts: Sequence[Host], interrupts: Interrupts) -> None:
            if is_private:
                _run_program(job, hosts, config, interrupts)
            else:
                run_processes(job, commands(hosts, job.view), logs, interrupts)

        return carry_out(job, config, execute, is_private=is_private)


def carry_out(
    job: Job,
    config: JobConfig,
    execute: Callable[[Sequence[Host], Interrupts], None],
    *,
    is_private: bool = False,
) -> Result:
    """Execute a job on this machine, as processes or in a container.

    Args:
        job: What to run.
        config: Where the result goes.
        execute: Runs the hosts to their end, or raises.
        is_private: Whether each has a private root.
    """
    with (
        Interrupts().caught() as interrupts,
        laid_out(job, config, interrupts, is_private=is_private) as run,
    ):
        error = error_of(lambda: execute(run.hosts, interrupts))
        outcome = run.outcome(error, interrupts)
    if isinstance(outcome, HeadraceError):
        raise outcome
    return outcome


def error_of(work: Callable[[], None]) -> HeadraceError | None:
    """Do some work; return the error that it raises, if it is one of ours."""
    try:
        work()
    except HeadraceError as error:
        return error
    return None


def run_processes(job: Job, started: Sequence[Command], logs: bool, interrupts: Interrupts) -> None:
    """Run the processes of a job until all have ended.

    Args:
        job: Has the time limit.
        started: The processes.
        logs: Show what they print.
        interrupts: Signals to obey.

    Raises:
        HeadraceError: One of them failed, or they took too long.
    """
    with Progress(len(started)) as progress:
        output = processes.ProcessOutput([each.host for each in started], progress, logs)
        failed = _run(job, started, output, interrupts)
    if failed is not None:
        raise output.failure(failed)


def _run_program(
    job: Job, hosts: Sequence[Host], config: JobConfig, interrupts: Interrupts
) -> None:
    """Run a program of the user's own, at the paths that the request names."""
    program = ProgramRun(job.view, hosts, config.job.logs)
    sandbox = Sandbox(hosts[0].ml.parent, config.output.path)
    with disk_errors(str(sandbox.place)):
        started = program.commands()
    failed = _run(job, started, program.output, interrupts)
    if failed is not None:
        raise program.failure(failed)
    with disk_errors(str(sandbox.place)):
        program.report(sandbox.report)


def _run(
    job: Job, started: Sequence[Command], output: processes.Listener, interrupts: Interrupts
) -> processes.Ended | None:
    """Run processes for as long as the job may take; return the first that failed."""
    limit = job.view.limit_seconds or 0
    try:
        return processes.run(started, limit or DEFAULT_LIMIT_SECONDS, output, interrupts)
    except processes.TimeLimitError:
        what = f"the job was stopped after {_duration(limit)} (resources.max_runtime_minutes)"
        raise JobFailed(f"{what}; allow more, or give it less to do") from None


@contextmanager
def laid_out(
    job: Job, config: JobConfig, interrupts: Interrupts, *, is_private: bool = False
) -> Iterator[LaidOutJob]:
    """Lock the place of a job's result, and give the job a sandbox there.

    Raises:
        HeadraceError: The job cannot be started; see `headrace.targets.run`.
    """
    began = time.monotonic()
    with (
        _lock_on_s3(job, config, interrupts) as lock,
        scratch(config.output.path, job.name) as root,
    ):
        refuse_occupied(job, config.output)
        sandbox = Sandbox(root, config.output.path, is_private)
        with disk_errors(str(sandbox.place)):
            hosts = sandbox.lay_out(job, interrupts)
        yield LaidOutJob(job, config, sandbox, hosts, lock, began)


@dataclass(frozen=True)
class LaidOutJob:
    """A job with everything that it needs to run, and where its result goes.

    Attributes:
        job: The job.
        config: Where the result goes.
        sandbox: The folders that the job works in.
        hosts: The instances.
        lock: The lock of the prefix, if the result goes to S3.
        began: When the work on it began, by the monotonic clock.
    """

    job: Job
    config: JobConfig
    sandbox: Sandbox
    hosts: tuple[Host, ...]
    lock: Lock | None
    began: float

    def outcome(
        self, error: HeadraceError | None, interrupts: Interrupts
    ) -> Result | HeadraceError:
        """Bring the result to its place.

        Args:
            error: The error that the job ended with; None if it has ended well.
            interrupts: Obeyed between two moves.

        Returns:
            The result, or the reason why there is none.
        """
        return self._removed() or error or self._delivered(interrupts)

    def _removed(self) -> HeadraceError | None:
        """Return an error if somebody has removed the folder that the job works in."""
        root, place = self.sandbox.root, path_of(uri_of(self.config.output.path))
        if not is_gone(root):
            return None
        return JobFailed(
            f"the folder {shown(place or root.parent)} was removed while the job ran; run it again"
        )

    def _delivered(self, interrupts: Interrupts) -> Result | HeadraceError:
        output, sandbox = self.config.output, self.sandbox
        try:
            with disk_errors(str(sandbox.place)):
                delivery = Delivery(self.job, sandbox, self.hosts, output.overwrite, self.lock)
                manifest = delivery.deliver(interrupts)
                is_ours = self.job.program.writes_manifest
                evaluation = delivery.delivered(f"{REPORT}/{EVALUATION}") if is_ours else {}
        except HeadraceError as error:
            return error
        seconds = time.monotonic() - self.began
        return Result(output.path, manifest, seconds, channels_of(manifest), evaluation)


def _lock_on_s3(
    job: Job, config: JobConfig, interrupts: Interrupts
) -> AbstractContextManager[Lock | None]:
    """Return the lock of the prefix, if the result goes to S3."""
    if not config.output.path.startswith(S3):
        return nullcontext()
    from headrace.aws.lock import locked  # importing boto3 is slow

    return locked(config.output.path, job.name, job.view.kms_key, interrupts.check)


def _duration(seconds: int) -> str:
    count, unit = (seconds, "second") if seconds % 60 else (seconds // 60, "minute")
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"
