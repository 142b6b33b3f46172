"""The AWS account that the user's credentials belong to."""

from __future__ import annotations

import os
import re
from functools import cached_property
from typing import Any

from headrace.aws.clients import CREDENTIALS, client, explained, problem_at
from headrace.aws.image_uris import domain
from headrace.aws.region import find_region
from headrace.config import defaults
from headrace.config.model import ROLE_ARN
from headrace.config.models import JobConfig
from headrace.errors import ConfigError, Problem
from headrace.uris import S3

ROLE_VARIABLE = "SAGEMAKER_ROLE"

_ASSUMED = re.compile(
    r"arn:(?P<partition>[\w-]+):sts::(?P<account>\d+):assumed-role/(?P<role>[^/]+)/.*"
)


class AwsAccount:
    """Asks AWS only when somebody wants to know, and only once.

    Every method raises `ConfigError` where the answer cannot be had.
    """

    def __init__(self, config: JobConfig) -> None:
        self._config = config

    def region(self) -> str:
        """``backend.region``, or what the usual AWS variables and files say."""
        if region := find_region(self._config.backend.region):
            return region
        what = "this key is required: neither AWS_REGION nor the AWS configuration names a region"
        raise ConfigError([Problem("backend.region", what)])

    def check_access(self, asking: bool) -> None:
        """See that there is a region and, if AWS may be asked, that the credentials are valid."""
        self.region()
        if asking:
            self.account_id()

    def account_id(self) -> str:
        """Twelve digits."""
        return str(self._caller["Account"])

    def registry(self) -> str:
        """The host of the account's own ECR registry in the region."""
        region = self.region()
        return f"{self.account_id()}.dkr.ecr.{region}.{domain(region)}"

    def role(self) -> str:
        """``job.role``, or ``SAGEMAKER_ROLE``, or the role that the caller already has.

        The last is what a SageMaker notebook runs as, which may run jobs as well.
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
        """Where the configuration says, or in the bucket that the SageMaker SDK, too, takes."""
        if path.startswith(S3):
            return path
        if defaults.is_run_folder(path):
            return f"{S3}sagemaker-{self.region()}-{self.account_id()}/headrace/{name}"
        what = f"target=aws writes to s3://bucket/folder (got {path!r})"
        raise ConfigError([Problem("output.path", what)])

    def problems(self, request: dict[str, Any], asking: bool) -> list[Problem]:
        """What SageMaker would refuse, or fail for later."""
        from headrace.aws import checks

        return checks.check(request, self, asking)

    @cached_property
    def _caller(self) -> dict[str, Any]:
        region = self.region()
        with explained(problem_at(CREDENTIALS)):
            return dict(client("sts", region).get_caller_identity())


def _role_of_environment() -> str | None:
    role = os.environ.get(ROLE_VARIABLE)
    if role and not re.fullmatch(ROLE_ARN, role):
        example = "arn:aws:iam::123456789012:role/headrace"
        what = f"{ROLE_VARIABLE} should be the ARN of a role, as in {example!r} (got {role!r})"
        raise ConfigError([Problem("job.role", what)])
    return role
