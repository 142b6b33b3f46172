"""The local target: executes the request on this machine, without Docker or an AWS account."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.errors import HeadraceError, JobFailed
from headrace.results.destination import shown
from headrace.results.result import Result, channels_of
from headrace.runtime.spec import EVALUATION, REPORT
from headrace.targets.base import Target
from headrace.targets.local import delivery, processes
from headrace.targets.local.checks import check_here, refuse_occupied
from headrace.targets.local.command import commands
from headrace.targets.local.sandbox import Host, Sandbox, reveal
from headrace.targets.local.scratch import disk_errors, is_gone, scratch
from headrace.targets.shutdown.interrupts import Interrupts
from headrace.terminal.progress import Progress
from headrace.uris import S3, path_of, uri_of

if TYPE_CHECKING:
    from headrace.aws.lock import Lock
    from headrace.config.models import JobConfig
    from headrace.job.job import Job
    from headrace.job.request import RequestView

DEFAULT_LIMIT_SECONDS = 86_400
"""SageMaker's own stopping condition where a request has none."""


class LocalTarget(Target):
    """One subprocess for each instance, a scratch folder in the place of each ``/opt/ml``."""

    uses_this_python = True
    passes_arguments = False
    looks_first = True
    can_share_input = True

    def check(self, job: Job, config: JobConfig) -> None:
        """Refuse what this machine cannot do."""
        check_here(job, config)

    def run(self, job: Job, config: JobConfig) -> Result:
        """Execute the job; see `headrace.targets.run`."""

        def execute(hosts: Sequence[Host], interrupts: Interrupts) -> None:
            _execute(job.view, hosts, (), config.job.logs, interrupts)

        return carry_out(job, config, execute)


def run_together(jobs: Sequence[tuple[Job, JobConfig]]) -> list[Result | HeadraceError]:
    """Execute several jobs in one process, which reads their common input once.

    Args:
        jobs: Each with its configuration; one instance each, alike but for ``n_features``, and
            each with an output folder of its own.

    Returns:
        What came out of each, or why it failed.

    Raises:
        HeadraceError: They cannot even be started; see `headrace.targets.run`.
    """
    for job, config in jobs:
        check_here(job, config)
    first, config = jobs[0]

    def execute(hosts: Sequence[Sequence[Host]], interrupts: Interrupts) -> None:
        others = [host for each in hosts[1:] for host in each]
        _execute(first.view, hosts[0], others, config.job.logs, interrupts)

    return _carried_out(jobs, execute)


def carry_out(
    job: Job, config: JobConfig, execute: Callable[[Sequence[Host], Interrupts], None]
) -> Result:
    """Execute a job on this machine, whatever stands for its instances.

    Args:
        job: What to run.
        config: Where the result goes.
        execute: Runs the hosts to their end, or raises.
    """
    (outcome,) = _carried_out([(job, config)], lambda hosts, stop: execute(hosts[0], stop))
    if isinstance(outcome, HeadraceError):
        raise outcome
    return outcome


def _carried_out(
    jobs: Sequence[tuple[Job, JobConfig]],
    execute: Callable[[Sequence[Sequence[Host]], Interrupts], None],
) -> list[Result | HeadraceError]:
    began = time.monotonic()
    with Interrupts().caught() as interrupts, ExitStack() as folders:
        laid = []
        for job, config in jobs:
            lock = folders.enter_context(_lock_on_s3(job, config, interrupts))
            root = folders.enter_context(scratch(config.output.path, job.name))
            refuse_occupied(job, config.output)
            laid.append(_LaidOut.of(job, config, root, lock, interrupts))
        error = _failure(lambda: execute([each.hosts for each in laid], interrupts))
        # The process tells each of several jobs why it alone was not done.
        alone = [each.refusal() if len(laid) > 1 else None for each in laid]
        return [
            each.vanished() or refusal or error or each.outcome(began, interrupts)
            for each, refusal in zip(laid, alone, strict=True)
        ]


def _failure(work: Callable[[], None]) -> HeadraceError | None:
    try:
        work()
    except HeadraceError as error:
        return error
    return None


@dataclass(frozen=True)
class _LaidOut:
    """A job with everything that it needs, and where its result goes."""

    job: Job
    config: JobConfig
    sandbox: Sandbox
    hosts: tuple[Host, ...]
    lock: Lock | None
    """That of the prefix, if the result goes to S3."""

    @classmethod
    def of(
        cls, job: Job, config: JobConfig, root: Path, lock: Lock | None, interrupts: Interrupts
    ) -> _LaidOut:
        sandbox = Sandbox(root, config.output.path)
        with disk_errors(str(sandbox.place)):
            return cls(job, config, sandbox, sandbox.lay_out(job, interrupts), lock)

    def vanished(self) -> HeadraceError | None:
        """Return an error if somebody has removed the folder that the job works in."""
        root, place = self.sandbox.root, path_of(uri_of(self.config.output.path))
        if not is_gone(root):
            return None
        return JobFailed(
            f"the folder {shown(place or root.parent)} was removed while the job ran; run it again"
        )

    def refusal(self) -> HeadraceError | None:
        """What the process had to say against this job."""
        said = [host.reveal(message) for host in self.hosts if (message := host.message())]
        return JobFailed(said[0]) if said else None

    def outcome(self, began: float, interrupts: Interrupts) -> Result | HeadraceError:
        """Bring the result to its place; what came out, or why nothing did."""
        output = self.config.output
        try:
            with disk_errors(str(self.sandbox.place)):
                on_its_way = delivery.Delivery(
                    self.job, self.sandbox, self.hosts, output.overwrite, self.lock
                )
                manifest = on_its_way.deliver(interrupts)
                evaluation = on_its_way.delivered(f"{REPORT}/{EVALUATION}")
        except HeadraceError as error:
            return error
        seconds = time.monotonic() - began
        return Result(output.path, manifest, seconds, channels_of(manifest), evaluation)


def _lock_on_s3(
    job: Job, config: JobConfig, interrupts: Interrupts
) -> AbstractContextManager[Lock | None]:
    """The lock of the prefix, if the result goes to S3."""
    if not config.output.path.startswith(S3):
        return nullcontext()
    from headrace.aws.lock import locked  # boto3 takes its time

    kms_key = job.view.kms_key
    return locked(config.output.path, job.name, kms_key, interrupts.check)


def _execute(
    request: RequestView,
    hosts: Sequence[Host],
    others: Sequence[Host],
    logs: bool,
    interrupts: Interrupts,
) -> None:
    """Run the hosts of a request; the only one of them does the work of the others, too."""
    limit = request.limit_seconds or 0
    started = commands(hosts, request, others)
    with Progress(len(started)) as progress:
        output = processes.ProcessOutput(hosts, progress, logs)
        try:
            failed = processes.run(started, limit or DEFAULT_LIMIT_SECONDS, output, interrupts)
        except processes.TimeLimitError:
            what = f"the job was stopped after {_duration(limit)} (resources.max_runtime_minutes)"
            raise JobFailed(f"{what}; allow more, or give it less to do") from None
    if failed is not None:
        error = output.failure(failed)
        raise type(error)(reveal(str(error), others))


def _duration(seconds: int) -> str:
    count, unit = (seconds, "second") if seconds % 60 else (seconds // 60, "minute")
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"
