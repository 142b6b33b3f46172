"""Waiting for a job on SageMaker: its state, its log lines and its progress are shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from botocore import exceptions

from headrace.aws.clients import AwsError, code_of, explained, problem_at, reason
from headrace.errors import JobFailed
from headrace.targets.sagemaker.jobs import SERVICE, ProcessingJobs
from headrace.targets.sagemaker.logs import LogLine, LogTail, secrets_of
from headrace.targets.sagemaker.record import COLOURS, JobRecord
from headrace.terminal.colours import coloured
from headrace.terminal.progress import Progress, WithView, default_view
from headrace.terminal.units import duration

POLL_SECONDS = 5.0
"""The time between two polls."""
LATE_SECONDS = 5.0
"""The last lines reach CloudWatch a little after the end of the job."""
LOST_AFTER = 10
"""Polls in a row that may fail; botocore tries each of them several times."""

THROTTLED = frozenset({"Throttling", "ThrottlingException", "TooManyRequestsException"})

_PASSING = (
    exceptions.HTTPClientError,
    # without a network, credentials cannot be renewed either
    exceptions.CredentialRetrievalError,
    exceptions.MetadataRetrievalError,
)


def follow(name: str, region: str, *, show_logs: bool = True) -> JobRecord:
    """Wait for the end of a job.

    The job goes on if the waiting is interrupted (`KeyboardInterrupt`).

    Args:
        name: The job's name.
        region: AWS region.
        show_logs: Print its containers' lines as they come.

    Returns:
        The answer of the service after the end, whatever the end was.

    Raises:
        ConfigError: The AWS configuration cannot be used.
        JobFailed: The service has not answered for a long time, or knows no such job.
    """
    with explained(problem_at(SERVICE)):
        jobs, tail = ProcessingJobs(region), LogTail(name, region) if show_logs else None
    with Display() as display:
        return _Watch(name, jobs, display, tail).to_the_end()


class _Watch:
    def __init__(
        self, name: str, jobs: ProcessingJobs, display: Display, tail: LogTail | None
    ) -> None:
        self._name = name
        self._jobs = jobs
        self._display = display
        self._tail = tail

    def to_the_end(self) -> JobRecord:
        record = self._look()
        was_over = record.has_ended
        self._show(record, is_last=was_over)
        while not record.has_ended:
            time.sleep(POLL_SECONDS)
            record = self._look()
            self._show(record)
        if not was_over:
            time.sleep(LATE_SECONDS)
            self._show(record, is_last=True)
        return record

    def _look(self) -> JobRecord:
        failures = 0
        while True:
            try:
                return self._jobs.ask(self._name)
            except AwsError as exc:
                failures += 1
                if failures == LOST_AFTER or not _will_pass(exc):
                    again = f"it goes on; action=logs job.name={self._name} follows it again"
                    what = f"lost sight of the job {self._name!r}: {reason(exc)}; {again}"
                    raise JobFailed(what) from exc
            time.sleep(POLL_SECONDS)

    def _show(self, record: JobRecord, is_last: bool = False) -> None:
        self._display.status(record)
        if self._tail is None:
            return
        self._tail.secrets = secrets_of(record)
        try:
            self._display.lines(self._tail.new_lines())
        except AwsError as exc:
            if is_last or not _will_pass(exc):
                self._tail = None
                self._display.note(f"log lines cannot be shown: {reason(exc)}")


def _will_pass(error: BaseException) -> bool:
    """Return whether the same call may succeed later by itself."""
    if isinstance(error, exceptions.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or status == 429 or code_of(error) in THROTTLED
    return isinstance(error, _PASSING)


@dataclass(frozen=True)
class _Phase:
    """The text of the bar while the job has not said how far it is."""

    status: str
    seconds: float
    bytes: int = 0
    of: int | None = None

    def __str__(self) -> str:
        return f"{self.status}, {duration(self.seconds)}"


class Display(WithView):
    """The output about a job: log lines on stdout, states on stderr, and on a terminal a bar."""

    def __init__(self) -> None:
        super().__init__(default_view())
        self._has_bar = sys.stderr.isatty()
        self._status = ""
        self._hosts = 1
        self._progress: Progress | None = None
        self._is_measured = False
        self._time = 0.0

    def status(self, record: JobRecord) -> None:
        """Show the state of the job if it has changed."""
        self._hosts = record.request.instance_count
        age = (record.ended or datetime.now(UTC)) - record.created
        seconds = max(0.0, age.total_seconds())  # this machine's clock may be slow
        if record.status != self._status:
            self._status = record.status
            after = f" after {duration(seconds)}" if record.has_ended else ""
            colour = COLOURS.get(record.status)
            said = coloured(record.status, colour, sys.stderr) if colour else record.status
            self.note(f"{record.name}: {said}{after}")
        if self._has_bar and not self._is_measured:
            self._view.show(_Phase(record.status, seconds))

    def lines(self, lines: Sequence[LogLine]) -> None:
        """Print new log lines; the runtime's own progress lines move the bar instead."""
        for line in lines:
            self._time = line.milliseconds / 1000
            if not self._is_progress(line):
                prefix = f"{line.host}: " if self._hosts > 1 else ""
                print(f"{prefix}{line.text}", flush=True)

    def note(self, text: str) -> None:
        """Print something else that the user should know."""
        print(text, file=sys.stderr, flush=True)

    def _is_progress(self, line: LogLine) -> bool:
        if self._progress is None:
            # The lines' own times tell the speed: they may be seen long after they were written.
            self._progress = Progress(self._hosts, self._view, lambda: self._time)
        is_progress = self._progress.heard(line.host, line.text)
        self._is_measured |= is_progress
        return is_progress
