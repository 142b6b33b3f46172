"""One object on its way to this machine, in one piece or in several."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from headrace.aws import etags
from headrace.aws.clients import AwsError, code_of, reason
from headrace.aws.reading import CHANGED, Answer, CutError, DamagedError
from headrace.aws.s3 import S3Object
from headrace.aws.threads import Meter
from headrace.errors import JobFailed

PIECE_BYTES = 64 << 20
"""Larger objects come in pieces of this size."""
ATTEMPTS = 5
"""For each piece. botocore tries again until an answer begins; what breaks after that is ours."""
PAUSE_SECONDS = 0.5
"""Before the second attempt; each later pause is twice as long."""

GONE_CODES = frozenset({"404", "NoSuchKey"})
CHANGED_CODES = frozenset({"412", "PreconditionFailed", "416", "InvalidRange"})


class StoppedError(Exception):
    """Nobody waits for it any more."""


@dataclass(frozen=True)
class Line:
    """What all fetches of a download share: whom to ask, whom to tell, when to stop."""

    s3: Any
    meter: Meter
    stop: threading.Event


class Fetch:
    """Fetches one object to one file, which appears when it is whole.

    Args:
        source: The object as it was listed.
        path: The file; its folder is made.
        line: What it shares with the others.
    """

    def __init__(self, source: S3Object, path: Path, line: Line) -> None:
        self._source = source
        self._path = path
        self._line = line
        self._aside = path.with_name(f".{uuid4().hex}")
        self._starts = range(0, max(source.size, 1), PIECE_BYTES)
        self._missing = len(self._starts)
        self._lock = threading.Lock()

    def pieces(self) -> Iterator[Callable[[], None]]:
        """What there is to do, in any order and at the same time; each raises `JobFailed`."""
        return (partial(self._explained, start) for start in self._starts)

    def discard(self) -> None:
        """Remove what is not whole."""
        self._aside.unlink(missing_ok=True)

    def _explained(self, start: int) -> None:
        uri = self._source.uri
        try:
            self._piece(start, min(start + PIECE_BYTES, self._source.size))
        except AwsError as exc:
            raise JobFailed(f"{uri} {_explanation(exc)}") from exc
        except OSError as exc:
            what = f"{uri} cannot be stored as {str(self._path)!r}: {exc.strerror}"
            raise JobFailed(what) from exc

    def _piece(self, start: int, end: int) -> None:
        self._aside.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._aside, os.O_WRONLY | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.seek(start)
            answer = self._fill(file, start, end)
        with self._lock:
            self._missing -= 1
            is_last = not self._missing
        if is_last:
            self._finish(answer)

    def _fill(self, file: BinaryIO, start: int, end: int) -> Answer:
        """Fetch one piece, going on where an answer broke off."""
        at, cause = start, ""
        for attempt in range(ATTEMPTS):
            self._pause(attempt)
            answer = Answer(self._line.s3, self._source, at, end)
            try:
                for chunk in answer.chunks():
                    self._pause(0)
                    file.write(chunk)
                    at += len(chunk)
                    self._line.meter.add(len(chunk))
                return answer
            except CutError:
                cause = f"the connection broke at byte {at:,} of {self._source.size:,}"
            except DamagedError:
                cause = "it arrives with another checksum than S3 says"
                self._line.meter.add(start - at)
                at = file.seek(start)
        raise JobFailed(f"{self._source.uri} cannot be read in {ATTEMPTS} attempts: {cause}")

    def _pause(self, attempt: int) -> None:
        if self._line.stop.wait(PAUSE_SECONDS * 2 ** (attempt - 1) if attempt else 0):
            raise StoppedError

    def _finish(self, answer: Answer) -> None:
        is_checked = answer.has_checksum  # no answer has one that does not bring all of it
        s3, source = self._line.s3, self._source
        if not is_checked and not etags.fits(self._aside, source, answer.encryption, s3):
            raise JobFailed(f"{source.uri} arrived damaged: its MD5 is another than S3 says")
        self._aside.replace(self._path)


def _explanation(error: BaseException) -> str:
    code = code_of(error)
    if code in GONE_CODES:
        return "is gone: it was there when the input was listed"
    return CHANGED if code in CHANGED_CODES else f"cannot be read: {reason(error)}"
