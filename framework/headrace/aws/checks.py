"""What SageMaker would find wrong minutes later: asked before any money is spent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from headrace.aws.account import AwsAccount
from headrace.aws.clients import AwsError, client, code_of, explained, problem_at
from headrace.aws.s3 import bucket_and_key
from headrace.config.problems import suggest
from headrace.errors import Problem

FORBIDDEN = frozenset({"AccessDenied", "AccessDeniedException", "403", "Forbidden"})
"""Whoever may run jobs may not be allowed to look at everything that a job needs."""
OWN_INPUTS = frozenset({"config", "conf", "packages", "py-files"})
"""What headrace calls the inputs of its own files."""

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[\w-]+)\.[\w.-]+/(?P<repository>[^:@]+)"
    r"(:(?P<tag>[\w.-]+)|@(?P<digest>sha256:\w+))?"
)


def check(request: dict[str, Any], account: AwsAccount, asking: bool) -> list[Problem]:
    """Everything that keeps a job from starting, as far as the user may see it.

    The data and the output prefix have been looked at already.

    Args:
        request: The arguments of ``CreateProcessingJob``.
        account: Where it would start.
        asking: Whether AWS may be asked.

    Raises:
        ConfigError: AWS could not be asked.
    """
    problems = [*_instance_type(request, account.region())]
    if not asking:
        return problems
    with explained(problem_at("target")):
        problems += [
            *_name(request["ProcessingJobName"], account),
            *_role(request["RoleArn"], account),
            *_image(request["AppSpecification"]["ImageUri"], account),
            *_buckets(request, account.region()),
        ]
    return problems


def _instance_type(request: dict[str, Any], region: str) -> Iterator[Problem]:
    """What botocore's own model of the service knows without asking."""
    model = client("sagemaker", region).meta.service_model
    offered = model.shape_for("ProcessingInstanceType").enum
    cluster = request["ProcessingResources"]["ClusterConfig"]
    wanted = {"resources.instance_type": cluster.get("InstanceType")}
    for index, each in enumerate(cluster.get("InstancePreferences", ())):
        wanted[f"resources.instance_preferences[{index}].instance_type"] = each["InstanceType"]
    for where, instance_type in wanted.items():
        if instance_type is not None and instance_type not in offered:
            what = (
                f"SageMaker Processing has no {instance_type!r}; {suggest(instance_type, offered)}"
            )
            yield Problem(where, what)


def _name(name: str, account: AwsAccount) -> Iterator[Problem]:
    try:
        client("sagemaker", account.region()).describe_processing_job(ProcessingJobName=name)
    except AwsError as exc:
        if code_of(exc) in {"ResourceNotFound", "ValidationException", *FORBIDDEN}:
            return
        raise
    what = f"a job is called {name!r} already, and names are never free again; choose another"
    yield Problem("job.name", what)


def _role(arn: str, account: AwsAccount) -> Iterator[Problem]:
    number = arn.split(":")[4]
    if number != account.account_id():
        what = f"{arn!r} is a role of another account than yours ({account.account_id()})"
        yield Problem("job.role", what)
        return
    try:
        client("iam", account.region()).get_role(RoleName=arn.rsplit("/", 1)[1])
    except AwsError as exc:
        if code_of(exc) == "NoSuchEntity":
            yield Problem("job.role", f"there is no role {arn!r}")
        elif code_of(exc) not in FORBIDDEN:
            raise


def _image(uri: str, account: AwsAccount) -> Iterator[Problem]:
    """An own image; AWS's are known by the SDK's table, and other accounts' cannot be seen."""
    match = _ECR.fullmatch(uri)
    if match is None or match["account"] != account.account_id():
        return
    if match["region"] != account.region():
        what = f"the image is in {match['region']}, the job would run in {account.region()}"
        yield Problem("backend.image_uri", what)
        return
    image = {"imageDigest": match["digest"]} if match["digest"] else {}
    image = image or {"imageTag": match["tag"] or "latest"}
    try:
        client("ecr", account.region()).describe_images(
            repositoryName=match["repository"], imageIds=[image]
        )
    except AwsError as exc:
        if code_of(exc) in {"RepositoryNotFoundException", "ImageNotFoundException"}:
            what = f"there is no image {uri!r}; action=build makes it, action=push brings it there"
            yield Problem("backend.image_uri", what)
        elif code_of(exc) not in FORBIDDEN:
            raise


def _buckets(request: dict[str, Any], region: str) -> Iterator[Problem]:
    """A job reads and writes in its own region only."""
    buckets: dict[str, str] = {}
    for where, uri in _places(request):
        buckets.setdefault(bucket_and_key(uri)[0], where)
    for bucket, where in buckets.items():
        there = region_of(bucket)
        if there not in (None, region):
            what = f"the bucket {bucket!r} is in {there}, the job would run in {region}"
            yield Problem(where, what)


def _places(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the keys that name places on S3, and the URIs."""
    inputs = {
        each["InputName"]: each["S3Input"]["S3Uri"]
        for each in request.get("ProcessingInputs", ())
        if "S3Input" in each
    }
    code = inputs.pop("code", None)
    for name, uri in inputs.items():
        if name not in OWN_INPUTS:  # those lie below output.path
            yield "dataset.path" if name == "data" else f"inputs.{name}.path", uri
    for each in request.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        if "S3Output" in each:
            yield "output.path", each["S3Output"]["S3Uri"]
    if code is not None:
        yield "program.path", code


def region_of(bucket: str) -> str | None:
    """The region of a bucket, if AWS tells."""
    try:
        answer = client("s3").head_bucket(Bucket=bucket)
    except AwsError as exc:
        if code_of(exc) in {"404", *FORBIDDEN}:
            return None
        raise
    region = answer.get("BucketRegion")
    return str(region) if region else None
