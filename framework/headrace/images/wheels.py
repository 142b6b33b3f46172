"""Fetch wheels for another Python than this one, with this machine's pip.

pip here knows the user's index, proxy, certificates and credentials, and none of them gets near the
image.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.errors import JobFailed
from headrace.images.messages import shown

if TYPE_CHECKING:
    from headrace.images.base_image import BaseImage  # imports docker, which takes its time

LAST_LINES = 5
_OLDEST_GLIBC = 17


def download(requirements: Path, base: BaseImage, folder: Path) -> None:
    """Fetch the wheels that fit a base image.

    Nothing but a file whose hash stands in the requirements is taken, and pip in the image looks at
    the hashes once more.

    Args:
        requirements: Pinned, with hashes.
        base: The image that they are for.
        folder: Where they go.

    Raises:
        JobFailed: pip is not here or refuses, one of the hashes being wrong, for example.
    """
    pinned = ("--require-hashes", "--no-deps", f"--requirement={requirements}")
    title = f"fetching packages for Python {base.python}"
    said = pip_download([*pinned, *fitting(base.python, base.platforms)], folder, title)
    if said:
        what = f"pip cannot fetch the packages for Python {base.python} of {base.name!r}"
        raise JobFailed("\n".join([*said[-LAST_LINES:], what]))


def pip_download(arguments: Sequence[str], folder: Path, title: str) -> list[str]:
    """Run pip to download wheels.

    Args:
        arguments: What to fetch, and what it has to fit.
        folder: Where the wheels go.
        title: What is shown meanwhile.

    Returns:
        What pip said if it could not do it, line by line; nothing if it could.
    """
    command = [
        *(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"),
        *("--only-binary=:all:", f"--dest={folder}", *arguments),
    ]
    with shown(title):
        done = subprocess.run(  # noqa: S603 - no shell, and nothing in it is an option by mistake
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    if not done.returncode:
        return []
    return done.stderr.strip().splitlines() or [f"pip ended with status {done.returncode}"]


def fitting(python: str, platforms: Iterable[str]) -> list[str]:
    """Return pip's arguments for wheels of another CPython, on other platforms."""
    return [
        *("--implementation=cp", f"--python-version={python}"),
        *(f"--platform={platform}" for platform in platforms),
    ]


def platforms_of(machine: str, glibc: int) -> tuple[str, ...]:
    """Return the tags of wheels that run with glibc 2.`glibc`, the newest first.

    Source: https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/
    """
    numbered = (f"manylinux_2_{each}_{machine}" for each in range(glibc, _OLDEST_GLIBC - 1, -1))
    return (*numbered, f"manylinux2014_{machine}")
