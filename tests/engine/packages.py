"""What an engine of our own consists of: Debian's packages, and a base image made of them.

All of it is kept in a folder of the user's cache, so that only the first time takes a minute.
``python3 -m tests.engine.packages`` fetches it beforehand, as ``.ci/run`` does.
"""

from __future__ import annotations

import fcntl
import os
import platform
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests import children, debian

INSTALLED = ("docker-compose", "docker-registry", "iptables", "mmdebstrap", "runc")
"""Packages whose programs have the same names."""
UNPACKED = ("docker.io", "containerd", "tini")
"""Used from a folder: installed, they would start an engine for the whole machine."""
IN_BASE = "python3,python3-venv,ca-certificates"
LEFT_OUT = ("doc", "info", "locale", "man")


@dataclass(frozen=True)
class Parts:
    """Where everything lies."""

    programs: Path
    """The unpacked packages."""
    base: Path
    """The base image's file system, a tar."""


def missing() -> str | None:
    """Why there can be no engine here; None if there can."""
    if platform.system() != "Linux" or debian.code_name() is None:
        return "an engine is made of Debian's packages, and this is no Debian"
    if os.geteuid() != 0:
        return "only root can start an engine"
    unshare = ("unshare", "--net", "--mount", "true")
    if children.run(unshare, check=False).returncode:
        return "this machine lets nobody make a network namespace"
    return None


def parts() -> Parts:
    """Install, download and make what is not there yet.

    Raises:
        AssertionError: apt-get or mmdebstrap failed; with what they said.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace-engine"
    cache.mkdir(parents=True, exist_ok=True)
    found = Parts(cache / "programs", cache / f"{debian.code_name()}.tar")
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        debian.install(INSTALLED)
        with ThreadPoolExecutor() as pool:
            both = (pool.submit(_unpack, found.programs), pool.submit(_make_base, found.base))
        for each in both:
            each.result()
    return found


def _unpack(folder: Path) -> None:
    if folder.exists():
        return
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        downloads, unpacked = Path(aside, "downloads"), Path(aside, "unpacked")
        downloads.mkdir()
        with debian.alone():
            debian.run("apt-get", "download", *UNPACKED, cwd=downloads)
        for package in downloads.iterdir():
            debian.run("dpkg", "--extract", str(package), str(unpacked))
        unpacked.rename(folder)


def _make_base(tar: Path) -> None:
    if tar.exists():
        return
    left_out = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    with tempfile.TemporaryDirectory(dir=tar.parent) as aside:
        made = Path(aside, tar.name)
        options = ("--quiet", "--mode=root", "--variant=minbase", f"--include={IN_BASE}")
        debian.run("mmdebstrap", *options, *left_out, tar.stem, str(made))
        made.rename(tar)


if __name__ == "__main__" and missing() is None:
    parts()
