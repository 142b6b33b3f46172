"""The AWS account that a job runs in: its identity, its jobs, and what keeps a job from starting.

The checks find before any money is spent what SageMaker would find minutes later.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from headrace.aws.clients import CREDENTIALS, AwsError, client, code_of, explained, problem_at
from headrace.aws.image_uris import domain
from headrace.aws.region import find_region
from headrace.aws.request import RequestView
from headrace.aws.s3 import bucket_and_key
from headrace.config import defaults
from headrace.config.model import ROLE_ARN
from headrace.config.models import JobConfig
from headrace.config.problems import suggest
from headrace.errors import ConfigError, Problem
from headrace.uris import S3

ROLE_VARIABLE = "SAGEMAKER_ROLE"
RUNNING = frozenset({"InProgress", "Stopping"})
"""States of a Processing job; all others are final."""
COMPLETED = "Completed"

_ASSUMED = re.compile(
    r"arn:(?P<partition>[\w-]+):sts::(?P<account>\d+):assumed-role/(?P<role>[^/]+)/.*"
)
OWN_INPUTS = frozenset({"config", "conf", "packages", "py-files"})
"""Names of the inputs of headrace's own files."""

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[\w-]+)\.[\w.-]+/(?P<repository>[^:@]+)"
    r"(:(?P<tag>[\w.-]+)|@(?P<digest>sha256:\w+))?"
)
_FORBIDDEN = frozenset({"AccessDenied", "AccessDeniedException", "403", "Forbidden"})
"""A user who may run jobs may not be allowed to see everything that a job needs."""


class AwsAccount:
    """The account that the user's credentials belong to. AWS is asked late, and only once.

    Every method raises `ConfigError` if there is no answer.
    """

    def __init__(self, config: JobConfig) -> None:
        self._config = config

    def region(self) -> str:
        """Return ``backend.region``, or the region of the usual AWS variables and files."""
        if region := find_region(self._config.backend.region):
            return region
        what = "this key is required: neither AWS_REGION nor the AWS configuration names a region"
        raise ConfigError([Problem("backend.region", what)])

    def check_access(self, asking: bool) -> None:
        """Check that there is a region and, if AWS may be asked, that the credentials are valid."""
        self.region()
        if asking:
            self.account_id()

    def account_id(self) -> str:
        """Return the account's number, of twelve digits."""
        return str(self._caller["Account"])

    def registry(self) -> str:
        """Return the host of the account's own ECR registry in the region."""
        region = self.region()
        return f"{self.account_id()}.dkr.ecr.{region}.{domain(region)}"

    def role(self) -> str:
        """Return ``job.role``, or ``SAGEMAKER_ROLE``, or the role that the caller already has.

        A SageMaker notebook runs as the last one, which may run jobs as well.
        """
        if role := self._config.job.role or _role_of_environment():
            return role
        assumed = _ASSUMED.fullmatch(self._caller["Arn"])
        if assumed is None:
            what = f"this key is required: the ARN of a role for the job; or set {ROLE_VARIABLE}"
            raise ConfigError([Problem("job.role", what)])
        with explained(problem_at("job.role")):
            return str(client("iam").get_role(RoleName=assumed["role"])["Role"]["Arn"])

    def output_path(self, path: str, name: str) -> str:
        """Return the configured URI, or one in the bucket that the SageMaker SDK uses, too."""
        if path.startswith(S3):
            return path
        if defaults.is_run_folder(path):
            return f"{S3}sagemaker-{self.region()}-{self.account_id()}/headrace/{name}"
        what = f"target=aws writes to s3://bucket/folder (got {path!r})"
        raise ConfigError([Problem("output.path", what)])

    def problems(self, request: dict[str, Any], asking: bool) -> list[Problem]:
        """Return everything that keeps a job from starting, as far as the user may see it.

        The data and the output prefix have been checked already.

        Args:
            request: The arguments of ``CreateProcessingJob``.
            asking: Whether AWS may be asked.

        Raises:
            ConfigError: AWS could not be asked.
        """
        view = RequestView(request)
        problems = [*_instance_types(view, self.region())]
        if not asking:
            return problems
        with explained(problem_at("target")):
            problems += [
                *_name(view.name, self),
                *_role(view.role, self),
                *_image(view.image, self),
                *_buckets(view, self.region()),
            ]
        return problems

    @cached_property
    def _caller(self) -> dict[str, Any]:
        region = self.region()
        with explained(problem_at(CREDENTIALS)):
            return dict(client("sts", region).get_caller_identity())


