"""Why a job on SageMaker ended without a result, as its user is told."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from headrace.aws.clients import AwsError
from headrace.errors import JobFailed
from headrace.runtime.process.messages import PREFIX
from headrace.targets.sagemaker.log_tail import LogLine, LogTail
from headrace.targets.sagemaker.record import JobRecord

LAST_LINES = 20
READ_LINES = 200
"""Of each host; many of them only tell how far the job was."""
MESSAGE_BYTES = 1024
"""Where SageMaker cuts the container's message."""


def job_failed(record: JobRecord, region: str) -> JobFailed:
    """The error for a job that failed or was stopped.

    Args:
        record: What the service says of it.
        region: AWS region, where its log lines are; if they cannot be read, it does without.
    """
    lines: list[LogLine] = []
    with suppress(*AwsError):
        lines = LogTail(record.name, region).last_lines(READ_LINES)
    return JobFailed(story(record, lines))


def story(record: JobRecord, lines: Sequence[LogLine]) -> str:
    """The last log lines, what SageMaker says, what the container said; nothing of it twice."""
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
    """The runtime prints its message as well; and how far it was matters no more."""
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
