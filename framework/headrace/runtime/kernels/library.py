"""The library of kernels: found, loaded from a private place, and declared to ctypes.

ctypes leaves the interpreter's lock while a kernel runs, and does not depend on Python's version.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import sys
import tempfile
from ctypes import CDLL, c_int32, c_int64, c_uint8, c_uint32, c_uint64
from functools import cache
from pathlib import Path

AUTO, OFF = "auto", "off"
SUFFIX = ".so"
SOURCES = Path(__file__).parent / "c"
FLAGS = (
    *("-std=c11", "-O3", "-Wall", "-Wextra", "-Werror", "-ffreestanding"),
    *("-fPIC", "-shared", "-nostdlib", "-fvisibility=hidden", "-s"),
)
"""The options of a compiler. Nothing is linked, so that the library loads beside any C library."""

_P = ctypes.c_void_p
_ARGUMENTS = {
    "hash32": (_P, _P, c_int64, _P, c_int64, c_int32, c_uint32, _P),
    "tokens": (_P, _P, c_int64, _P, c_int64, c_int32, c_uint32, c_uint32, _P, _P),
    "hash_cells": (_P, _P, c_int64, c_int64, _P, _P, c_int32, c_uint32, _P),
    "signed_keys": (_P, c_int64, c_uint32, c_int32, _P),
    "hash64": (_P, _P, c_int64, c_uint64, _P),
    "encode": (_P, _P, _P, c_int64, c_int64, _P, _P, _P, _P, _P, _P, _P, c_int64),
    "sketch": (_P, _P, c_int64, c_int64, _P),
    "count": (_P, _P, _P, c_int64, c_int64, c_int64, _P),
    "sparse": (_P, _P, _P, _P, _P, c_int64, c_int64, _P, _P, _P),
    "sparse_weighted": (_P, _P, _P, _P, _P, _P, c_int64, c_int64, _P, _P, _P),
    "sparse_keys": (_P, c_int64, c_int64, _P, _P, _P),
    "digest": (_P, _P, _P, c_int32, c_int64, c_int64, _P, c_uint64, _P),
    "crc32": (_P, c_int64, c_uint32),
    "padded": (_P, _P, c_int64, c_int64, _P),
    "lines": (_P, _P, _P, _P, _P, c_int64, c_int64, _P),
    "csv_read": (
        *(_P, c_int64, c_uint8, c_uint8, c_uint8, c_int64, _P, c_int64, _P, _P, _P, _P, _P, _P),
        *(c_int64, _P, _P),
    ),
    "group": (_P, c_int64, _P, _P, _P, c_int64),
    "add_up": (_P, _P, c_int64, c_int64, _P),
    "whole_sums": (_P, _P, c_int64, c_int64, _P, _P),
    "cross": (
        *(_P, _P, c_int64, _P, c_int64, _P, _P, c_int64, c_int64, _P, c_int64, _P, c_int64),
        *(_P, _P),
    ),
    "index": (_P, c_int64, _P, c_int64),
    "find": (_P, _P, c_int64, _P, c_int64, _P),
    "tally": (_P, _P, c_int64, _P, c_int64, _P, _P, c_int64, _P),
    "begins": (_P, _P, c_int64, _P),
    "sort": (_P, _P, c_int64, _P, _P),
    "csv_plain": (_P, c_int32, _P, c_int64, _P, c_int64),
    "csv_size": (_P, _P, _P, _P, c_int64, c_int64),
    "csv_lines": (_P, _P, _P, _P, _P, c_int64, c_int64, _P, c_int64),
    "decimals": (_P, c_int64, _P, _P),
    "integers": (_P, c_int64, _P, _P),
    "digest_numbers": (_P, _P, _P, c_int64, _P),
    "side_by_side": (_P, _P, _P, _P, c_int64, c_int64, c_int64, c_int64, _P),
    "add_cells": (_P, _P, _P, _P, c_int64, c_int64, _P),
    "order": (_P, c_int64, _P),
    "take": (_P, c_int64, c_int64, c_int64, _P, _P, _P),
    "take_texts": (_P, _P, c_int64, _P, c_int64, _P, _P, c_int64),
    "level": (c_int32,),
}
_COUNTING = (
    *("encode", "count", "digest", "sparse", "sparse_weighted", "sparse_keys", "csv_read"),
    *("crc32", "lines", "group", "add_up", "csv_plain", "csv_size", "csv_lines", "decimals"),
    *("take", "take_texts", "cross", "whole_sums", "tally", "level", "side_by_side"),
    *("add_cells", "integers"),
)
"""Kernels that return a number."""


class _Setting:
    """The setting ``runtime.kernels`` of this process."""

    is_on = True


def use(setting: str) -> None:
    """Use kernels where there are any (``auto``), or never (``off``)."""
    _Setting.is_on = setting != OFF


def library() -> CDLL | None:
    """Return the library; None if kernels are off, not there, or cannot be loaded."""
    return _loaded() if _Setting.is_on else None


def note() -> str | None:
    """Return why a library that is there is not used; None if there is nothing to say."""
    if not _Setting.is_on or _loaded() is not None or not _failures:
        return None
    return f"the compiled kernels cannot be loaded, NumPy works in their place: {_failures[-1]}"


def digest_of_sources() -> str:
    """Return what tells one version of the kernels from all others.

    Raises:
        OSError: The sources are not here, as in an entry script.
    """
    digest = hashlib.sha256("\0".join(FLAGS).encode())
    for file in sorted(SOURCES.iterdir()):
        if file.suffix in (".c", ".h"):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def folders() -> list[Path]:
    """Return where built kernels may lie on the client: the environment's folder, the user's.

    Raises:
        OSError: The sources are not here, so nothing is built from them.
    """
    version = digest_of_sources()
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    roots = [Path(sys.prefix, "share")] if sys.prefix != sys.base_prefix else []
    return [root / "headrace" / "kernels" / version for root in (*roots, Path(caches).expanduser())]


_failures: list[str] = []


@cache
def _loaded() -> CDLL | None:
    content = _content(f"{platform.machine()}{SUFFIX}") if sys.platform == "linux" else None
    if content is None:
        return None
    for load in (_from_memory, _from_folder):
        try:
            return _declared(load(content))
        except (AttributeError, OSError) as error:
            _failures.append(str(error))
    return None


def _content(name: str) -> bytes | None:
    """Return the file for this machine: one that came with this package, else one built here."""
    loader = getattr(__spec__, "loader", None)
    try:
        return bytes(loader.get_data(os.path.join(os.path.dirname(__file__), name)))  # type: ignore[union-attr] # noqa: PTH118, PTH120
    except (AttributeError, OSError):
        pass
    try:
        files = [folder / name for folder in folders()]
    except OSError:
        return None
    for file in files:
        try:
            return file.read_bytes()
        except OSError:
            continue
    return None


def _from_memory(content: bytes) -> CDLL:
    """Load from a file that has no name, which no other user can change."""
    descriptor = os.memfd_create("headrace-kernels")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        return CDLL(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _from_folder(content: bytes) -> CDLL:
    """Load from a folder that only this user can enter, for systems without such files."""
    with tempfile.TemporaryDirectory(prefix="headrace-kernels-") as folder:
        file = Path(folder, f"kernels{SUFFIX}")
        file.write_bytes(content)
        return CDLL(str(file))


def _declared(loaded: CDLL) -> CDLL:
    for name, arguments in _ARGUMENTS.items():
        function = getattr(loaded, f"headrace_{name}")
        function.argtypes = arguments
        function.restype = c_int64 if name in _COUNTING else None
    return loaded
