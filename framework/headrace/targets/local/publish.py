"""A result that goes to S3: its manifest goes last, so that half of one is never taken for all.

S3 has no rename. Where ``output.overwrite`` lets a result replace an earlier one, the old manifest
is deleted first, then what it lists, and only then the new result comes: at no time does a manifest
describe anything but what is there. A receipt lists what has come so far, for the next job to clear
away if this one is killed.

If anything fails on the way, what has been uploaded is removed as far as that is possible, and
there is no manifest. An earlier result does not come back then: it is lost from the moment on at
which its manifest is deleted, which is when all has been computed and only the upload is left to
do. Buckets with versioning keep it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.errors import JobFailed
from headrace.results.layout import RECEIPT
from headrace.targets.local.mirror import Mirror
from headrace.uris import join

if TYPE_CHECKING:
    from headrace.aws.lock import Lock

Check = Callable[[], None]


def publish(
    mirror: Mirror, output: str, overwrite: bool, kms_key: str | None, lock: Lock, check: Check
) -> None:
    """Upload all that lies in a mirror.

    Args:
        mirror: Holds the result and the job's own files.
        output: URI of the prefix that all of them are below.
        overwrite: Whether what an earlier job left there is replaced.
        kms_key: Encrypts the objects; default: as the bucket has it.
        lock: That of the prefix.
        check: Called all the while; what it raises ends it.

    Raises:
        JobFailed: S3 does not take or keep what it should, or somebody else wrote there meanwhile.
    """
    from headrace.aws.clients import explained  # boto3 takes its time
    from headrace.aws.threads import interruptible
    from headrace.aws.upload import Uploads
    from headrace.results.output_prefix import look, make_room, receipt_for, refusal

    base = join(output, "")
    new = {mirror.uri(path): path for path in mirror.files()}
    named = {uri.removeprefix(base): path for uri, path in new.items() if uri.startswith(base)}
    parts, *manifests = _rounds(new)
    receipt = join(output, RECEIPT)
    with explained():
        lock.confirm()
        content = interruptible(lambda: look(output, check), check)
        if problem := interruptible(lambda: refusal(content, overwrite, named), check):
            raise JobFailed(problem)
        make_room(content, lock.job, kms_key, check)
        with Uploads(kms_key, check).together() as uploads:
            uploads.place({receipt: receipt_for(lock.job, named, check)})
            uploads.place(parts)
            lock.confirm()
            for sources in manifests:
                uploads.place(sources)
    _forget(receipt, check)


def _forget(receipt: str, check: Check) -> None:
    """Remove the receipt; if that fails the result is none the worse."""
    from headrace.aws.clients import AwsError, reason
    from headrace.aws.s3 import remove
    from headrace.aws.threads import interruptible

    try:
        interruptible(lambda: remove([receipt]), check)
    except (*AwsError, JobFailed) as exc:
        print(f"note: {receipt} is left over, and means nothing: {reason(exc)}", file=sys.stderr)


def _rounds(new: dict[str, Path]) -> Iterator[dict[str, Path]]:
    """All but manifests, then those of single hosts, then the one of all."""
    from headrace.results.output_prefix import is_manifest

    def turn(uri: str) -> float:
        return -uri.count("/") if is_manifest(uri) else -math.inf

    for _, uris in groupby(sorted(new, key=turn), turn):
        yield {uri: new[uri] for uri in uris}
