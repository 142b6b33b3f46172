"""The objects below a prefix: which belong to earlier jobs, and which do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice

from headrace.aws import lock
from headrace.aws.clients import client
from headrace.aws.reading import sha256_of
from headrace.aws.s3 import S3Object, bucket_and_key, with_prefix
from headrace.results import layout as result_files
from headrace.results.layout import MANIFEST, RECEIPT, Listing
from headrace.uris import join

MOST_BYTES = 64 << 20
"""Of a manifest; whatever is larger is none."""
ENOUGH = 4
"""Objects that are listed where none of them is ours."""


@dataclass(frozen=True)
class PrefixContent:
    """The objects below a prefix, by paths below it, without the lock.

    Attributes:
        output: URI of the prefix.
        result: What the manifest lists that is there, if it is one of ours.
        receipt: The same of a receipt.
        ours: The files that they list and that are there as they were.
        changed: Those that somebody has changed since.
        others: All else; without a manifest or a receipt of ours only the first of it.
    """

    output: str
    result: Listing | None = None
    receipt: Listing | None = None
    ours: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def nothing() -> None:
    """Nobody wants an end."""


def look(output: str, check: Callable[[], None] = nothing) -> PrefixContent:
    """List a prefix and separate headrace's objects from others.

    Args:
        output: Its URI.
        check: Called while objects are compared; what it raises ends that.

    Raises:
        JobFailed: An object cannot be read.
        botocore.exceptions.ClientError: There is no such bucket, or it may not be read.
    """
    every = _objects(output)
    first = dict(islice(every, ENOUGH))
    if not first:
        return PrefixContent(output)
    contents = {name: _content(join(output, name)) for name in (MANIFEST, RECEIPT)}
    read = {name: result_files.listed(each) for name, each in contents.items() if each is not None}
    listings = {name: each for name, each in read.items() if each is not None}
    if not listings:
        return PrefixContent(output, others=tuple(dict.fromkeys((*read, *first))))
    objects = dict(chain(first.items(), every))
    files = {file for each in listings.values() for file in each.files} & objects.keys()
    changed = set(_changed({name: objects[name] for name in files}, listings, objects, check))
    return PrefixContent(
        output,
        listings.get(MANIFEST),
        listings.get(RECEIPT),
        tuple(sorted(files - changed)),
        tuple(sorted(changed)),
        tuple(sorted(objects.keys() - files)),
    )


def _objects(output: str) -> Iterator[tuple[str, S3Object]]:
    base = join(output, "")
    for each in with_prefix(base):
        name = each.uri.removeprefix(base)
        if name != lock.NAME:
            yield name, each


def _content(uri: str) -> bytes | None:
    """Return a manifest's or receipt's content; None without one, empty if it is invalid."""
    bucket, key = bucket_and_key(uri)
    s3 = client("s3")
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return None
    with closing(answer["Body"]) as body:
        return bytes(body.read()) if answer["ContentLength"] <= MOST_BYTES else b""


def _changed(
    files: Mapping[str, S3Object],
    listings: Mapping[str, Listing],
    objects: Mapping[str, S3Object],
    check: Callable[[], None],
) -> Iterator[str]:
    """Yield the files whose content differs from what a listing says.

    A listing is written last: what is older is as it was, and need not be read.
    """
    knowing = {
        name: [
            (listing, objects[at]) for at, listing in listings.items() if name in listing.digests
        ]
        for name in files
    }
    doubtful = {
        name: each
        for name, each in files.items()
        if knowing[name] and not any(each.modified < at.modified for _, at in knowing[name])
    }
    digests = sha256_of(doubtful.values(), check)
    for name, each in doubtful.items():
        found = digests[each.uri]
        if not any(listing.is_unchanged(name, found) for listing, _ in knowing[name]):
            yield name
