"""The output prefix on S3: what it holds, whether a job may write there, and replacing a result.

The same rule as for folders: what a manifest or a receipt of ours lists belongs to an earlier job
and may be replaced, anything else stays. Where there is neither, a prefix has to be empty.

S3 has no rename, and deletes and writes object by object. So a receipt goes ahead of a replacement:
it lists what is about to be removed, and then what is about to be written. A job that is killed
meanwhile leaves only files that the receipt lists, and the next job may replace them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

from headrace.aws import lock
from headrace.aws.account import COMPLETED, RUNNING, status_of
from headrace.aws.clients import client
from headrace.aws.reading import sha256_of
from headrace.aws.s3 import S3Object, bucket_and_key, remove, unlisted, with_prefix
from headrace.aws.threads import interruptible
from headrace.aws.upload import upload
from headrace.config.models import OutputConfig
from headrace.errors import ConfigError, JobFailed, Problem
from headrace.results.layout import MANIFEST, RECEIPT, Listing, receipt_of
from headrace.results.layout import listed as files_of
from headrace.runtime.shown import listed, plain, quoted
from headrace.uris import join

WHERE = "output.path"
Check = Callable[[], None]
"""Called while something goes on; what it raises ends that."""

_MOST_NAMES = 3
"""Objects that a message names."""
_URI_LENGTH = 400
_MOST_BYTES = 64 << 20
"""Size of a manifest; a larger object is none."""
_ENOUGH = 4
"""Objects that are listed if none of them is ours."""


@dataclass(frozen=True)
class PrefixContent:
    """The objects below a prefix, by paths below it, without the lock.

    Attributes:
        output: URI of the prefix.
        result: The files that a manifest of ours lists; None without one.
        receipt: The files that a receipt of ours lists; None without one.
        ours: The listed files that are there and unchanged.
        changed: The listed files that have been changed since.
        others: All other files; without a manifest or a receipt of ours only the first few.
    """

    output: str
    result: Listing | None = None
    receipt: Listing | None = None
    ours: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def look(output: str, check: Check = lambda: None) -> PrefixContent:
    """List a prefix and separate headrace's objects from others.

    Args:
        output: Its URI.
        check: Called while objects are compared; what it raises ends that.

    Raises:
        JobFailed: An object cannot be read.
        botocore.exceptions.ClientError: There is no such bucket, or it may not be read.
    """
    found = _objects(output)
    first = dict(islice(found, _ENOUGH))
    if not first:
        return PrefixContent(output)
    contents = {name: _content(join(output, name)) for name in (MANIFEST, RECEIPT)}
    read = {name: files_of(content) for name, content in contents.items() if content is not None}
    listings = {name: listing for name, listing in read.items() if listing is not None}
    if not listings:
        return PrefixContent(output, others=tuple(dict.fromkeys((*read, *first))))
    objects = dict(chain(first.items(), found))
    files = {file for listing in listings.values() for file in listing.files} & objects.keys()
    changed = set(_changed({name: objects[name] for name in files}, listings, objects, check))
    return PrefixContent(
        output,
        listings.get(MANIFEST),
        listings.get(RECEIPT),
        tuple(sorted(files - changed)),
        tuple(sorted(changed)),
        tuple(sorted(objects.keys() - files)),
    )


def check(output: OutputConfig, new: Iterable[str] = ()) -> list[Problem]:
    """Return what prevents writing a result there, as far as it is known now.

    Args:
        output: Its path is an ``s3://`` URI.
        new: Files that will be written, as far as they are known: paths below it.
    """
    if not bucket_and_key(output.path)[0]:
        return [Problem(WHERE, f"{output.path!r} names no bucket")]
    try:
        with unlisted(output.path, WHERE):
            if next(with_prefix(join(output.path, "")), None) is None:
                return []  # and there is no lock
            problem = _in_use(output.path) or refusal(look(output.path), output.overwrite, new)
    except ConfigError as exc:
        return list(exc.problems)
    except JobFailed as exc:
        problem = str(exc)
    return [Problem(WHERE, problem)] if problem else []


def refusal(content: PrefixContent, overwrite: bool, new: Iterable[str]) -> str | None:
    """Return why a result may not be written to a prefix, or None.

    Args:
        content: What is there.
        overwrite: Whether an earlier result may be replaced.
        new: Files that will be written, as far as they are known: paths below the prefix.

    Raises:
        botocore.exceptions.ClientError: SageMaker cannot be asked.
    """
    prefix = f"the prefix {shown(content.output)}"
    job, status = _job_of(content.receipt)
    if status in RUNNING:
        how = f"wait for its end, stop it by action=stop job.name={job}, or choose another prefix"
        return f"the job {job} on SageMaker is writing to {shown(content.output)}; {how}"
    if content.result is not None and not overwrite:
        return f"{prefix} holds a result; choose another or set output.overwrite=true"
    if content.changed:
        names = listed(content.changed, _MOST_NAMES)
        what = "changed since it was written, so it is not replaced"
        return f"{prefix}: {names} {what}; move it away or choose another prefix"
    if content.result is None and content.others and status == COMPLETED:
        what = f"holds what the job {job} left, whose {MANIFEST} nobody has written yet"
        how = f"action=describe job.name={job} does, and makes it a result; or choose another"
        return f"{prefix} {what}; {how}"
    if content.result is None and content.others:
        why = f", and {_why(content)}" if overwrite else ""
        return f"{prefix} is not empty ({_named(content.others)}){why}; choose another prefix"
    clashes = sorted({*content.others}.intersection({*new, RECEIPT}))
    return obstacle(content.output, clashes, "is in the way") if clashes else None


def obstacle(output: str, names: Iterable[str], why: str) -> str:
    """Return a problem: files there belong to no job, and would be overwritten or mixed in."""
    what = f"{listed(names, _MOST_NAMES)} {why} and belongs to no earlier result"
    return f"the prefix {shown(output)}: {what}; move it away or choose another prefix"


def shown(uri: str) -> str:
    """Return a URI for a message."""
    return quoted(uri, _URI_LENGTH)


def make_room(content: PrefixContent, job: str, kms_key: str | None, check: Check) -> None:
    """Remove what earlier jobs left, manifests first, and nothing else.

    Args:
        content: What there is.
        job: Name of the job that needs the room.
        kms_key: Encrypts the receipt.
        check: Called all the while; what it raises ends it.

    Raises:
        JobFailed: S3 keeps an object.
        botocore.exceptions.ClientError: S3 refuses altogether.
    """
    if content.result is not None:
        upload({join(content.output, RECEIPT): _of_the_old(content, job)}, kms_key, check)
    manifests = [name for name in content.ours if is_manifest(name)]
    rest = [name for name in content.ours if not is_manifest(name) and name != RECEIPT]
    for names in (manifests, rest):
        interruptible(partial(remove, [join(content.output, name) for name in names]), check)


def digests_of(files: Mapping[str, Path | bytes], check: Check) -> dict[str, str]:
    """Return the SHA-256 of files that will be written, for their receipt.

    Args:
        files: Path below the prefix → where its content is.
        check: Called between two files.

    Raises:
        JobFailed: A file cannot be read.
    """
    digests = {}
    for name, source in files.items():
        check()
        digests[name] = _sha256(source)
    return digests


def is_manifest(name: str) -> bool:
    """Return whether a file lists others: the manifest, or that of one of several hosts."""
    return name.rpartition("/")[2] == MANIFEST.rpartition("/")[2]


def _named(names: Sequence[str]) -> str:
    """Return the first of them; of a prefix without a manifest no more is listed."""
    return listed(names[:_MOST_NAMES]) + (", and more" if len(names) > _MOST_NAMES else "")


def _why(content: PrefixContent) -> str:
    """Return why there is no result that could be replaced."""
    why = f"there is no {MANIFEST}"
    if MANIFEST in content.others:
        why = f"{MANIFEST} is none of headrace's, or has been changed"
    return f"is not taken for a result of headrace: {why}"


def _in_use(output: str) -> str | None:
    holder = lock.held_by(output)
    return None if holder is None else lock.in_use(output, holder)


def _job_of(receipt: Listing | None) -> tuple[str, str | None]:
    """Return the job that left a receipt, and its status on SageMaker."""
    if receipt is None or receipt.region is None or receipt.job is None:
        return "", None
    return plain(receipt.job), status_of(receipt.job, receipt.region)


def _objects(output: str) -> Iterator[tuple[str, S3Object]]:
    base = join(output, "")
    for found in with_prefix(base):
        name = found.uri.removeprefix(base)
        if name != lock.NAME:
            yield name, found


def _content(uri: str) -> bytes | None:
    """Return a manifest's or receipt's content; None without one, empty if it is invalid."""
    bucket, key = bucket_and_key(uri)
    s3 = client("s3")
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return None
    with closing(answer["Body"]) as body:
        return bytes(body.read()) if answer["ContentLength"] <= _MOST_BYTES else b""


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
        name: file
        for name, file in files.items()
        if knowing[name] and not any(file.modified < at.modified for _, at in knowing[name])
    }
    digests = sha256_of(doubtful.values(), check)
    for name, file in doubtful.items():
        sha256 = digests[file.uri]
        if not any(listing.is_unchanged(name, sha256) for listing, _ in knowing[name]):
            yield name


def _of_the_old(content: PrefixContent, job: str) -> bytes:
    listings = [listing for listing in (content.receipt, content.result) if listing is not None]
    known = {name: sha256 for listing in listings for name, sha256 in listing.digests.items()}
    return receipt_of(job, {name: known.get(name) for name in content.ours})


def _sha256(source: Path | bytes) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    try:
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise JobFailed(f"cannot read {str(source)!r}: {exc.strerror}") from exc
