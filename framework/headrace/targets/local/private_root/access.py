"""The check of whether this machine lets a job have a private root: tried out, not guessed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from headrace.runtime.shown import listed
from headrace.targets.local.private_root.command import PrivateRoot
from headrace.targets.local.private_root.enter import is_left_over

LIMIT_SECONDS = 60
NEEDED = ("config", "output", "processing")
"""Names that a job has in ``/opt/ml``."""


@cache
def refusal() -> str | None:
    """Return why there can be no private root on this machine; None if there can be one."""
    if sys.platform != "linux":
        return "this system has no mount namespaces, which only Linux has"
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
        ml = Path(folder, "ml")
        ml.mkdir()
        root = PrivateRoot(ml, Path(folder, "private"))
        ended = subprocess.run(  # noqa: S603 - our own file
            root.command((), {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        if ended.returncode == 0:
            return None
        return f"this machine forbids it ({root.known().error or 'it was killed'})"


def cannot_borrow(place: Path, instances: int) -> str | None:
    """Return why the machine's own folder cannot stand for a private one; None if it can.

    Args:
        place: ``/opt/ml``.
        instances: Number of instances of the job.
    """
    if sys.platform != "linux" or not place.is_dir():
        return "there is none"
    if not os.access(place, os.W_OK | os.X_OK | os.R_OK):
        return "you cannot write to it"
    paths = {name: place / name for name in NEEDED}
    occupied = [
        name
        for name, path in paths.items()
        if os.path.lexists(path) and not is_left_over(str(path))
    ]
    if occupied:
        return f"it holds {listed(occupied)}"
    return "it serves one instance at a time" if instances > 1 else None
