"""The output folder: what it may contain, and which of its files a next job replaces.

A folder can be used if it is empty. The files of an earlier result are replaced if the user says
so, those of a plan in any case, and nothing else is touched: `headrace.results.layout` decides
which files these are. Links are not followed, except for the folder's own path.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from headrace.config.models import OutputConfig
from headrace.errors import HeadraceError, Problem
from headrace.results.layout import (
    MANIFEST,
    RECEIPT,
    TRANSIENT,
    Listing,
    folders_of,
    listed,
    looks_like_ours,
)
from headrace.runtime.shown import listed as names_shown
from headrace.runtime.shown import quoted
from headrace.uris import path_of, uri_of

WHERE = "output.path"
_HYDRAS = frozenset({".hydra", "run.json"})
_PATH_LENGTH = 400
_NAMED = 3
"""Entries that a message names."""
_NOT_THERE = (FileNotFoundError, NotADirectoryError)


class OccupiedError(HeadraceError):
    """The folder holds something that must stay."""


class _Identity(NamedTuple):
    """Identifies a file without reading it."""

    inode: int
    bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> _Identity:
        """Return the identity of a file."""
        return cls(found.st_ino, found.st_size, found.st_mtime_ns)


def check(output: OutputConfig, *, is_run_folder: bool) -> list[Problem]:
    """List what prevents writing a result there. Creates nothing, and does not look at S3.

    Args:
        output: The folder, and whether an earlier result is replaced.
        is_run_folder: Hydra keeps its own records of this very run there.
    """
    folder = path_of(uri_of(output.path))
    if folder is None:
        return []
    if problems := unwritable(folder):
        return problems
    try:
        replaceable(folder, overwrite=output.overwrite, is_run_folder=is_run_folder)
    except OccupiedError as error:
        return [Problem(WHERE, str(error))]
    except OSError as error:
        return [Problem(WHERE, f"cannot look into {shown(folder)}: {error.strerror}")]
    return []


def unwritable(folder: Path) -> list[Problem]:
    """List what prevents writing to a folder. It need not exist, and is not created."""
    try:
        existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        if not existing.exists():
            return [Problem(WHERE, f"{shown(existing)} is a link that leads nowhere")]
        if not existing.is_dir():
            return [Problem(WHERE, f"{shown(existing)} is a file; give a folder")]
        with tempfile.TemporaryFile(dir=existing):
            return []
    except OSError as exc:
        return [Problem(WHERE, f"cannot write in {shown(folder)}: {exc.strerror}")]


def replaceable(folder: Path, *, overwrite: bool, is_run_folder: bool) -> list[str]:
    """Look at a folder that a job is to write to.

    Args:
        folder: It need not be there.
        overwrite: Whether an earlier result may be replaced.
        is_run_folder: Hydra keeps its own records of this very run there.

    Returns:
        The files that are replaced, as paths below the folder, the manifest first; nothing else in
        the folder may be touched.

    Raises:
        OccupiedError: Something has to stay, and the job has to go elsewhere.
        OSError: The folder cannot be read.
    """
    entries = _entries(folder, is_run_folder)
    if not entries:
        return []
    if result := _listing(folder, MANIFEST):
        if not overwrite:
            what = f"the folder {shown(folder)} holds a result"
            raise OccupiedError(f"{what}; choose another or set output.overwrite=true")
        return _unchanged(folder, result)
    if plan := _listing(folder, RECEIPT):
        old = _unchanged(folder, plan)
        entries = [name for name in _all_below(folder, entries, old) if name not in old]
        if not entries:
            return old
    what = f"the folder {shown(folder)} is not empty ({names_shown(sorted(entries), _NAMED)})"
    why = f", and is not taken for a result of headrace: {_why(folder)}" if overwrite else ""
    raise OccupiedError(f"{what}{why}; choose another folder")


def obstacle(folder: Path, new: Iterable[str], old: Collection[str]) -> str | None:
    """Return what prevents writing new files to a folder; None if nothing does.

    Args:
        folder: The folder.
        new: Paths below it.
        old: Paths of files that are removed before.
    """
    free: set[str] = set()
    for file in new:
        for above in reversed(folders_of(file)):
            if above not in free and (problem := _no_folder(folder / above)):
                return problem
            free.add(above)
        if file not in old and os.path.lexists(folder / file):
            what = "is in the way and belongs to no earlier result; move it away"
            return f"{shown(folder / file)} {what} or choose another folder"
    return None


def shown(path: Path) -> str:
    """Return a path for a message."""
    return quoted(str(path), _PATH_LENGTH)


def regular(folder: Path, file: str) -> os.stat_result | None:
    """Return the state of a file below a folder; None if it is not there.

    Raises:
        OccupiedError: A link or something else has taken its place.
    """
    try:
        for above in reversed(folders_of(file)):
            if not stat.S_ISDIR((folder / above).lstat().st_mode):
                raise _replaced(folder / above)
        found = (folder / file).lstat()
    except _NOT_THERE:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise _replaced(folder / file)
    return found


def _replaced(path: Path) -> OccupiedError:
    what = "is a link, which is not followed" if path.is_symlink() else "is not what a job left"
    return OccupiedError(f"{shown(path)} {what}; move it away or choose another folder")


def _no_folder(path: Path) -> str | None:
    try:
        is_folder = stat.S_ISDIR(path.lstat().st_mode)
    except _NOT_THERE:
        return None
    return None if is_folder else str(_replaced(path))


def _entries(folder: Path, is_run_folder: bool) -> list[str]:
    """Return the names directly in a folder that count."""
    try:
        names = [name for name in os.listdir(folder) if name != TRANSIENT]  # noqa: PTH208 (names)
    except FileNotFoundError:
        return []
    return [name for name in names if not (is_run_folder and _is_hydras(name))]


def _is_hydras(name: str) -> bool:
    return name in _HYDRAS or name.endswith(".log")


def _all_below(folder: Path, entries: Iterable[str], files: Collection[str]) -> Iterator[str]:
    """Yield the entries, and instead of a folder that holds some of the files what is in it."""
    above = {parent for file in files for parent in folders_of(file)}
    for entry in entries:
        if entry in above:
            inside = os.listdir(folder / entry)  # noqa: PTH208 (names)
            yield from _all_below(folder, [f"{entry}/{name}" for name in inside], files)
        else:
            yield entry


def _listing(folder: Path, file: str) -> Listing | None:
    try:
        found = listed((folder / file).read_bytes()) if regular(folder, file) else None
    except OccupiedError:
        return None
    return found if found and file in found.files else None


def _unchanged(folder: Path, listing: Listing) -> list[str]:
    """Return the files of a listing that are there, the one which lists them first.

    Raises:
        OccupiedError: One of them is not what it was.
    """
    old = []
    for file in sorted(listing.files, key=lambda file: file not in (MANIFEST, RECEIPT)):
        if found := regular(folder, file):
            old.append(file)
            if file in listing.digests:
                is_ours = listing.is_unchanged(file, _sha256(folder / file, _Identity.of(found)))
            else:
                is_ours = looks_like_ours(file, folder / file)
            if not is_ours:
                what = "has been changed since it was written, so it is not replaced"
                raise OccupiedError(f"{shown(folder / file)} {what}; move it away")
    return old


@lru_cache(maxsize=1 << 16)
def _sha256(path: Path, _: _Identity) -> str:
    """Return the digest of a file. A job looks at a folder several times, and reads it once."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _why(folder: Path) -> str:
    try:
        is_there = regular(folder, MANIFEST)
    except OccupiedError as error:
        return str(error).partition(";")[0]
    if is_there:
        return f"{MANIFEST} is none of headrace's, or has been changed"
    return f"there is no {MANIFEST}"
