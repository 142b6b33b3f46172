"""The upload of a job's files and data to where its request expects them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from headrace.aws.clients import AwsError, client, code_of
from headrace.aws.reading import sha256_of
from headrace.aws.request import S3_PREFIX
from headrace.aws.s3 import bucket_and_key, with_prefix
from headrace.aws.threads import interruptible
from headrace.aws.upload import Uploads
from headrace.errors import ConfigError, Problem
from headrace.results.layout import RECEIPT, REQUEST, receipt_of
from headrace.results.output_prefix import (
    WHERE,
    PrefixContent,
    digests_of,
    look,
    make_room,
    obstacle,
    refusal,
)
from headrace.results.program_manifest import Ran, code_digest, counted
from headrace.results.reports import hosts as host_reports
from headrace.results.whole_files import json_text
from headrace.runtime.spec import CODE_INPUT, EVALUATION, REPORT
from headrace.uris import join, uri_of, within

if TYPE_CHECKING:
    from headrace.config.models import JobConfig
    from headrace.job.job import Job

NEEDS_NO_CONSTRAINT = "us-east-1"
REPORT_FILES = frozenset(
    (
        host_reports.MANIFEST,
        host_reports.METRICS,
        host_reports.TIMINGS,
        host_reports.REJECTED,
        EVALUATION,
    )
)
"""The files of a report that are not in folders of it."""


def ship(job: Job, config: JobConfig, region: str, check: Callable[[], None]) -> None:
    """Upload the request, the code, the parameters and this machine's data to S3.

    If ``output.overwrite`` allows it, an earlier result is removed first, beginning with its
    manifest: SageMaker itself would leave it there beside the new one. A receipt lists the uploaded
    files. It is uploaded first, so that nothing is there that it does not list, and again at the
    end: files older than their listing need not be read to see that they are unchanged. Then it
    also says what a client has to know that writes the manifest of a program.

    Args:
        job: The job; the caller holds the lock of its prefix.
        config: Names the prefix and the key.
        region: The region in which the job will run.
        check: Called all the while; what it raises ends the upload.

    Raises:
        ConfigError: Something that must stay is in the way; nothing has been changed.
        JobFailed: S3 does not take a file; none of the new files is left there.
    """
    output = uri_of(config.output.path)
    sources: dict[str, Path | bytes] = {REQUEST: json_text(job.request).encode()}
    sources |= job.files
    sources |= job.uploads
    content = interruptible(lambda: look(output, check), check)
    refused = interruptible(lambda: refusal(content, config.output.overwrite, sources), check)
    if problem := refused or _obstacle(content, job):
        raise ConfigError([Problem(WHERE, problem)])
    make_room(content, job.name, config.job.kms_key, check)
    digests, place = digests_of(sources, check), join(output, RECEIPT)
    with Uploads(config.job.kms_key, check).together() as uploads:
        uploads.place({place: receipt_of(job.name, digests, region)})
        uploads.place({join(output, name): source for name, source in sources.items()})
        program = interruptible(lambda: _program(job, check), check)
        uploads.place({place: receipt_of(job.name, digests, region, program)})


def provide_bucket(output: str, region: str) -> None:
    """Make the account's default bucket when it is needed for the first time.

    Any other bucket has been checked before.

    Args:
        output: URI of the prefix that the job writes to.
        region: AWS region.
    """
    s3, (bucket, _) = client("s3", region), bucket_and_key(output)
    try:
        s3.head_bucket(Bucket=bucket)
    except AwsError as exc:
        if code_of(exc) != "404":
            return  # a role may be allowed to write there and not to look
        place = {"LocationConstraint": region}
        constraint = {} if region == NEEDS_NO_CONSTRAINT else {"CreateBucketConfiguration": place}
        s3.create_bucket(Bucket=bucket, **constraint)


def _program(job: Job, check: Callable[[], None]) -> dict[str, Any] | None:
    """Return what the manifest will say of a program; None if the program itself writes it.

    Files are counted now, when the job is about to read them: they may be gone when it has ended.
    """
    program = job.program
    if program.writes_manifest:
        return None
    inputs, sha256 = {}, program.sha256
    for channel in job.view.inputs:
        if not channel.is_s3 or channel.kind != S3_PREFIX:
            continue
        objects = list(with_prefix(channel.uri))
        inputs[channel.name] = counted(len(objects), sum(each.size for each in objects))
        if channel.container_path == CODE_INPUT and not sha256:
            sha256 = code_digest(_below(channel.uri, sha256_of(objects, check)))
    return asdict(Ran(program.kind, program.entry, sha256, inputs))


def _below(uri: str, digests: Mapping[str, str]) -> dict[str, str]:
    """Return paths below a folder → SHA-256; of a single file, its own with an empty path."""
    return {each.removeprefix(uri).removeprefix("/"): sha256 for each, sha256 in digests.items()}


def _obstacle(content: PrefixContent, job: Job) -> str | None:
    """Return a problem if the job would read files as its own or SageMaker would replace them."""
    folders = [
        each.uri.removeprefix(f"{content.output}/")
        for each in job.view.inputs
        if each.uri.endswith("/") and within(each.uri, content.output)
    ]
    if read := [name for name in content.others if name.startswith(tuple(folders))]:
        return obstacle(content.output, read, "would be read as data")
    written = [name for name in content.others if _is_written(name, job)]
    return obstacle(content.output, written, "is in the way") if written else None


def _is_written(name: str, job: Job) -> bool:
    """Return whether a file of the job may get that name: a part, or one of the report's files."""
    folder, *rest = PurePosixPath(name).parts
    outputs = {each.name for each in job.view.outputs}
    if not rest or folder not in outputs:
        return False
    if not job.program.writes_manifest:  # it may give a file any name
        return True
    if folder == REPORT:  # each folder in it is taken for that of an instance
        return len(rest) > 1 or rest[0] in REPORT_FILES
    return rest[0].startswith("part-")
