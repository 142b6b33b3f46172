"""The result that a target returns for a finished job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headrace.results.channels import Channel


@dataclass(frozen=True)
class Result:
    """The result of a finished job."""

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
