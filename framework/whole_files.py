"""Files that appear whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def json_text(value: dict[str, Any]) -> str:
    """JSON for files that people read."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write_whole(path: Path, content: bytes) -> None:
    """Writes aside, waits for the disk, renames; makes the folders above if need be.

    Raises:
        OSError: The disk said no; what was there before is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}-", delete=False
    ) as aside:
        try:
            aside.write(content)
            aside.flush()
            os.fsync(aside.fileno())
            Path(aside.name).chmod(0o644)
            Path(aside.name).replace(path)
        except BaseException:
            Path(aside.name).unlink(missing_ok=True)
            raise
