"""What an object's ETag says about its content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from headrace.aws.clients import AwsError
from headrace.aws.s3 import S3Object

PLAIN = (None, "AES256")
"""Encryption that leaves ETags as they are. KMS does not."""

_ETAG = re.compile(r'"?(?P<md5>[0-9a-f]{32})(-(?P<parts>\d+))?"?')
_READ_BYTES = 1 << 20


def fits(path: Path, source: S3Object, encryption: str | None, s3: Any) -> bool:
    """Whether a file has the content that an ETag was made of.

    The ETag is the MD5 of the content or, if the object was uploaded in parts, that of the parts'
    MD5s and their number.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html

    Args:
        path: What was fetched.
        source: The object.
        encryption: As ``GetObject`` called it.
        s3: The client, to ask for the parts.

    Returns:
        True also where the ETag says nothing.
    """
    match = _ETAG.fullmatch(source.etag)
    if encryption not in PLAIN or match is None:
        return True
    if match["parts"]:
        return _fits_parts(path, source, match["md5"], int(match["parts"]), s3)
    (digest,) = _md5s(path, [source.size])
    return digest.hex() == match["md5"]


def _fits_parts(path: Path, source: S3Object, md5: str, count: int, s3: Any) -> bool:
    """Tries parts of one length first, which nearly all have; else each has to be asked for."""
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
    """The MD5 of each part of a file."""
    with path.open("rb") as file:
        for size in sizes:
            digest, left = hashlib.md5(usedforsecurity=False), size
            while chunk := file.read(max(0, min(left, _READ_BYTES))):
                digest.update(chunk)
                left -= len(chunk)
            yield digest.digest()
