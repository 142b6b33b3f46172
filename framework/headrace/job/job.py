"""A job: the exact ``CreateProcessingJob`` request, and the files that it ships.

This is the one idea of the project: whoever runs a job (this machine, a container, SageMaker) runs
*this*, so what worked here works there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.job.request import RequestView
from headrace.runtime.spec import JobSpec

Wheels = Mapping[str, bytes]
"""Packages that travel with a job: file name → content."""
NO_WHEELS: Wheels = {}


@dataclass(frozen=True)
class Job:
    """A job as plain data, made before a target is chosen."""

    request: dict[str, Any]
    """The arguments of ``CreateProcessingJob``, ready for boto3."""
    files: dict[str, bytes]
    """What the request's inputs refer to: path below the job's own folder → content."""
    spec: JobSpec
    """What the container is told; it travels inside one of the files."""
    uploads: dict[str, Path] = field(default_factory=dict)
    """Data of this machine that has to be brought to where the request looks for it: path below the
    job's own folder → file."""

    @property
    def view(self) -> RequestView:
        """The request for reading."""
        return RequestView(self.request)

    @property
    def name(self) -> str:
        """Return the job's name, unique in account and region."""
        return self.view.name
