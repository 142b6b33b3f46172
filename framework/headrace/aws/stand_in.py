"""A file that looks like an object of S3 to whoever reads only its header."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from headrace.aws.clients import client
from headrace.aws.s3 import S3Object

HEAD_BYTES = 1 << 20
TAIL_BYTES = 1 << 20
"""Parquet has its schema at the end."""


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
