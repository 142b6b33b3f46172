"""The prefix that a result goes to: empty unless the user says otherwise, or cleared with care.

What `framework.output_folder` is for folders.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from framework.aws.clients import client
from framework.aws.objects import bucket_and_key, unlisted
from framework.config import OutputConfig
from framework.errors import ConfigError, Problem
from framework.inputs import COPIES
from framework.runtime.spec import PACKAGES
from framework.uris import join

WHERE = "output.path"
OURS = frozenset(
    {".hydra", "run.json", "request.json", "code", "config", "input.manifest"}
    | {PACKAGES, COPIES.partition("/")[0]}
)
"""What is left there by jobs and plans, and is no result."""


def check(output: OutputConfig) -> list[Problem]:
    """What keeps a result from being written there, as far as a listing shows it.

    Args:
        output: Its path is an ``s3://`` URI.
    """
    if not bucket_and_key(output.path)[0]:
        return [Problem(WHERE, f"{output.path!r} names no bucket")]
    try:
        with unlisted(output.path, WHERE):
            is_empty = not is_occupied(output.path)
    except ConfigError as exc:
        return list(exc.problems)
    if is_empty or output.overwrite:
        return []
    what = f"the prefix {output.path!r} is not empty"
    return [Problem(WHERE, f"{what}; choose another or set output.overwrite=true")]


def is_occupied(uri: str) -> bool:
    """Whether a prefix holds something that is not left by a plan or an earlier submission.

    Raises:
        botocore.exceptions.ClientError: There is no such bucket, or it may not be listed.
    """
    names = (PurePosixPath(name) for name in _names_in(uri))
    return any(name.name not in OURS and name.suffix != ".log" for name in names)


def _names_in(uri: str) -> Iterator[str]:
    """What lies directly below a prefix; folders without what is in them."""
    bucket, prefix = bucket_and_key(join(uri, ""))
    pages = client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
        found = [each["Prefix"] for each in page.get("CommonPrefixes", ())]
        found += [each["Key"] for each in page.get("Contents", ())]
        yield from (key.removeprefix(prefix).rstrip("/") for key in found if key != prefix)
