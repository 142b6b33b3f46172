"""The task of the process that runs the SDK's local mode, as a file between it and the target."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ContainerTask:
    """One container to run."""

    job: str
    """The job's name; the container's label has it."""
    request: dict[str, Any]
    """The arguments of ``create_processing_job``, with paths of this machine."""
    folder: str
    """The folder for local mode's own files."""
    mounts: dict[str, str]
    """Path in the container → folder, in addition to those of the request."""
    read_only: list[str]
    """Those paths in the container that cannot be written to: they hold the user's own files."""
    service: dict[str, Any]
    """The service for the compose file; it takes the place of local mode's settings."""

    @property
    def message_file(self) -> Path:
        """Return the file for the message of a failure."""
        return Path(self.mounts["/opt/ml/output"], "message")

    def write(self, file: Path) -> None:
        """Write the task into a file."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> ContainerTask:
        """Read a task that `write` has written."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))
