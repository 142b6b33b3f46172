"""The report of a program on SageMaker, which writes none: a client writes it once all is on S3.

The service uploads what the program has written. The client that waits for the job, or
``action=describe`` later, then reads the outputs and writes ``report/manifest.json``, last and with
the function that the local target uses. What it has to know stands in the receipt that the job's
submission left (`headrace.targets.sagemaker.shipping`), so that any client can do it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.aws import lock
from headrace.aws.clients import AwsError, client, reason
from headrace.aws.reading import SHA256, sha256_of
from headrace.aws.request import RequestView
from headrace.aws.s3 import S3Object, bucket_and_key, with_prefix
from headrace.aws.threads import interruptible
from headrace.aws.upload import upload
from headrace.errors import JobFailed
from headrace.job.backend import CODE
from headrace.results.layout import MANIFEST, RECEIPT, REQUEST, Listing, is_inside, listed
from headrace.results.program_manifest import (
    LOG,
    LOG_LINES,
    NAME_TAKEN,
    TIMINGS,
    Part,
    Ran,
    log_text,
    program_manifest,
)
from headrace.results.whole_files import json_text
from headrace.runtime.shown import quoted
from headrace.runtime.spec import CODE_INPUT
from headrace.targets.sagemaker.logs import LogTail, secrets_of
from headrace.targets.sagemaker.record import JobRecord
from headrace.terminal.units import size
from headrace.uris import S3, join

WORTH_A_NOTE = 1 << 30
"""Bytes read back from S3 from which on the price is told."""
USD_PER_GB = 0.09
"""List price of the first terabytes that leave AWS: https://aws.amazon.com/s3/pricing/"""

Check = Callable[[], None]


@dataclass(frozen=True)
class Submission:
    """The files that the submission of a program has left on S3.

    Attributes:
        output: URI of ``output.path``.
        job: Name of the job.
        digests: Path → SHA-256 of the files that came with it.
        ran: What runs.
    """

    output: str
    job: str
    digests: Mapping[str, str]
    ran: Ran

    @classmethod
    def at(cls, output: str, job: str) -> Submission | None:
        """Return the submission of a job; None if it has left none there, or is that of a chain.

        Raises:
            botocore.exceptions.ClientError: The receipt cannot be read.
        """
        content = _content(join(output, RECEIPT))
        receipt = None if content is None else listed(content)
        if receipt is None or receipt.job != job or receipt.program is None:
            return None
        return cls(output, job, _brought(receipt), Ran(**receipt.program))


def submission_of(record: JobRecord, output: str) -> Submission | None:
    """Find what the submission of a job has left; None for a chain, or a job that is not ours.

    Args:
        record: The answer of the service.
        output: ``output.path`` of the configuration, which is tried as well.
    """
    for place in dict.fromkeys(_places(record.request, output)):
        try:
            found = Submission.at(place, record.name)
        except AwsError:  # a bucket of somebody else
            continue
        if found is not None:
            return found
    return None


def complete_program(
    submission: Submission, record: JobRecord, region: str, check: Check = lambda: None
) -> dict[str, Any]:
    """Write the report of a program, unless that has been done.

    Args:
        submission: What its submission has left.
        record: The answer of the service; the job has completed.
        region: AWS region of the job.
        check: Called all the while; what it raises ends the work, and there is no manifest.

    Returns:
        The manifest.

    Raises:
        JobFailed: An output has files that a result cannot have, an object cannot be read, S3 does
            not take the report, or another job is writing there by now.
        botocore.exceptions.ClientError: S3 refuses.
    """
    if done := _written(submission):
        return done
    place = submission.output
    request = RequestView(json.loads(_content(join(place, REQUEST)) or b"{}"))
    with lock.locked(place, submission.job, request.kms_key, check) as held:
        if Submission.at(place, submission.job) != submission or request.name != submission.job:
            raise JobFailed(f"another job than {quoted(submission.job)} writes to {place} by now")
        if done := _written(submission):  # another client was faster
            return done
        outputs = interruptible(lambda: _outputs(submission, request, record), check)
        _refuse(outputs)
        digests = _digests(outputs, region, check)
        parts = {
            each.name: [Part(file, s3.size, digests[s3.uri]) for file, s3 in each.files.items()]
            for each in outputs
        }
        elsewhere = {each.name: each.uri for each in outputs if each.is_elsewhere}
        manifest = program_manifest(
            submission.ran, request, place, parts, submission.digests, elsewhere
        )
        taken = {file for each in outputs if not each.is_elsewhere for file in each.files}
        report = {
            join(place, name): content
            for name, content in _report(record, region).items()
            if name not in taken
        }
        upload(report, request.kms_key, check)
        held.confirm()
        upload({join(place, MANIFEST): json_text(manifest).encode()}, request.kms_key, check)
    return manifest


