"""What every target promises: a job goes in, a `Result` comes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from framework.config import JobConfig
    from framework.job import Job


@dataclass(frozen=True)
class Channel:
    """One channel of the result."""

    name: str
    rows: int
    parts: int
    bytes: int


@dataclass(frozen=True)
class Result:
    """What a finished job left behind."""

    output: Path
    """The folder that holds it."""
    manifest: dict[str, Any]
    """``report/manifest.json``; empty if the entrypoint writes none."""
    seconds: float
    """Wall time, from the request to files on disk."""
    channels: tuple[Channel, ...]


class Target(Protocol):
    """Somebody who executes requests."""

    def run(self, job: Job, config: JobConfig) -> Result:
        """Execute the job and wait for its end."""
