"""What an engine of our own consists of: Debian's packages, and a base image made of them.

All of it is kept in a folder of the user's cache, so that only the first time takes a minute.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

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
    if platform.system() != "Linux" or _debian() is None:
        return "an engine is made of Debian's packages, and this is no Debian"
    if os.geteuid() != 0:
        return "only root can start an engine"
    unshare = ("unshare", "--net", "--mount", "true")
    if subprocess.run(unshare, check=False).returncode:
        return "this machine lets nobody make a network namespace"
    return None


def parts() -> Parts:
    """Install, download and make what is not there yet.

    Raises:
        AssertionError: apt-get or mmdebstrap failed; with what they said.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace-engine"
    cache.mkdir(parents=True, exist_ok=True)
    found = Parts(cache / "programs", cache / f"{_debian()}.tar")
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install([name for name in INSTALLED if shutil.which(name) is None])
        with ThreadPoolExecutor() as pool:
            both = (pool.submit(_unpack, found.programs), pool.submit(_make_base, found.base))
        for each in both:
            each.result()
    return found


def _debian() -> str | None:
    """Debian's code name, as in ``bookworm``."""
    release = platform.freedesktop_os_release()
    return release.get("VERSION_CODENAME") if release.get("ID") == "debian" else None


def _install(packages: Sequence[str]) -> None:
    if packages:
        _run("apt-get", "update")
        _run("apt-get", "install", "--yes", "--no-install-recommends", *packages)


def _unpack(folder: Path) -> None:
    if folder.exists():
        return
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        downloads, unpacked = Path(aside, "downloads"), Path(aside, "unpacked")
        downloads.mkdir()
        _run("apt-get", "download", *UNPACKED, cwd=downloads)
        for package in downloads.iterdir():
            _run("dpkg", "--extract", str(package), str(unpacked))
        unpacked.rename(folder)


def _make_base(tar: Path) -> None:
    if tar.exists():
        return
    left_out = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    with tempfile.TemporaryDirectory(dir=tar.parent) as aside:
        made = Path(aside, tar.name)
        options = ("--quiet", "--mode=root", "--variant=minbase", f"--include={IN_BASE}")
        _run("mmdebstrap", *options, *left_out, tar.stem, str(made))
        made.rename(tar)


def _run(*command: str, cwd: Path | None = None) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
