"""Builds the project's wheel, offline, from a copy of what setuptools needs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from headrace.config.defaults import PROJECT
from tests import children

FOLDERS = ("framework", "conf", "containers", "data", "transforms", "tests")


def wheel_of_project(folder: Path) -> Path:
    """Build it below a folder; no file of the checkout is touched."""
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in FOLDERS:
        shutil.copytree(PROJECT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    children.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation",
         "--disable-pip-version-check", "-w", str(folder), str(source)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    [wheel] = folder.glob("*.whl")
    return wheel
