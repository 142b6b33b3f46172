"""What S3 answers to ``GetObject``: the bytes that were asked for, of what was listed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from botocore.exceptions import BotoCoreError, FlexibleChecksumError
from urllib3.exceptions import HTTPError

from headrace.aws.s3 import S3Object
from headrace.errors import JobFailed

CHUNK_BYTES = 1 << 20
"""What a thread holds in memory."""
CHANGED = "changed while it was read; start again when nobody writes to it"


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
