"""Whether this machine lets a job have a private root: tried out, not guessed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from headrace.targets.local.private_root.command import PrivateRoot

LIMIT_SECONDS = 60


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
