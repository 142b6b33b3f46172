"""Whose machines a job runs on, as far as its request has to know."""

from __future__ import annotations

from typing import Any, Protocol

from headrace.aws.region import find_region
from headrace.config.models import JobConfig
from headrace.errors import Problem

LOCAL_REGION = "us-east-1"
"""Names an image where none is pulled."""
LOCAL_ROLE = "arn:aws:iam::000000000000:role/headrace-local"
"""Stands in for a role where nothing checks it: the request must have one."""


class Account(Protocol):
    """An AWS account and region, or nobody's. Asked only for what a request needs."""

    def check_access(self, asking: bool) -> None:
        """Raise `ConfigError` if nothing can be known of it; `asking` is allowed to take time."""

    def region(self) -> str:
        """The region, as in ``eu-west-1``."""

    def registry(self) -> str | None:
        """The host of the registry that own images come from; None: from this machine."""

    def role(self) -> str:
        """The ARN of the role that the job runs as."""

    def output_path(self, path: str, name: str) -> str:
        """Where the job called `name` writes, if the configuration says `path`."""

    def problems(self, request: dict[str, Any], asking: bool) -> list[Problem]:
        """What would keep the job from starting there."""


class NoAccount:
    """For targets that need no AWS account."""

    def __init__(self, config: JobConfig) -> None:
        self._config = config

    def check_access(self, asking: bool) -> None:
        """There is nothing to see."""

    def region(self) -> str:
        """The configured one, or any: it only names an image."""
        return find_region(self._config.backend.region) or LOCAL_REGION

    def registry(self) -> None:
        """Own images are this machine's."""

    def role(self) -> str:
        """The configured one, or a placeholder."""
        return self._config.job.role or LOCAL_ROLE

    def output_path(self, path: str, name: str) -> str:
        """Where the configuration says."""
        return path

    def problems(self, request: dict[str, Any], asking: bool) -> list[Problem]:
        """None: the target itself says what it cannot do."""
        return []
