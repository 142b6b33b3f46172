"""The build context: the files of a Dockerfile as a tar; the same files give the same bytes."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

READABLE_FILE = 0o644


def write_context(files: Mapping[str, bytes | Path], tar: IO[bytes]) -> None:
    """Write the files in the order of their names, with neutral owner, permissions and times.

    Args:
        files: Path in the context → content, or the file that has it.
        tar: Where the archive goes.
    """
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, content in sorted(files.items()):
            if isinstance(content, Path):
                with content.open("rb") as file:
                    archive.addfile(_entry(name, content.stat().st_size), file)
            else:
                archive.addfile(_entry(name, len(content)), io.BytesIO(content))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = READABLE_FILE
    return entry
