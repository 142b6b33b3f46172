"""Whose machines a job runs on, as far as its request has to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from headrace.aws.image_uris import domain
from headrace.aws.region import find_region
from headrace.aws.request import LOCAL_ROLE
from headrace.config.models import JobConfig
from headrace.errors import Problem
from headrace.uris import S3

LOCAL_REGION = "us-east-1"
"""Names an image where none is pulled."""


class Account(Protocol):
    """An AWS account and region, or nobody's. Asked only for what a request needs."""

    def check_access(self, asking: bool) -> None:
        """Raise `ConfigError` if nothing can be known of it; `asking` is allowed to take time."""

    def region(self) -> str:
        """Return the region, as in ``eu-west-1``."""

    def registry(self) -> str | None:
        """Return the host of the registry of own images; None for this machine."""

    def role(self) -> str:
        """Return the ARN of the role that the job runs as."""

    def output_path(self, path: str, name: str) -> str:
        """Return the output path of the job called `name` if the configuration says `path`."""

    def problems(self, request: dict[str, Any], asking: bool) -> list[Problem]:
        """Return the problems that would keep the job from starting there."""


class NoAccount:
    """For targets that need no AWS account."""

    def __init__(self, config: JobConfig) -> None:
        self._config = config

    def check_access(self, asking: bool) -> None:
        """Do nothing: there is nothing to see."""

    def region(self) -> str:
        """Return the configured region, or any: it only names an image."""
        return find_region(self._config.backend.region) or LOCAL_REGION

    def registry(self) -> None:
        """Return None: own images are this machine's."""

    def role(self) -> str:
        """Return the configured role, or a placeholder."""
        return self._config.job.role or LOCAL_ROLE

    def output_path(self, path: str, name: str) -> str:
        """Return the path as the configuration has it."""
        return path

    def problems(self, request: dict[str, Any], asking: bool) -> list[Problem]:
        """Return none: the target itself says what it cannot do."""
        return []


@dataclass(frozen=True)
class OnPaper:
    """An account that nobody asks: placeholders stand for what is not known."""

    region_name: str
    account_id: str
    role_arn: str

    @classmethod
    def of(cls, account: Account | None, config: JobConfig | None) -> OnPaper:
        """Return what is known of an account; without one, what the configuration says."""
        if account is not None:
            role = account.role()
            return cls(account.region(), role.split(":")[4], role)
        role = (config.job.role if config else None) or LOCAL_ROLE
        region = find_region(config.backend.region if config else None) or LOCAL_REGION
        return cls(region, role.split(":")[4], role)

    def check_access(self, asking: bool) -> None:
        """Do nothing: there is nothing to see."""

    def region(self) -> str:
        """Return the region."""
        return self.region_name

    def registry(self) -> str:
        """Return the registry that the account would have."""
        region = self.region_name
        return f"{self.account_id}.dkr.ecr.{region}.{domain(region)}"

    def role(self) -> str:
        """Return the role."""
        return self.role_arn

    def output_path(self, path: str, name: str) -> str:
        """Return the path as the configuration has it."""
        return path

    def problems(self, request: dict[str, Any], asking: bool) -> list[Problem]:
        """Return none: nobody is asked."""
        return []

    def default_place(self, name: str) -> str:
        """Return a place in the bucket that the SageMaker SDK uses, too."""
        return f"{S3}sagemaker-{self.region_name}-{self.account_id}/headrace/{name}"
