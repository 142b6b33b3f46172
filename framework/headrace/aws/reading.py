"""Read the content of objects: as checked chunks, as a digest, or only its beginning and end."""

from __future__ import annotations

import base64
import hashlib
import io
import os
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

CHANGED = "changed while it was read; start again when nobody writes to it"

SHA256 = "SHA256"
"""Name of the checksum in a listing."""

_FULL_OBJECT = "FULL_OBJECT"
_SHA256_TEXT = 44
"""Length of a SHA-256 in base64."""
_CHUNK_BYTES = 1 << 20
"""Bytes that a thread holds in memory."""
_HEAD_BYTES = 1 << 20
_TAIL_BYTES = 1 << 20
"""Parquet has its schema at the end."""


class CutError(Exception):
    """An answer broke off; the bytes before that are right."""


class DamagedError(Exception):
    """An answer does not have the checksum that came with it; none of its bytes can be used."""


class Answer:
    """The answer to a request for some bytes of an object.

    Args:
        s3: The client.
        source: The object as it was listed.
        start: Index of the first byte.
        end: Index after the last byte.

    Raises:
        botocore.exceptions.ClientError: S3 refuses, also because the object has changed.
    """

    def __init__(self, s3: Any, source: S3Object, start: int, end: int) -> None:
        part = {"Range": f"bytes={start}-{end - 1}"} if (start, end) != (0, source.size) else {}
        address = {"Bucket": source.bucket, "Key": source.key, "IfMatch": source.etag}
        self._source = source
        self._length = end - start
        self._fields = s3.get_object(**address, **part, ChecksumMode="ENABLED")

    @property
    def has_checksum(self) -> bool:
        """Return whether botocore compares a checksum as soon as all has been read."""
        return "ChecksumAlgorithm" in self._fields["ResponseMetadata"]

    @property
    def encryption(self) -> str | None:
        """Return the object's encryption, in S3's words."""
        value = self._fields.get("ServerSideEncryption")
        return None if value is None else str(value)

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes.

        Raises:
            CutError: The answer broke off.
            DamagedError: The checksum is not right.
            JobFailed: These are not the requested bytes.
        """
        with closing(self._fields["Body"]) as body:
            self._check()
            left = self._length
            try:
                while chunk := body.read(_CHUNK_BYTES):
                    left -= len(chunk)
                    yield chunk
            except FlexibleChecksumError as exc:
                raise DamagedError from exc
            except (BotoCoreError, HTTPError, OSError) as exc:
                raise CutError from exc
            if left:  # an answer without a length, which botocore cannot check
                raise CutError

    def _check(self) -> None:
        uri, length = self._source.uri, self._fields.get("ContentLength", self._length)
        if self._fields["ETag"].strip('"') != self._source.etag.strip('"'):
            raise JobFailed(f"{uri} {CHANGED}")  # from a store that has no If-Match
        if length != self._length:
            what = f"{length:,} bytes come where {self._length:,} were listed"
            raise JobFailed(f"{uri} cannot be read: {what}")


def sha256_of(
    objects: Iterable[S3Object], check: Callable[[], None], verb: str = "comparing"
) -> dict[str, str]:
    """Return the SHA-256 of objects; several are read at a time, and none is kept.

    Objects of which S3 itself keeps a SHA-256 are not read.

    Args:
        objects: The objects as they were listed.
        check: Called again and again in this thread; what it raises ends the reading.
        verb: Says on the terminal what goes on.

    Returns:
        URI → SHA-256.

    Raises:
        JobFailed: An object cannot be read to its end.
        botocore.exceptions.ClientError: S3 refuses, also because an object has changed.
    """
    wanted = list(objects)
    if not wanted:
        return {}
    s3, executor = client("s3"), DaemonExecutor(THREADS)
    with Meter(verb, sum(source.size for source in wanted)) as meter:
        running = {source.uri: executor.submit(_sha256, s3, source, meter) for source in wanted}
        try:
            wait(running.values(), check, meter.show)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
    return {uri: future.result() for uri, future in running.items()}


@contextmanager
def stand_in(of: S3Object) -> Iterator[Path]:
    """Write a file of the object's name and size that has only its first and its last megabyte.

    It stands in for the object where only the header of the data is read.

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


@contextmanager
def beginning(of: S3Object, size: int) -> Iterator[Path]:
    """Write a file of the object's name that has only its first bytes.

    Args:
        of: The object.
        size: Number of bytes.

    Raises:
        botocore.exceptions.ClientError: The object cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / PurePosixPath(of.key).name
        path.write_bytes(_read(of, 0, min(size, of.size)) if of.size else b"")
        yield path


class ObjectFile(io.RawIOBase):
    """An object as a file: each read asks S3 for the bytes that it needs.

    Args:
        of: The object, of at least one byte.
    """

    def __init__(self, of: S3Object) -> None:
        super().__init__()
        self._of = of
        self._position = 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that reading can go on anywhere."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position and return it."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._of.size}
        self._position = start[whence] + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return some bytes from the position on, none at the end."""
        rest = self._of.size - self._position
        length = rest if size < 0 else min(size, rest)
        if length <= 0:
            return b""
        data = _read(self._of, self._position, length)
        self._position += length
        return data


def _sha256(s3: Any, source: S3Object, meter: Meter) -> str:
    stored = _stored_sha256(s3, source)
    if stored is not None:
        meter.add(source.size)
        return stored
    digest = hashlib.sha256()
    try:
        for chunk in Answer(s3, source, 0, source.size).chunks():
            digest.update(chunk)
            meter.add(len(chunk))
    except (CutError, DamagedError) as exc:
        raise JobFailed(f"{source.uri} cannot be read: the connection broke") from exc
    return digest.hexdigest()


def _stored_sha256(s3: Any, source: S3Object) -> str | None:
    """Return the SHA-256 of all of an object that S3 keeps; None if there is none.

    That of an object that was uploaded in parts is made of theirs, and cannot be used.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    """
    if SHA256 not in source.checksums:
        return None
    address = {"Bucket": source.bucket, "Key": source.key, "IfMatch": source.etag}
    answer = s3.head_object(**address, ChecksumMode="ENABLED")
    text = str(answer.get("ChecksumSHA256", ""))
    if answer.get("ChecksumType", _FULL_OBJECT) != _FULL_OBJECT or len(text) != _SHA256_TEXT:
        return None
    return base64.b64decode(text).hex()


def _ranges(size: int) -> Iterator[tuple[int, int]]:
    if size:
        yield 0, min(size, _HEAD_BYTES)
    if size > _HEAD_BYTES:
        length = min(size - _HEAD_BYTES, _TAIL_BYTES)
        yield size - length, length


def _read(of: S3Object, start: int, length: int) -> bytes:
    answer = client("s3").get_object(
        Bucket=of.bucket, Key=of.key, IfMatch=of.etag, Range=f"bytes={start}-{start + length - 1}"
    )
    return bytes(answer["Body"].read())
