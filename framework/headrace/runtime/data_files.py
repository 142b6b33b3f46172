"""The files of an input that are data: the one rule, for every target and both halves.

Hadoop and Spark leave markers and unfinished work beside the data, under names that begin with a
dot or an underscore: ``_SUCCESS``, ``.part-0.csv.crc``, ``_temporary/0/part-0.csv``. Below a folder
or a prefix that a job names, whatever has such a name in its path is no data. A hidden file that is
named itself, ``dataset.path=logs/_a.csv``, is.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from headrace.runtime.errors import DataError
from headrace.runtime.shown import plain

_HIDDEN = (".", "_")
_DELTA_LOG = "_delta_log"
IS_DELTA = (
    "a Delta table, whose folder also holds rows that were removed; name its live files in "
    "dataset.path, as DeltaTable(…).file_uris() of the package deltalake lists them"
)
_NOT_NAMES = frozenset({".", ".."})


def is_data(relative_path: str) -> bool:
    """Return whether a file counts as data: no name in its path is hidden.

    Args:
        relative_path: Its path below the folder or prefix that the job names, with slashes.
    """
    return not any(map(is_hidden, relative_path.split("/")))


def is_of_delta(relative_path: str) -> bool:
    """Return whether a file belongs to the log of a Delta table, which makes a folder one."""
    return _DELTA_LOG in relative_path.split("/")[:-1]


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of that name is left out unless it is named itself."""
    return name.startswith(_HIDDEN) and name not in _NOT_NAMES


def files_below(folder: Path) -> list[Path]:
    """Return the data files of a folder, sorted; links are followed, each folder is entered once.

    Raises:
        OSError: A folder cannot be read, a link leads to nothing, or the folder is a Delta table.
    """
    return sorted(_walked(folder, hidden=False))


def all_files_below(folder: Path) -> list[Path]:
    """Return all files of a folder, hidden ones too, sorted; links as in `files_below`.

    This is what an input holds that is not read as data: a script gets every file.

    Raises:
        OSError: A folder cannot be read.
    """
    return sorted(_walked(folder, hidden=True))


def files_of_input(folder: Path) -> list[Path]:
    """Return the data files of a folder that holds the input of a job, sorted.

    Where all are hidden, the job has named them: whoever brings an input here leaves the hidden
    files of a folder out.

    Raises:
        DataError: There are no files, or a folder cannot be read.
    """
    try:
        found = files_below(folder) or all_files_below(folder)
    except OSError as error:
        name = plain(os.path.relpath(error.filename, folder))
        who = "" if error.errno in (errno.ENOENT, errno.ENOTSUP) else "the folder "
        raise DataError(f"{name}: {who}cannot be read ({error.strerror})") from error
    if not found:
        raise DataError("the input holds no files")
    return found


def _walked(folder: Path, *, hidden: bool) -> Iterator[Path]:
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        if (real := os.path.realpath(parent)) in seen:  # a link back to a folder above
            folders.clear()
            continue
        seen.add(real)
        if _DELTA_LOG in folders and not hidden:
            raise OSError(errno.ENOTSUP, IS_DELTA, parent)
        folders[:] = sorted(name for name in folders if hidden or not is_hidden(name))
        paths = (Path(parent, name) for name in names if hidden or not is_hidden(name))
        for path in paths:
            if path.is_file():
                yield path
            elif path.is_symlink() and not path.exists():
                raise OSError(errno.ENOENT, "a link that leads to nothing", str(path))


def _raise(error: OSError) -> None:
    raise error
