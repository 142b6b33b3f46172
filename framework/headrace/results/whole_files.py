"""Write files that appear whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_MODE = 0o666
"""The umask decides who may read a file: a request may hold what nobody else should see."""


def json_text(value: dict[str, Any]) -> str:
    """Return JSON for files that people read."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is whole or absent; create missing folders above it.

    Raises:
        OSError: It cannot be written; what was there before is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not _linked(path, content):
        _renamed(path, content)


def _linked(path: Path, content: bytes) -> bool:
    """Write an unnamed file and then give it a name: a killed process leaves nothing.

    Returns:
        Whether that can be done here: on most file systems of Linux, if the name is free.
    """
    nameless = getattr(os, "O_TMPFILE", None)
    if nameless is None or os.path.lexists(path):
        return False
    try:
        descriptor = os.open(path.parent, nameless | os.O_WRONLY | os.O_CLOEXEC, _MODE)
    except OSError:
        return False
    try:
        _fill(descriptor, content)
        return _named(descriptor, path)
    finally:
        with suppress(OSError):  # it is on the disk
            os.close(descriptor)


def _named(descriptor: int, path: Path) -> bool:
    """Give the open file a name; return whether the file system can do that."""
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:  # with a folder, Python follows the link that /proc has
            os.link(f"/proc/self/fd/{descriptor}", path.name, dst_dir_fd=folder)
            return True
        finally:
            os.close(folder)
    return False


def _renamed(path: Path, content: bytes) -> None:
    """Write aside, wait for the disk, rename."""
    aside = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        descriptor = os.open(aside, _NEW, _MODE)
        try:
            _fill(descriptor, content)
        finally:
            with suppress(OSError):  # it is on the disk
                os.close(descriptor)
        aside.replace(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def _fill(descriptor: int, content: bytes) -> None:
    """Write all bytes and wait for the disk."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)