@dataclass(frozen=True)
class _Output:
    """An output, as it lies on S3.

    Attributes:
        name: Its name.
        uri: Its URI, without a slash at the end.
        is_elsewhere: Whether it is not below ``output.path``.
        files: Path below ``output.path``, or below `uri` if it is elsewhere → object.
    """

    name: str
    uri: str
    is_elsewhere: bool
    files: Mapping[str, S3Object]


def _outputs(submission: Submission, request: RequestView, record: JobRecord) -> list[_Output]:
    """List the outputs; elsewhere, objects that are older than the job are none of its files."""
    place = submission.output
    channels = [each for each in request.outputs if each.is_s3]
    uris = [each.uri.rstrip("/") for each in channels]
    brought = {*submission.digests, REQUEST, RECEIPT, lock.NAME}
    since = record.created.replace(microsecond=0)  # S3 tells whole seconds
    found = []
    for channel, uri in zip(channels, uris, strict=True):
        is_elsewhere = not f"{uri}/".startswith(f"{place}/")
        base = join(uri if is_elsewhere else place, "")
        inner = tuple(f"{each}/" for each in uris if each.startswith(f"{uri}/"))
        objects = [s3 for s3 in with_prefix(join(uri, "")) if not s3.uri.startswith(inner)]
        if is_elsewhere:
            objects = [s3 for s3 in objects if s3.modified >= since]
        files = {s3.uri.removeprefix(base): s3 for s3 in objects}
        if not is_elsewhere:
            files = {file: s3 for file, s3 in files.items() if file not in brought}
        found.append(_Output(channel.name, uri, is_elsewhere, files))
    return found


def _refuse(outputs: Sequence[_Output]) -> None:
    """Refuse files that a result cannot have, as the local target does."""
    names = [file for each in outputs if not each.is_elsewhere for file in each.files]
    if MANIFEST in names:
        raise JobFailed(NAME_TAKEN)
    if outside := [name for name in names if not is_inside(name)]:
        raise JobFailed(f"an output holds {quoted(outside[0])}; a result has no such names")


def _digests(outputs: Sequence[_Output], region: str, check: Check) -> dict[str, str]:
    """Return URI → SHA-256. What S3 keeps none of is read, a megabyte at a time."""
    objects = [s3 for each in outputs for s3 in each.files.values()]
    total = sum(s3.size for s3 in objects if SHA256 not in s3.checksums)
    if total >= WORTH_A_NOTE:
        price = f"about {total / 1e9 * USD_PER_GB:.2f} USD if this machine is not in {region}"
        what = f"{size(total)} of outputs are read from S3 for their SHA-256, which costs {price}"
        print(f"note: {what}", file=sys.stderr, flush=True)
    return sha256_of(objects, check, "reading")


def _report(record: JobRecord, region: str) -> dict[str, bytes]:
    """Return the files of the report beside the manifest, as far as the service tells them."""
    report = {}
    seconds = record.billed_seconds()
    if seconds is not None:
        report[TIMINGS] = json_text({"seconds": round(seconds, 3)}).encode()
    try:
        lines = LogTail(record.name, region, secrets_of(record)).last_lines(LOG_LINES)
    except AwsError as exc:
        print(f"note: {LOG} is not written: {reason(exc)}", file=sys.stderr, flush=True)
        return report
    has_hosts = record.request.instance_count > 1
    texts = (f"{line.host}: {line.text}" if has_hosts else line.text for line in lines)
    return {**report, LOG: log_text(texts).encode()}


def _written(submission: Submission) -> dict[str, Any]:
    """Return the manifest, if a client has written it already.

    Raises:
        JobFailed: The program has written a file of that name.
    """
    content = _content(join(submission.output, MANIFEST))
    if content is None:
        return {}
    if listed(content) is None:
        raise JobFailed(NAME_TAKEN)
    return dict(json.loads(content))


def _brought(receipt: Listing) -> dict[str, str]:
    """Return the digests of what came with the job and is the same in every run."""
    return {file: sha256 for file, sha256 in receipt.digests.items() if file != REQUEST}


def _places(request: RequestView, output: str) -> Iterator[str]:
    """Yield the URIs that may be the ``output.path`` of a job, the likeliest first."""
    for channel in request.outputs:
        if channel.is_s3:
            yield channel.uri.rstrip("/").rpartition("/")[0]
    for source in request.inputs:
        if source.container_path == CODE_INPUT:
            yield source.uri.rpartition(f"/{CODE}")[0]
    if output.startswith(S3):
        yield output.rstrip("/")


def _content(uri: str) -> bytes | None:
    """Return the content of an object; None if there is none."""
    bucket, key = bucket_and_key(uri)
    s3 = client("s3")
    try:
        return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None
