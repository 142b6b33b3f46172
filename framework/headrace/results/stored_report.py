"""Merge the reports of several instances on S3 after all of them have ended.

Each instance uploads a report of its own; nobody but the client sees them all.
"""

from __future__ import annotations

from typing import Any

from headrace.aws.clients import client
from headrace.aws.lock import locked
from headrace.aws.s3 import S3Object, with_prefix
from headrace.aws.upload import upload
from headrace.results import hosts as host_reports
from headrace.results.stored_evaluation import manifest_at
from headrace.uris import join


def complete(report: str, job: str, kms_key: str | None) -> dict[str, Any]:
    """Merge the reports of the instances, unless that has been done.

    Args:
        report: URI of the folder ``report`` of a job that has completed.
        job: Name of the job.
        kms_key: Encrypts the objects; default: as the bucket has it.

    Returns:
        The manifest; empty where there is none.

    Raises:
        JobFailed: An instance left no manifest, another job is writing there by now, or S3 does
            not take the report.
        ValueError: What is there is no manifest of ours.
        botocore.exceptions.ClientError: The objects cannot be read.
    """
    objects, hosts = _found(report)
    if host_reports.MANIFEST in objects or not hosts:
        return manifest_at(report)
    with locked(report.rpartition("/")[0], job, kms_key, lambda: None):
        objects, hosts = _found(report)
        if host_reports.MANIFEST in objects or not hosts:  # somebody was quicker
            return manifest_at(report)
        merged = host_reports.merged(hosts, lambda name: _content(objects.get(name)))
        manifest: Any = merged.pop(host_reports.MANIFEST, {})
        _put(report, merged, kms_key)
        _put(report, {host_reports.MANIFEST: manifest} if manifest else {}, kms_key)
        return dict(manifest)


def _found(report: str) -> tuple[dict[str, S3Object], list[str]]:
    """Return the files of the report, and the instances that left one."""
    base = join(report, "")
    objects = {each.uri.removeprefix(base): each for each in with_prefix(base)}
    return objects, sorted({name.partition("/")[0] for name in objects if "/" in name}, key=_number)


def _number(host: str) -> tuple[int, str]:
    """Return a sort key: algo-2 comes before algo-10."""
    return (len(host), host)


def _content(found: S3Object | None) -> bytes | None:
    if found is None:
        return None
    content: bytes = client("s3").get_object(Bucket=found.bucket, Key=found.key)["Body"].read()
    return content


def _put(report: str, files: host_reports.Report, kms_key: str | None) -> None:
    upload(
        {join(report, name): host_reports.content_of(each) for name, each in files.items()}, kms_key
    )
