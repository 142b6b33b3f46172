"""Figures of all tables: medians with their ranges, and the machine they were taken on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

PACKAGES = ("numpy", "pandas", "pyarrow", "scikit-learn", "hydra-core")


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return the median, in brackets the lowest and the highest."""
    low, high = min(values), max(values)
    return f"{median(values):.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def times(slow: Sequence[float], fast: Sequence[float], digits: int = 1) -> str:
    """Return the median, over pairs of runs, of how many times as long one takes as the other."""
    return spread([one / other for one, other in zip(slow, fast, strict=True)], digits)


def machine(packages: Sequence[str] = PACKAGES) -> str:
    """Return what the figures depend on: the day, the processor, the versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    cores = len(os.sched_getaffinity(0))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {cores} cores, "
        f"{platform.system()}; Python {platform.python_version()}, {versions}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
