"""The folder that a result goes to: writable, and empty unless the user says otherwise."""

from __future__ import annotations

import tempfile
from pathlib import Path

from framework.config import OutputConfig
from framework.errors import Problem
from framework.runtime.spec import PACKAGES

OURS = frozenset(
    {".hydra", "run.json", "request.json", "code", "config", "input.manifest", PACKAGES}
)
"""What Hydra and ``action=plan`` leave there; a folder with nothing else still counts as empty."""


def check(output: OutputConfig) -> list[Problem]:
    """What keeps a result from being written there. Makes nothing, and looks at no remote place."""
    if "://" in output.path:
        return []
    folder = Path(output.path)
    problem = _unwritable(folder) or (None if output.overwrite else _occupied(folder))
    return [Problem("output.path", problem)] if problem else []


def is_occupied(folder: Path) -> bool:
    """Whether a folder holds something that is neither Hydra's record nor a plan's."""
    return folder.is_dir() and any(
        item.name not in OURS and item.suffix != ".log" for item in folder.iterdir()
    )


def _unwritable(folder: Path) -> str | None:
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        if not existing.is_dir():
            return f"{str(existing)!r} is a file; give a folder"
        with tempfile.TemporaryFile(dir=existing):
            return None
    except OSError as exc:
        return f"cannot write in {str(folder)!r}: {exc.strerror}"


def _occupied(folder: Path) -> str | None:
    if not is_occupied(folder):
        return None
    return f"the folder {str(folder)!r} is not empty; choose another or set output.overwrite=true"
