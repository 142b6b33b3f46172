"""Download whole objects from S3: the ones that were listed, or an error that names one.

boto3's own transfer manager is not enough. It requests small objects without naming a version, and
it checks nothing of what it fetches in ranges. So objects are fetched here with ``GetObject`` and
``If-Match``, several at a time and large ones in pieces. Then

* botocore compares the checksum that S3 sends along, if the object came in one piece and has a
  checksum of the whole that botocore can compute (CRC32, SHA-1, SHA-256);
* otherwise the ETag is compared, if it is made of MD5s. That takes 1.5 s for a GB, beside the time
  of the transfer.

An object that KMS has encrypted has no such ETag. If it is large, only TLS, its size and
``If-Match`` protect it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO
from uuid import uuid4

from headrace.aws.clients import AwsError, client, code_of, explained, reason
from headrace.aws.reading import CHANGED, Answer, CutError, DamagedError
from headrace.aws.s3 import S3Object
from headrace.aws.threads import THREADS, DaemonExecutor, Meter, wait
from headrace.errors import JobFailed

GRACE_SECONDS = 2.0
"""Time for the threads to notice that they are to end."""
PIECE_BYTES = 64 << 20
"""Larger objects come in pieces of this size."""
ATTEMPTS = 5
"""Attempts for each piece. botocore retries until an answer begins, and not after that."""
PAUSE_SECONDS = 0.5
"""Pause before the second attempt; each later one is twice as long."""

_GONE_CODES = frozenset({"404", "NoSuchKey"})
_CHANGED_CODES = frozenset({"412", "PreconditionFailed", "416", "InvalidRange"})
_PLAIN = (None, "AES256")
"""Encryption that leaves ETags as they are. KMS does not."""
_ETAG = re.compile(r'"?(?P<md5>[0-9a-f]{32})(-(?P<parts>\d+))?"?')
_READ_BYTES = 1 << 20


def download(wanted: Mapping[Path, S3Object], check: Callable[[], None]) -> None:
    """Download objects; each file appears when it is whole.

    Args:
        wanted: File → object. Missing folders are created.
        check: Called again and again in this thread; what it raises ends the download.

    Raises:
        JobFailed: An object changed or vanished, arrives damaged or not at all, or the disk is
            full. The files that were whole by then are there.
    """
    stop = Event()
    total = sum(source.size for source in wanted.values())
    with explained(), Meter("downloading", total) as meter:
        shared = _Shared(client("s3"), meter, stop)
        fetches = [_Fetch(source, path, shared) for path, source in wanted.items()]
        with _threads(stop, fetches) as executor:
            running = [executor.submit(piece) for fetch in fetches for piece in fetch.pieces()]
            wait(running, check, meter.show)


class _StoppedError(Exception):
    """The download has ended before the piece was fetched."""


@dataclass(frozen=True)
class _Shared:
    """The client, the progress and the signal to stop, which all fetches of a download share."""

    s3: Any
    meter: Meter
    stop: threading.Event


class _Fetch:
    """Fetches one object to one file, which appears when it is whole.

    Args:
        source: The object as it was listed.
        path: The file; its folder is created.
        shared: Shared with the other fetches.
    """

    def __init__(self, source: S3Object, path: Path, shared: _Shared) -> None:
        self._source = source
        self._path = path
        self._shared = shared
        self._aside = path.with_name(f".{uuid4().hex}")
        self._starts = range(0, max(source.size, 1), PIECE_BYTES)
        self._missing = len(self._starts)
        self._lock = threading.Lock()

    def pieces(self) -> Iterator[Callable[[], None]]:
        """Yield the calls that fetch the pieces, in any order and at the same time.

        Each raises `JobFailed`.
        """
        return (partial(self._explained, start) for start in self._starts)

    def discard(self) -> None:
        """Remove the file if it is not whole."""
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
        """Fetch one piece; if an answer breaks off, continue from there."""
        at, cause = start, ""
        for attempt in range(ATTEMPTS):
            self._pause(attempt)
            answer = Answer(self._shared.s3, self._source, at, end)
            try:
                for chunk in answer.chunks():
                    self._pause(0)
                    file.write(chunk)
                    at += len(chunk)
                    self._shared.meter.add(len(chunk))
                return answer
            except CutError:
                cause = f"the connection broke at byte {at:,} of {self._source.size:,}"
            except DamagedError:
                cause = "it arrives with another checksum than S3 says"
                self._shared.meter.add(start - at)
                at = file.seek(start)
        raise JobFailed(f"{self._source.uri} cannot be read in {ATTEMPTS} attempts: {cause}")

    def _pause(self, attempt: int) -> None:
        if self._shared.stop.wait(PAUSE_SECONDS * 2 ** (attempt - 1) if attempt else 0):
            raise _StoppedError

    def _finish(self, answer: Answer) -> None:
        is_checked = answer.has_checksum  # no answer has one that does not bring all of it
        s3, source = self._shared.s3, self._source
        if not is_checked and not _fits(self._aside, source, answer.encryption, s3):
            raise JobFailed(f"{source.uri} arrived damaged: its MD5 is another than S3 says")
        self._aside.replace(self._path)


def _fits(path: Path, source: S3Object, encryption: str | None, s3: Any) -> bool:
    """Return whether a file has the content that an ETag was made of.

    The ETag is the MD5 of the content or, if the object was uploaded in parts, that of the parts'
    MD5s and their number.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html

    Args:
        path: The fetched file.
        source: The object.
        encryption: Its encryption, in the words of ``GetObject``.
        s3: The client, to ask for the parts.

    Returns:
        True also if the ETag says nothing.
    """
    match = _ETAG.fullmatch(source.etag)
    if encryption not in _PLAIN or match is None:
        return True
    if match["parts"]:
        return _fits_parts(path, source, match["md5"], int(match["parts"]), s3)
    (digest,) = _md5s(path, [source.size])
    return digest.hex() == match["md5"]


@contextmanager
def _threads(stop: Event, fetches: Sequence[_Fetch]) -> Iterator[DaemonExecutor]:
    """Start threads for fetching; at the end, stop them and remove files that are not whole."""
    executor = DaemonExecutor(THREADS)
    try:
        yield executor
    finally:
        stop.set()
        executor.shutdown(wait=False, cancel_futures=True)
        executor.join(GRACE_SECONDS)
        for fetch in fetches:
            with contextlib.suppress(OSError):
                fetch.discard()


def _explanation(error: BaseException) -> str:
    code = code_of(error)
    if code in _GONE_CODES:
        return "is gone: it was there when the input was listed"
    return CHANGED if code in _CHANGED_CODES else f"cannot be read: {reason(error)}"


def _fits_parts(path: Path, source: S3Object, md5: str, count: int, s3: Any) -> bool:
    """Compare parts of equal length first, which most objects have; then ask for each length."""
    try:
        first = _part_bytes(source, 1, s3)
        equal = [first] * (count - 1) + [source.size - first * (count - 1)]
        if _md5_of_md5s(path, equal) == md5:
            return True
        exact = [_part_bytes(source, number, s3) for number in range(1, count + 1)]
    except AwsError:  # a store that keeps no parts
        return True
    return sum(exact) != source.size or _md5_of_md5s(path, exact) == md5


def _part_bytes(source: S3Object, number: int, s3: Any) -> int:
    part = s3.head_object(Bucket=source.bucket, Key=source.key, PartNumber=number)
    return int(part["ContentLength"])


def _md5_of_md5s(path: Path, sizes: Sequence[int]) -> str:
    return hashlib.md5(b"".join(_md5s(path, sizes)), usedforsecurity=False).hexdigest()


def _md5s(path: Path, sizes: Sequence[int]) -> Iterator[bytes]:
    """Yield the MD5 of each part of a file."""
    with path.open("rb") as file:
        for size in sizes:
            digest, left = hashlib.md5(usedforsecurity=False), size
            while chunk := file.read(max(0, min(left, _READ_BYTES))):
                digest.update(chunk)
                left -= len(chunk)
            yield digest.digest()
