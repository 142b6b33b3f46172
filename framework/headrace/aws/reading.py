"""Read the content of objects: as checked chunks, as a digest, or only its beginning and end."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import BotoCoreError, FlexibleChecksumError
from urllib3.exceptions import HTTPError

from headrace.aws.clients import client
from headrace.aws.s3 import S3Object
from headrace.aws.threads import THREADS, DaemonExecutor, Meter, wait
from headrace.errors import JobFailed

CHUNK_BYTES = 1 << 20
"""What a thread holds in memory."""
CHANGED = "changed while it was read; start again when nobody writes to it"
HEAD_BYTES = 1 << 20
TAIL_BYTES = 1 << 20
"""Parquet has its schema at the end."""


class CutError(Exception):
    """It broke off; what has come can stay."""


class DamagedError(Exception):
    """It does not have the checksum that came with it; nothing of it can stay."""


class Answer:
    """Some bytes of an object, on their way.

    Args:
        s3: The client.
        source: The object as it was listed.
        start: First byte.
        end: The one after the last.

    Raises:
        botocore.exceptions.ClientError: S3 refuses, also because the object is another now.
        JobFailed: It answers something else.
    """

    def __init__(self, s3: Any, source: S3Object, start: int, end: int) -> None:
        part = {"Range": f"bytes={start}-{end - 1}"} if (start, end) != (0, source.size) else {}
        address = {"Bucket": source.bucket, "Key": source.key, "IfMatch": source.etag}
        self._source = source
        self._length = end - start
        self._fields = s3.get_object(**address, **part, ChecksumMode="ENABLED")

    @property
    def has_checksum(self) -> bool:
        """Whether botocore compares one, and so whether it has, once all has been read."""
        return "ChecksumAlgorithm" in self._fields["ResponseMetadata"]

    @property
    def encryption(self) -> str | None:
        """How the object is encrypted, in S3's words."""
        value = self._fields.get("ServerSideEncryption")
        return None if value is None else str(value)

    def chunks(self) -> Iterator[bytes]:
        """All of it.

        Raises:
            CutError: It broke off.
            DamagedError: The checksum is not right.
            JobFailed: These are not the bytes that were asked for.
        """
        with closing(self._fields["Body"]) as body:
            self._check()
            left = self._length
            try:
                while chunk := body.read(CHUNK_BYTES):
                    left -= len(chunk)
                    yield chunk
            except FlexibleChecksumError as exc:
                raise DamagedError from exc
            except (BotoCoreError, HTTPError, OSError) as exc:
                raise CutError from exc
            if left:  # it never said how long it was going to be
                raise CutError

    def _check(self) -> None:
        uri, length = self._source.uri, self._fields.get("ContentLength", self._length)
        if self._fields["ETag"].strip('"') != self._source.etag.strip('"'):
            raise JobFailed(f"{uri} {CHANGED}")  # by a store that knows no If-Match
        if length != self._length:
            what = f"{length:,} bytes come where {self._length:,} were listed"
            raise JobFailed(f"{uri} cannot be read: {what}")


def sha256_of(objects: Iterable[S3Object], check: Callable[[], None]) -> dict[str, str]:
    """Read objects, several at a time.

    Args:
        objects: As they were listed.
        check: Called all the while, in this thread; what it raises ends it.

    Returns:
        URI → SHA-256.

    Raises:
        JobFailed: One cannot be read to its end.
        botocore.exceptions.ClientError: S3 refuses, also because one has changed.
    """
    wanted = list(objects)
    if not wanted:
        return {}
    s3, executor = client("s3"), DaemonExecutor(THREADS)
    with Meter("comparing", sum(each.size for each in wanted)) as meter:
        running = {each.uri: executor.submit(_sha256, s3, each, meter) for each in wanted}
        try:
            wait(running.values(), check, meter.show)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
    return {uri: future.result() for uri, future in running.items()}


@contextmanager
def stand_in(of: S3Object) -> Iterator[Path]:
    """A file of the object's name and size, with a hole between its first and its last megabyte.

    Raises:
        botocore.exceptions.ClientError: The object cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / PurePosixPath(of.key).name
        with path.open("wb") as file:
            file.truncate(of.size)
            for start, length in _ranges(of.size):
                file.seek(start)
                file.write(_read(of, start, length))
        yield path


def _sha256(s3: Any, source: S3Object, meter: Meter) -> str:
    digest = hashlib.sha256()
    try:
        for chunk in Answer(s3, source, 0, source.size).chunks():
            digest.update(chunk)
            meter.add(len(chunk))
    except (CutError, DamagedError) as exc:
        raise JobFailed(f"{source.uri} cannot be read: the connection broke") from exc
    return digest.hexdigest()


def _ranges(size: int) -> Iterator[tuple[int, int]]:
    if size:
        yield 0, min(size, HEAD_BYTES)
    if size > HEAD_BYTES:
        length = min(size - HEAD_BYTES, TAIL_BYTES)
        yield size - length, length


def _read(of: S3Object, start: int, length: int) -> bytes:
    answer = client("s3").get_object(
        Bucket=of.bucket, Key=of.key, IfMatch=of.etag, Range=f"bytes={start}-{start + length - 1}"
    )
    return bytes(answer["Body"].read())
