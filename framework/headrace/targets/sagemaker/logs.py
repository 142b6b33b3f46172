"""The log lines of a job on SageMaker, from CloudWatch, and the error that shows the last ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from headrace.aws.clients import AwsError, client, code_of
from headrace.errors import JobFailed
from headrace.runtime.process.messages import PREFIX
from headrace.runtime.shown import secret_values, without_secrets
from headrace.targets.sagemaker.record import JobRecord

GROUP = "/aws/sagemaker/ProcessingJobs"
SERVICE = "CloudWatch Logs"
EVENTS = 10_000
"""Events in one answer of ``GetLogEvents``, at most; a megabyte ends it earlier."""
LAST_LINES = 20
READ_LINES = 200
"""Of each host; many of them only tell how far the job was."""
MESSAGE_BYTES = 1024
"""The length at which SageMaker cuts the container's message."""

_STREAM = re.compile(r"(?P<host>.+?)(-\d{9,})?")
"""The end of a stream's name, after that of the job: the host and a time."""


@dataclass(frozen=True)
class LogLine:
    """One line that a container printed."""

    host: str
    """As in ``algo-1``."""
    milliseconds: int
    """Since 1970."""
    text: str


class LogTail:
    """The log streams of a job, one for each host. Streams may appear late.

    Every method raises what boto3 raises where CloudWatch cannot be asked; no line is lost by it.

    Args:
        job: The job's name.
        region: AWS region.
        secrets: What is masked in its lines.
        service: boto3's client; default: the one that all share.

    Raises:
        botocore.exceptions.BotoCoreError: The AWS configuration cannot be used.
    """

    def __init__(
        self, job: str, region: str, secrets: tuple[str, ...] = (), service: Any = None
    ) -> None:
        self.secrets = secrets
        self._prefix = f"{job}/"
        self._client = service or client("logs", region)
        self._tokens: dict[str, str] = {}
        self._unread: list[LogLine] = []

    def new_lines(self) -> list[LogLine]:
        """Return all lines since the last call, in the order of their times."""
        for stream in self._streams():
            self._read_on(stream)
        lines, self._unread = self._unread, []
        return sorted(lines, key=lambda line: line.milliseconds)

    def last_lines(self, count: int) -> list[LogLine]:
        """Return the newest lines of each host, even if `new_lines` has returned them before."""
        found = [line for stream in self._streams() for line in self._newest(stream, count)]
        return sorted(found, key=lambda line: line.milliseconds)

    def _streams(self) -> list[str]:
        pages = self._client.get_paginator("describe_log_streams").paginate(
            logGroupName=GROUP, logStreamNamePrefix=self._prefix
        )
        try:
            return [each["logStreamName"] for page in pages for each in page["logStreams"]]
        except AwsError as exc:
            if code_of(exc) == "ResourceNotFoundException":  # no job has ever run here
                return []
            raise

    def _read_on(self, stream: str) -> None:
        """Read the new lines. An answer may be empty and not the last, which repeats its token."""
        is_last = False
        while not is_last:
            token = self._tokens.get(stream)
            position = {"nextToken": token} if token else {}
            answer = self._events(stream, EVENTS, startFromHead=True, **position)
            self._unread += self._lines(stream, answer)
            self._tokens[stream] = answer["nextForwardToken"]
            is_last = self._tokens[stream] == token

    def _newest(self, stream: str, count: int) -> Iterator[LogLine]:
        return self._lines(stream, self._events(stream, count, startFromHead=False))

    def _events(self, stream: str, limit: int, **how: Any) -> dict[str, Any]:
        answer = self._client.get_log_events(
            logGroupName=GROUP, logStreamName=stream, limit=limit, **how
        )
        return dict(answer)

    def _lines(self, stream: str, answer: dict[str, Any]) -> Iterator[LogLine]:
        match = _STREAM.fullmatch(stream.removeprefix(self._prefix))
        host = match["host"] if match else stream
        for event in answer["events"]:
            text = without_secrets(event["message"].rstrip("\r\n"), self.secrets)
            yield LogLine(host, event["timestamp"], text)


def secrets_of(record: JobRecord) -> tuple[str, ...]:
    """Return the secrets that a job was given."""
    return secret_values(record.request.environment, record.request.arguments)


def job_failed(record: JobRecord, region: str) -> JobFailed:
    """Return the error for a job that failed or was stopped.

    Args:
        record: The answer of the service.
        region: AWS region; log lines that cannot be read there are left out.
    """
    lines: list[LogLine] = []
    with suppress(*AwsError):
        lines = LogTail(record.name, region, secrets_of(record)).last_lines(READ_LINES)
    return JobFailed(story(record, lines))


def story(record: JobRecord, lines: Sequence[LogLine]) -> str:
    """Return the last log lines, SageMaker's reason and the container's message, none twice."""
    why, message = record.failure_reason, record.exit_message
    return "\n".join(
        [
            *_log_lines(record, [line for line in lines if not _is_told(line.text, message)]),
            _ending(record) + (f": {why}" if why else ""),
            *([message] if message and message not in why else []),
        ]
    )


def _log_lines(record: JobRecord, lines: Sequence[LogLine]) -> list[str]:
    if not lines:
        return []
    has_hosts = record.request.instance_count > 1
    shown = [f"{line.host}: {line.text}" if has_hosts else line.text for line in lines]
    return [
        f"the last log lines of {record.name!r}:",
        *(f"  {line}" for line in shown[-LAST_LINES:]),
    ]


def _is_told(text: str, message: str) -> bool:
    """Return whether a line is in the message, which the runtime prints too, or is progress."""
    said = message.splitlines()
    is_cut = len(message.encode()) > MESSAGE_BYTES - 4  # a split character goes as a whole
    rest = bool(said) and is_cut and text.startswith(said[-1])
    return not text.strip() or text in said or rest or text.startswith(f"{PREFIX} rows=")


def _ending(record: JobRecord) -> str:
    if record.status != "Stopped":
        return f"the job {record.name!r} {record.status.lower()}"
    limit = record.request.limit_seconds
    seconds = record.billed_seconds()
    if limit and seconds and seconds >= limit:
        return f"the job {record.name!r} was stopped by its limit (resources.max_runtime_minutes)"
    return f"the job {record.name!r} was stopped"
