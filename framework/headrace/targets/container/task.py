"""What `headrace.targets.container.target` tells the process that runs the SDK's local mode."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Order:
    """One container to be run."""

    job: str
    """The job's name; the container's label has it."""
    request: dict[str, Any]
    """The arguments of ``CreateProcessingJob``; all that it names lies on this machine."""
    folder: str
    """Where local mode puts its own files."""
    mounts: dict[str, str]
    """Path in the container → folder, beside those that the request names."""
    service: dict[str, Any]
    """What the service in the compose file must say, whatever local mode would."""

    @property
    def message_file(self) -> Path:
        """Where whoever fails says why."""
        return Path(self.mounts["/opt/ml/output"], "message")

    def write(self, file: Path) -> None:
        """Save it."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> Order:
        """The inverse of `write`."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))
