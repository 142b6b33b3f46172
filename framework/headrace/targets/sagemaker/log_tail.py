"""The log lines of a job's containers, from CloudWatch, where SageMaker brings them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headrace.aws.clients import AwsError, client, code_of

GROUP = "/aws/sagemaker/ProcessingJobs"
SERVICE = "CloudWatch Logs"
EVENTS = 10_000
"""Events in one answer of ``GetLogEvents``, at most; a megabyte ends it earlier."""

_STREAM = re.compile(r"(?P<host>.+?)(-\d{9,})?")
"""Behind the job's name: the host and a time."""


@dataclass(frozen=True)
class LogLine:
    """One line that a container printed."""

    host: str
    """As in ``algo-1``."""
    milliseconds: int
    """Since 1970."""
    text: str


class LogTail:
    """Reads on where it stopped. Streams may appear late, one for each host.

    Every method raises what boto3 raises where CloudWatch cannot be asked; no line is lost by it.

    Args:
        job: The job's name.
        region: AWS region.

    Raises:
        botocore.exceptions.BotoCoreError: The AWS configuration cannot be used.
    """

    def __init__(self, job: str, region: str) -> None:
        self._prefix = f"{job}/"
        self._client = client("logs", region)
        self._tokens: dict[str, str] = {}
        self._heard: list[LogLine] = []

    def new_lines(self) -> list[LogLine]:
        """All lines since the last call, in the order of their times."""
        for stream in self._streams():
            self._read_on(stream)
        lines, self._heard = self._heard, []
        return sorted(lines, key=lambda line: line.milliseconds)

    def last_lines(self, count: int) -> list[LogLine]:
        """The newest lines of each host, whether they have been told before or not."""
        found = [line for stream in self._streams() for line in self._newest(stream, count)]
        return sorted(found, key=lambda line: line.milliseconds)

    def _streams(self) -> list[str]:
        pages = self._client.get_paginator("describe_log_streams").paginate(
            logGroupName=GROUP, logStreamNamePrefix=self._prefix
        )
        try:
            return [each["logStreamName"] for page in pages for each in page["logStreams"]]
        except AwsError as exc:
            if code_of(exc) == "ResourceNotFoundException":  # nobody here ever ran a job
                return []
            raise

    def _read_on(self, stream: str) -> None:
        """An answer may be empty and yet not the last: that one repeats its token."""
        is_last = False
        while not is_last:
            token = self._tokens.get(stream)
            position = {"nextToken": token} if token else {}
            answer = self._events(stream, EVENTS, startFromHead=True, **position)
            self._heard += self._lines(stream, answer)
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
            yield LogLine(host, event["timestamp"], event["message"].rstrip("\r\n"))
