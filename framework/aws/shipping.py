"""What a job brings along, put where its request says that it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.aws.clients import AwsError, client, code_of
from framework.aws.objects import bucket_and_key, remove, with_prefix
from framework.aws.upload import upload
from framework.inputs import COPIES
from framework.runtime.spec import PACKAGES, REPORT
from framework.uris import join, uri_of
from framework.whole_files import json_text

if TYPE_CHECKING:
    from framework.config import JobConfig
    from framework.job import Job

REQUEST = "request.json"
MANIFEST = "manifest.json"
NEEDS_NO_CONSTRAINT = "us-east-1"


def ship(job: Job, config: JobConfig, region: str, check: Callable[[], None]) -> None:
    """Bring the request, the code, the parameters and this machine's data to S3.

    An earlier result in that place, where ``output.overwrite`` allows one, goes first, its manifest
    ahead of all else: SageMaker itself would leave it there, beside the new one.

    Args:
        job: What to ship.
        config: Where to.
        region: Where the job will run.
        check: Called all the while; what it raises ends it.

    Raises:
        JobFailed: S3 does not take it; of the new files none is left there.
    """
    output = uri_of(config.output.path)
    _provide_bucket(bucket_and_key(output)[0], region)
    sources: dict[str, Path | bytes] = {join(output, REQUEST): json_text(job.request).encode()}
    sources |= {join(output, name): content for name, content in job.files.items()}
    sources |= {join(output, name): file for name, file in job.uploads.items()}
    _clear(job.request, output, sources)
    upload(sources, config.job.kms_key, check)


def _clear(request: dict[str, Any], output: str, sources: dict[str, Any]) -> None:
    """Remove what would be taken for a part of this job: old results, copies of data, packages."""
    places = [each["S3Output"]["S3Uri"] for each in request["ProcessingOutputConfig"]["Outputs"]]
    found = {each.uri for place in places for each in with_prefix(join(place, ""))}
    copies = {each.uri for each in with_prefix(join(output, COPIES, ""))}
    packages = {each.uri for each in with_prefix(join(output, PACKAGES, ""))}
    copies |= {uri for uri in packages if uri.endswith(".whl")}
    remove(sorted(uri for uri in found if uri.endswith(f"/{REPORT}/{MANIFEST}")))
    remove(sorted(found | copies - sources.keys()))


def _provide_bucket(bucket: str, region: str) -> None:
    """Make the account's default bucket, where it is wanted for the first time.

    Any other bucket has been looked at before.
    """
    s3 = client("s3", region)
    try:
        s3.head_bucket(Bucket=bucket)
    except AwsError as exc:
        if code_of(exc) != "404":
            return  # it may be written to by those who may not look at it
        place = {"LocationConstraint": region}
        constraint = {} if region == NEEDS_NO_CONSTRAINT else {"CreateBucketConfiguration": place}
        s3.create_bucket(Bucket=bucket, **constraint)
