"""Replace a result below a prefix: at no time is there a file that no list names.

S3 has no rename, and deletes and writes object by object. So a receipt goes ahead: it lists what
is about to be removed, and then what is about to be written. Whoever is killed on the way leaves
only files that the receipt lists, and the next job may replace them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from headrace.aws.s3 import remove
from headrace.aws.threads import interruptible
from headrace.aws.upload import upload
from headrace.errors import JobFailed
from headrace.results.layout import MANIFEST, RECEIPT, receipt_of
from headrace.results.prefix_content import PrefixContent
from headrace.uris import join

Check = Callable[[], None]


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


def receipt_for(
    job: str, files: Mapping[str, Path | bytes], check: Check, region: str | None = None
) -> bytes:
    """Return the receipt of files that will be written.

    Args:
        job: Name of the job that they are of.
        files: Path below the prefix → where its content is.
        check: Called between two files.
        region: AWS region that the job is submitted in, if it runs on SageMaker.

    Raises:
        JobFailed: A file cannot be read.
    """
    digests: dict[str, str | None] = {}
    for name, source in files.items():
        check()
        digests[name] = _sha256(source)
    return receipt_of(job, digests, region)


def is_manifest(name: str) -> bool:
    """Return whether a file lists others: the manifest, or that of one of several hosts."""
    return name.rpartition("/")[2] == MANIFEST.rpartition("/")[2]


def _of_the_old(content: PrefixContent, job: str) -> bytes:
    listings = [each for each in (content.receipt, content.result) if each is not None]
    known = {name: sha256 for each in listings for name, sha256 in each.digests.items()}
    return receipt_of(job, {name: known.get(name) for name in content.ours})


def _sha256(source: Path | bytes) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    try:
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise JobFailed(f"cannot read {str(source)!r}: {exc.strerror}") from exc
