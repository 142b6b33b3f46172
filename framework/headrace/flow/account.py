"""The account of a pipeline as far as it can be known without asking AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headrace.aws.image_uris import domain
from headrace.aws.region import find_region
from headrace.errors import Problem
from headrace.job.account import LOCAL_REGION, LOCAL_ROLE
from headrace.uris import S3

if TYPE_CHECKING:
    from headrace.config.models import JobConfig
    from headrace.job.account import Account


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
        """There is nothing to see."""

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
        """None: nobody is asked."""
        return []

    def default_place(self, name: str) -> str:
        """Return a place in the bucket that the SageMaker SDK uses, too."""
        return f"{S3}sagemaker-{self.region_name}-{self.account_id}/headrace/{name}"
