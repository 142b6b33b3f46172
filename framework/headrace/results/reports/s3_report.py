"""The report of a finished job on S3: read it, and merge the reports of several instances.

Each instance uploads a report of its own; only the client sees them all.
"""

from __future__ import annotations

from typing import Any

from headrace.aws.clients import client
from headrace.aws.lock import locked
from headrace.aws.s3 import S3Object, with_prefix
from headrace.aws.upload import upload
from headrace.results import reports
from headrace.results.reports import ForeignError
from headrace.results.reports.hosts import MANIFEST, Report, content_of, merged
from headrace.runtime.spec import EVALUATION, REPORT
from headrace.uris import join


def manifest_at(report: str) -> dict[str, Any]:
    """Return the manifest of a result; empty if there is none.

    Args:
        report: URI of the folder ``report``. Several instances leave one each in folders of their
            own below it; these are made into one.

    Raises:
        botocore.exceptions.ClientError: The objects cannot be read.
        ValueError: What is there is no manifest of ours, or not that of every instance.
    """
    manifests = [s3 for s3 in with_prefix(join(report, "")) if s3.uri.endswith(f"/{MANIFEST}")]
    whole = next((s3 for s3 in manifests if s3.uri == join(report, MANIFEST)), None)
    if whole or not manifests:
        return _read(whole, MANIFEST) if whole else {}
    from headrace.runtime.output.manifest import merge  # needs Arrow, which is slow to import

    return merge({_host(s3): _read(s3, MANIFEST) for s3 in manifests})


def evaluation_at(report: str) -> dict[str, Any]:
    """Return the evaluation of a result; empty if there is none.

    Args:
        report: URI of the folder ``report``.

    Raises:
        botocore.exceptions.ClientError: The object cannot be read.
        ValueError: What is there is no evaluation of ours.
    """
    uri = join(report, EVALUATION)
    return next((_read(s3, EVALUATION) for s3 in with_prefix(uri) if s3.uri == uri), {})


def complete(report: str, job: str, kms_key: str | None) -> dict[str, Any]:
    """Merge the reports of the instances, unless that has been done.

    Args:
        report: URI of the folder ``report`` of a job that has completed.
        job: Name of the job.
        kms_key: Encrypts the objects; default: as the bucket has it.

    Returns:
        The manifest; empty if there is none.

    Raises:
        JobFailed: An instance left no manifest, another job is writing there by now, or S3 does
            not take the report.
        ValueError: What is there is no manifest of ours.
        botocore.exceptions.ClientError: The objects cannot be read.
    """
    objects, hosts = _found(report)
    if MANIFEST in objects or not hosts:
        return manifest_at(report)
    with locked(report.rpartition("/")[0], job, kms_key, lambda: None):
        objects, hosts = _found(report)
        if MANIFEST in objects or not hosts:  # another process was faster
            return manifest_at(report)
        files = merged(hosts, lambda name: _content(objects.get(name)))
        manifest: Any = files.pop(MANIFEST, {})
        _put(report, files, kms_key)
        _put(report, {MANIFEST: manifest} if manifest else {}, kms_key)
        return dict(manifest)


def _host(manifest: S3Object) -> str:
    return manifest.uri.split("/")[-2]


def _read(file: S3Object, name: str) -> dict[str, Any]:
    answer = client("s3").get_object(Bucket=file.bucket, Key=file.key)
    try:
        return reports.parsed(f"{REPORT}/{name}", answer["Body"].read())
    except ForeignError as exc:
        raise ForeignError(f"{file.uri} is no manifest of headrace") from exc


def _found(report: str) -> tuple[dict[str, S3Object], list[str]]:
    """Return the files of the report, and the instances that left one."""
    base = join(report, "")
    objects = {s3.uri.removeprefix(base): s3 for s3 in with_prefix(base)}
    return objects, sorted({name.partition("/")[0] for name in objects if "/" in name}, key=_number)


def _number(host: str) -> tuple[int, str]:
    """Return a sort key: algo-2 comes before algo-10."""
    return (len(host), host)


def _content(found: S3Object | None) -> bytes | None:
    if found is None:
        return None
    content: bytes = client("s3").get_object(Bucket=found.bucket, Key=found.key)["Body"].read()
    return content


def _put(report: str, files: Report, kms_key: str | None) -> None:
    contents = {join(report, name): content_of(file) for name, file in files.items()}
    upload(contents, kms_key)
