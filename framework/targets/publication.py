"""A result that goes to S3: its manifest goes last, so that half of one is never taken for all.

S3 has no rename. Where ``output.overwrite`` lets a result replace an earlier one, the old manifest
is deleted first and what the new result does not replace goes before the new manifest comes: at no
time does a manifest describe anything but what is there.

If anything fails on the way, what has been uploaded is removed as far as that is possible, and
there is no manifest. An earlier result does not come back then: it is lost from the moment on at
which its manifest is deleted, which is when all has been computed and only the upload is left to
do. Buckets with versioning keep it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from framework.errors import JobFailed
from framework.runtime.spec import PACKAGES
from framework.targets.earlier import MANIFEST, REQUEST, RESULT, earlier
from framework.targets.mirror import Mirror
from framework.uris import join

Check = Callable[[], None]


def publish(
    mirror: Mirror, output: str, overwrite: bool, kms_key: str | None, check: Check
) -> None:
    """Upload all that lies in a mirror.

    Args:
        mirror: Holds the result and the job's own files.
        output: URI of the prefix that all of them are below.
        overwrite: Whether what an earlier job left there is replaced.
        kms_key: Encrypts the objects; default: as the bucket has it.
        check: Called all the while; what it raises ends it.

    Raises:
        JobFailed: S3 does not take or keep what it should, or somebody else wrote there meanwhile.
    """
    from framework.aws.clients import explained  # boto3 takes its time
    from framework.aws.daemons import interruptible
    from framework.aws.objects import remove
    from framework.aws.upload import Uploads

    new = {mirror.uri(path): path for path in mirror.files()}
    parts, *manifests = _rounds(new)
    with explained(), Uploads(kms_key, check).together() as uploads:
        old = _replaced(output, mirror, check) if overwrite else _nothing(output, check)
        interruptible(lambda: remove(uri for uri in old if _is_manifest(uri)), check)
        uploads.place(parts)
        interruptible(lambda: remove(uri for uri in old if uri not in new), check)
        for sources in manifests:
            uploads.place(sources)


def _rounds(new: dict[str, Path]) -> Iterator[dict[str, Path]]:
    """All but manifests, then those of single hosts, then the one of all."""

    def turn(uri: str) -> float:
        return -uri.count("/") if _is_manifest(uri) else -math.inf

    for _, uris in groupby(sorted(new, key=turn), turn):
        yield {uri: new[uri] for uri in uris}


def _is_manifest(uri: str) -> bool:
    return uri.endswith(f"/{MANIFEST}")


def _nothing(output: str, check: Check) -> list[str]:
    """The prefix was empty when the job began."""
    from framework.aws.daemons import interruptible
    from framework.aws.output_prefix import is_occupied

    if interruptible(lambda: is_occupied(output), check):
        what = f"the prefix {output!r} is not empty any more: somebody else writes there"
        raise JobFailed(f"{what}; choose another or set output.overwrite=true")
    return []


def _replaced(output: str, mirror: Mirror, check: Check) -> list[str]:
    """The objects of an earlier result; others below the prefix stay."""
    from framework.aws.daemons import interruptible
    from framework.aws.download import download
    from framework.aws.objects import with_prefix

    base = join(output, "")
    listed = interruptible(lambda: list(with_prefix(base)), check)
    found = {each.uri: each for each in listed}
    request = found.get(join(output, REQUEST))
    named = earlier(b"")
    if request is not None:
        copy = mirror.folder.parent / "earlier.json"
        download({copy: request}, check)
        named = earlier(copy.read_bytes())
    inside = [uri for uri in named.outputs if uri.rstrip("/").startswith(base)]
    folders = tuple(join(uri, "") for uri in (*(base + name for name in RESULT), *inside))
    wheels = join(base, PACKAGES, "")
    return [
        uri
        for uri in found
        if uri.startswith(folders)
        or uri in named.inputs
        or (uri.startswith(wheels) and uri.endswith(".whl"))
    ]
