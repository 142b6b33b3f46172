"""Waiting for a job on SageMaker: looks at it now and then, and shows what is new."""

from __future__ import annotations

import time

from botocore import exceptions

from headrace.aws.clients import AwsError, code_of, explained, problem_at, reason
from headrace.errors import JobFailed
from headrace.targets.sagemaker.display import Display
from headrace.targets.sagemaker.jobs import SERVICE, ProcessingJobs
from headrace.targets.sagemaker.log_tail import LogTail
from headrace.targets.sagemaker.record import JobRecord

POLL_SECONDS = 5.0
"""Between two looks at a job."""
LATE_SECONDS = 5.0
"""CloudWatch has the last lines a little later than SageMaker has the end."""
LOST_AFTER = 10
"""Looks in a row that may fail, each of them tried several times by botocore already."""

THROTTLED = frozenset({"Throttling", "ThrottlingException", "TooManyRequestsException"})

_PASSING = (
    exceptions.HTTPClientError,
    # without a network, credentials cannot be renewed either
    exceptions.CredentialRetrievalError,
    exceptions.MetadataRetrievalError,
)


def follow(name: str, region: str, *, show_logs: bool = True) -> JobRecord:
    """Wait for the end of a job.

    Asks nothing of the job: whoever stops waiting (`KeyboardInterrupt`) leaves it running.

    Args:
        name: The job's name.
        region: AWS region.
        show_logs: Print its containers' lines as they come.

    Returns:
        What the service says of it at the end, whatever that was.

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
        try:
            self._display.lines(self._tail.new_lines())
        except AwsError as exc:
            if is_last or not _will_pass(exc):
                self._tail = None
                self._display.note(f"log lines cannot be shown: {reason(exc)}")


def _will_pass(error: BaseException) -> bool:
    """Whether the same call may succeed later, without anybody doing anything."""
    if isinstance(error, exceptions.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or status == 429 or code_of(error) in THROTTLED
    return isinstance(error, _PASSING)
