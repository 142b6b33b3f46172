"""Debian's packages for tests that need a real program: an engine, a browser.

``python3 -m tests.debian PROGRAM …`` fetches some beforehand, as ``.ci/run`` does.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests import children


def code_name() -> str | None:
    """Debian's code name, as in ``bookworm``; None if this is none."""
    release = platform.freedesktop_os_release()
    return release.get("VERSION_CODENAME") if release.get("ID") == "debian" else None


def can_install() -> bool:
    """Whether packages can be installed here."""
    return platform.system() == "Linux" and code_name() is not None and os.geteuid() == 0


def install(programs: Sequence[str]) -> None:
    """Install the packages with the names of those programs that are not there yet.

    Raises:
        AssertionError: apt-get failed; with what it said.
    """
    with alone():
        missing = [name for name in programs if shutil.which(name) is None]
        if missing:
            run("apt-get", "update")
            run("apt-get", "install", "--yes", "--no-install-recommends", *missing)


def run(*command: str, cwd: Path | None = None) -> None:
    """Run one of Debian's programs, which asks nothing.

    Raises:
        AssertionError: It failed; with what it said.
    """
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = children.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False,
        timeout=children.INSTALL_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time; two that use apt-get would get in each other's way."""
    with Path(tempfile.gettempdir(), "headrace-apt-get.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__" and can_install():
    install(sys.argv[1:])
