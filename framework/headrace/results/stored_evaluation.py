"""Read the manifest and the evaluation of a finished job on S3."""

from __future__ import annotations

import json
from typing import Any

from headrace.aws.clients import client
from headrace.aws.s3 import S3Object, with_prefix
from headrace.runtime.spec import EVALUATION
from headrace.uris import join

NAME = "manifest.json"


def manifest_at(report: str) -> dict[str, Any]:
    """Return the manifest of a result; empty if there is none.

    Args:
        report: URI of the folder ``report``. Several instances leave one each in folders of their
            own below it; these are made into one.

    Raises:
        botocore.exceptions.ClientError: The objects cannot be read.
        ValueError: What is there is no manifest of ours, or not that of every instance.
    """
    objects = [each for each in with_prefix(join(report, "")) if each.uri.endswith(f"/{NAME}")]
    whole = next((each for each in objects if each.uri == join(report, NAME)), None)
    if whole or not objects:
        return _read(whole, "manifest") if whole else {}
    from headrace.runtime.output.manifest import merge  # needs Arrow, which takes its time

    return merge({_host(each): _read(each, "manifest") for each in objects})


def _host(manifest: S3Object) -> str:
    return manifest.uri.split("/")[-2]


def evaluation_at(report: str) -> dict[str, Any]:
    """Return the evaluation of a result; empty if there is none.

    Args:
        report: URI of the folder ``report``.

    Raises:
        botocore.exceptions.ClientError: The object cannot be read.
        ValueError: What is there is no evaluation of ours.
    """
    uri = join(report, EVALUATION)
    return next((_read(each, "evaluation") for each in with_prefix(uri) if each.uri == uri), {})


def _read(file: S3Object, what: str) -> dict[str, Any]:
    answer = client("s3").get_object(Bucket=file.bucket, Key=file.key)
    content = json.loads(answer["Body"].read())
    if not isinstance(content, dict) or "channels" not in content:
        raise ValueError(f"{file.uri} is no {what} of headrace")
    return content
