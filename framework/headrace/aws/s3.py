"""List the objects below an ``s3://`` URI, and delete objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from headrace.aws.clients import client, explained
from headrace.errors import ConfigError, JobFailed, Problem
from headrace.runtime.data_files import IS_DELTA, is_data, is_of_delta
from headrace.uris import S3

MOST_AT_ONCE = 1000
"""Keys that one ``DeleteObjects`` takes."""


@dataclass(frozen=True)
class S3Object:
    """One object, as a listing shows it."""

    bucket: str
    key: str
    size: int
    """Bytes."""
    etag: str
    """Changes when the content does."""
    modified: datetime
    """Time at which it was written, in whole seconds of S3's clock."""
    checksums: tuple[str, ...] = ()
    """Algorithms of the checksums that S3 keeps of it, as in ``SHA256``."""

    @property
    def uri(self) -> str:
        """Return the object's URI."""
        return f"{S3}{self.bucket}/{self.key}"


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://bucket/some/key``; the key may be empty."""
    bucket, _, key = uri.removeprefix(S3).partition("/")
    return bucket, key


def with_prefix(uri: str) -> Iterator[S3Object]:
    """Yield all objects whose keys begin with the URI's, in the order of their keys.

    The markers of folders, empty objects whose keys end with a slash, are left out.

    Raises:
        botocore.exceptions.ClientError: There is no such bucket, or it may not be read.
    """
    bucket, prefix = bucket_and_key(uri)
    pages = client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", ()):
            if not entry["Key"].endswith("/"):
                yield S3Object(
                    bucket,
                    entry["Key"],
                    entry["Size"],
                    entry["ETag"],
                    entry["LastModified"],
                    tuple(entry.get("ChecksumAlgorithm", ())),
                )


def input_objects(uri: str, where: str) -> list[S3Object]:
    """Return the objects of an input of the kind ``S3Prefix``: one, or those below a folder.

    SageMaker takes every key that begins with the URI's. ``s3://b/data`` would include
    ``s3://b/database/…``, which is a mistake, so it is refused on every target.

    Args:
        uri: URI of an object or a folder.
        where: Key of the configuration that names it, for the message.

    Raises:
        ConfigError: Nothing is there, or more than one object or folder.
    """
    with unlisted(uri, where):
        objects = list(with_prefix(uri))
    if not objects:
        raise ConfigError([Problem(where, f"nothing is at {uri!r}")])
    folder = uri.rstrip("/") + "/"
    stray = next((o.uri for o in objects if o.uri != uri and not o.uri.startswith(folder)), None)
    if stray:
        what = f"{uri!r} also means {stray!r}, which begins with it; end a folder's name with '/'"
        raise ConfigError([Problem(where, what)])
    return objects


def data_objects(uri: str, where: str) -> list[S3Object]:
    """Return the objects of such an input that count as data, by the rule for files.

    Args:
        uri: URI of an object or a folder.
        where: Key of the configuration that names it, for the message.

    Raises:
        ConfigError: There are none, or there is a Delta table.
    """
    folder = uri.rstrip("/") + "/"
    objects = input_objects(uri, where)
    for s3 in objects:
        if is_of_delta(name := s3.uri.removeprefix(folder)):
            table = folder + name.rpartition("_delta_log/")[0]
            raise ConfigError([Problem(where, f"cannot read {table!r}: {IS_DELTA}")])
    data = [s3 for s3 in objects if s3.uri == uri or is_data(s3.uri.removeprefix(folder))]
    if not data:
        raise ConfigError([Problem(where, f"no files in {uri!r}")])
    return data


def unlisted(uri: str, where: str) -> AbstractContextManager[None]:
    """Turn an error of boto3 inside the ``with`` block into one that says which listing failed.

    Args:
        uri: URI of what is listed.
        where: Key of the configuration that names it.
    """
    return explained(lambda why: ConfigError([Problem(where, f"cannot list {uri!r}: {why}")]))


def object_at(uri: str, where: str) -> S3Object:
    """Return the object of exactly that URI.

    Args:
        uri: URI of an object.
        where: Key of the configuration that names it, for the message.

    Raises:
        ConfigError: It is not there.
    """
    with unlisted(uri, where):
        found = next(with_prefix(uri), None)  # listed before all keys that begin with its own
    if found is None or found.uri != uri:
        raise ConfigError([Problem(where, f"there is no object {uri!r}")])
    return found


def remove(uris: Iterable[str]) -> None:
    """Delete objects; one that is not there counts as deleted.

    Raises:
        JobFailed: S3 does not delete one.
        botocore.exceptions.ClientError: S3 refuses the request.
    """
    keys: dict[str, list[str]] = defaultdict(list)
    for uri in uris:
        bucket, key = bucket_and_key(uri)
        keys[bucket].append(key)
    for bucket, chosen in keys.items():
        for first in range(0, len(chosen), MOST_AT_ONCE):
            _remove_some(bucket, chosen[first : first + MOST_AT_ONCE])


def _remove_some(bucket: str, keys: Sequence[str]) -> None:
    wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
    for error in client("s3").delete_objects(Bucket=bucket, Delete=wanted).get("Errors", ()):
        uri = f"{S3}{bucket}/{error['Key']}"
        raise JobFailed(f"{uri} cannot be removed: {error['Code']}: {error['Message']}")