def status_of(name: str, region: str) -> str | None:
    """Return the status of a job; None if there is no such job.

    Raises:
        botocore.exceptions.ClientError: AWS does not tell.
    """
    try:
        answer = client("sagemaker", region).describe_processing_job(ProcessingJobName=name)
    except AwsError as exc:
        if means_no_such_job(exc):
            return None
        raise
    return str(answer["ProcessingJobStatus"])


def means_no_such_job(error: BaseException) -> bool:
    """Return whether there is no job of that name.

    The service says ``ValidationException`` for this, its documentation ``ResourceNotFound``.
    """
    code = code_of(error)
    return code == "ResourceNotFound" or (
        code == "ValidationException" and "could not find" in str(error).lower()
    )


def _role_of_environment() -> str | None:
    role = os.environ.get(ROLE_VARIABLE)
    if role and not re.fullmatch(ROLE_ARN, role):
        example = "arn:aws:iam::123456789012:role/headrace"
        what = f"{ROLE_VARIABLE} should be the ARN of a role, as in {example!r} (got {role!r})"
        raise ConfigError([Problem("job.role", what)])
    return role


def _instance_types(request: RequestView, region: str) -> Iterator[Problem]:
    """Check the instance types against botocore's model of the service, without asking AWS."""
    model = client("sagemaker", region).meta.service_model
    offered = model.shape_for("ProcessingInstanceType").enum
    for wanted in request.instance_types:
        if wanted not in offered:
            what = f"SageMaker Processing has no {wanted!r}; {suggest(wanted, offered)}"
            yield Problem("resources.instance_type", what)


def _name(name: str, account: AwsAccount) -> Iterator[Problem]:
    try:
        client("sagemaker", account.region()).describe_processing_job(ProcessingJobName=name)
    except AwsError as exc:
        if code_of(exc) in {"ResourceNotFound", "ValidationException", *_FORBIDDEN}:
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
        elif code_of(exc) not in _FORBIDDEN:
            raise


def _image(uri: str, account: AwsAccount) -> Iterator[Problem]:
    """Check an own image; AWS's are in the SDK's table, and other accounts' cannot be seen."""
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
        elif code_of(exc) not in _FORBIDDEN:
            raise


def _buckets(request: RequestView, region: str) -> Iterator[Problem]:
    """Check each bucket once, by the key that names something in it."""
    buckets: dict[str, tuple[str, str]] = {}
    for where, uri in _places(request):
        buckets.setdefault(bucket_and_key(uri)[0], (where, uri))
    for where, uri in buckets.values():
        yield from _bucket(where, uri, region)


def _places(request: RequestView) -> Iterator[tuple[str, str]]:
    """Yield the keys that name places on S3, and the URIs."""
    inputs = {each.name: each.uri for each in request.inputs if each.is_s3}
    code = inputs.pop("code", None)
    for name, uri in inputs.items():
        if name not in OWN_INPUTS:  # those lie below output.path
            yield "dataset.path" if name == "data" else f"inputs.{name}.path", uri
    for each in request.outputs:
        if each.is_s3:
            yield "output.path", each.uri
    if code is not None:
        yield "program.path", code


def _bucket(where: str, uri: str, region: str) -> Iterator[Problem]:
    """Check that a bucket is in the region of the job, which can use no other."""
    bucket, _ = bucket_and_key(uri)
    there = _region_of(bucket)
    if there not in (None, region):
        what = f"the bucket {bucket!r} is in {there}, the job would run in {region}"
        yield Problem(where, what)


def _region_of(bucket: str) -> str | None:
    """Return the region of a bucket; None if AWS does not tell."""
    try:
        answer = client("s3").head_bucket(Bucket=bucket)
    except AwsError as exc:
        if code_of(exc) in {"404", *_FORBIDDEN}:
            return None
        raise
    region = answer.get("BucketRegion")
    return str(region) if region else None
