"""What every target promises: a job goes in, a `Result` comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from framework.channels import Channel

if TYPE_CHECKING:
    from framework.config import JobConfig
    from framework.job import Job


@dataclass(frozen=True)
class Result:
    """What a finished job left behind."""

    output: str
    """The folder that holds it, or its ``s3://`` URI."""
    manifest: dict[str, Any]
    """``report/manifest.json``; empty if the entrypoint writes none."""
    seconds: float
    """Wall time, from the request to files on disk."""
    channels: tuple[Channel, ...]
    evaluation: dict[str, Any] = field(default_factory=dict)
    """``report/evaluation.json``; empty if no model was judged."""
    has_ended: bool = True
    """False: the job goes on, and nobody has waited for it."""


class Target(Protocol):
    """Somebody who executes requests."""

    def run(self, job: Job, config: JobConfig) -> Result:
        """Execute the job and wait for its end."""
