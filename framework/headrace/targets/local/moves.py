"""The replacement of files in a folder: all new ones come or none, even if the program is killed.

A journal is on the disk before the first file is moved. A later run that finds it knows what to do:
as long as the last new file, the manifest, is not in its place, everything goes back; from then on
only the old files have to be removed. No file is ever moved over another one.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from headrace.errors import JobFailed
from headrace.results.destination import OccupiedError, obstacle, regular, shown
from headrace.results.layout import folders_of, is_inside
from headrace.results.whole_files import json_text, write_whole

JOURNAL = "journal.json"
BEFORE = "before"
"""Folder of the files that have been set aside."""

_FORMAT_VERSION = 1
_AT_CWD, _NO_REPLACE = -100, 1
_UNKNOWN = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}
"""The errors of a kernel or file system that has no such rename."""
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}


class _New(NamedTuple):
    """A new file, before or after its move."""

    file: str
    """Path below the folder."""
    source: str
    """Path below that of the journal."""
    bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Replacement:
    """New files that take the place of old ones.

    Attributes:
        folder: The folder that they are in.
        aside: Holds the journal, the new files and, while they are replaced, the old ones; on the
            same file system.
        old: Paths of the old files, the manifest first.
        new: The new ones, the manifest last.
        made: Folders that are not there yet.
    """

    folder: Path
    aside: Path
    old: tuple[str, ...]
    new: tuple[_New, ...]
    made: tuple[str, ...]

    @classmethod
    def of(
        cls, folder: Path, aside: Path, old: Iterable[str], new: Mapping[str, Path]
    ) -> Replacement:
        """Plan it: path below the folder → file below `aside`, the manifest last."""
        files = []
        for file, source in new.items():
            found = source.lstat()
            inside = str(source.relative_to(aside))
            files.append(_New(file, inside, found.st_size, found.st_mtime_ns))
        above = dict.fromkeys(each for file in new for each in reversed(folders_of(file)))
        made = [each for each in above if not os.path.lexists(folder / each)]
        return cls(folder, aside, tuple(old), tuple(files), tuple(made))

    @classmethod
    def interrupted(cls, folder: Path, aside: Path) -> Replacement | None:
        """Read what a program that died has left undone; None if there is nothing.

        Raises:
            JobFailed: There is a journal, but it is none of ours.
        """
        journal = aside / JOURNAL
        try:
            content = json.loads(journal.read_bytes())
            new = tuple(_New(**each) for each in content["new"])
            found = cls(folder, aside, tuple(content["old"]), new, tuple(content["made"]))
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError) as exc:
            raise _unreadable(journal) from exc
        paths = (*found.old, *found.made, *(path for each in new for path in each[:2]))
        if not all(map(is_inside, paths)):
            raise _unreadable(journal)
        return found

    def carry_out(self, check: Callable[[], None]) -> None:
        """Replace the files.

        Args:
            check: Called before each move; what it raises ends it.

        Raises:
            JobFailed: Something is in the way; all is as it was before.
            OSError: A file cannot be moved; all is as it was before.
        """
        if problem := obstacle(self.folder, (each.file for each in self.new), self.old):
            raise JobFailed(problem)
        try:
            self._write()
            ready: set[Path] = set()
            for file in self.old:
                check()
                move(self.folder / file, _made(self.aside / BEFORE / file, ready))
            for each in self.new:
                check()
                move(self.aside / each.source, _made(self.folder / each.file, ready))
        except BaseException:
            if not self.is_done():
                self._give_up()
                raise
        self.finish()

    def _give_up(self) -> None:
        try:
            self.roll_back()
        except OSError as exc:
            path = shown(Path(exc.filename or self.folder))
            what = f"cannot bring everything back: {path}: {exc.strerror}"
            raise JobFailed(f"{what}; the next run into {shown(self.folder)} tries again") from exc

    def is_done(self) -> bool:
        """Return whether all new files are in their places."""
        return not self.new or self._is_placed(self.new[-1])

    def finish(self) -> None:
        """Remove the old files for good, and folders that only they were in."""
        with suppress(OSError):  # the journal tells the next run to try again
            remove(self.aside / BEFORE)
            for above in _innermost_first(self.old):
                with suppress(OSError):  # not empty
                    (self.folder / above).rmdir()
            (self.aside / JOURNAL).unlink()

    def roll_back(self) -> None:
        """Bring everything back to where it was; does no harm if it has been begun before.

        Raises:
            HeadraceError: Something is in a file's place. The journal stays, for a next run to
                try again.
            OSError: A file cannot be moved. The same.
        """
        for each in reversed(self.new):
            if self._is_placed(each):
                _move_back(self.folder, each.file, self.aside, each.source)
        for file in reversed(self.old):
            if regular(self.aside, f"{BEFORE}/{file}"):
                _move_back(self.aside, f"{BEFORE}/{file}", self.folder, file)
        for above in reversed(self.made):
            with suppress(OSError):  # not empty by now
                (self.folder / above).rmdir()
        (self.aside / JOURNAL).unlink(missing_ok=True)
        remove(self.aside / BEFORE)

    def _is_placed(self, new: _New) -> bool:
        """Return whether the file in a place is this new file, and not another one."""
        try:
            found = regular(self.folder, new.file)
        except OccupiedError:  # a link
            return False
        if found is None or (found.st_size, found.st_mtime_ns) != (new.bytes, new.mtime_ns):
            return False
        source = self.aside / new.source  # a move by hard link may leave both
        return not os.path.lexists(source) or os.path.samestat(source.lstat(), found)

    def _write(self) -> None:
        content: dict[str, Any] = {
            "format_version": _FORMAT_VERSION,
            "old": self.old,
            "new": [each._asdict() for each in self.new],
            "made": self.made,
        }
        # File systems keep the order of renames, so that no folder has to be synced as well.
        write_whole(self.aside / JOURNAL, json_text(content).encode())


def move(source: Path, destination: Path) -> None:
    """Give a file another name on the same file system, unless that name is taken.

    Raises:
        OSError: It cannot be moved; `FileExistsError` if the name is taken.
    """
    rename = _rename_no_replace()
    problem = rename(source, destination) if rename else errno.ENOSYS
    if problem in _UNKNOWN:
        _link(source, destination)
    elif problem:
        raise OSError(problem, os.strerror(problem), str(source), None, str(destination))


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _move_back(here: Path, file: str, there: Path, name: str) -> None:
    source, destination = here / file, there / name
    if problem := obstacle(there, [name], [name]):
        raise JobFailed(problem)
    if not os.path.lexists(destination):
        move(source, _made(destination, set()))
    elif os.path.samestat(source.lstat(), destination.lstat()):
        source.unlink()  # a move by hard link was interrupted after its first step
    else:
        what = f"stands where {shown(source)} has to come back to; move one of them away"
        raise JobFailed(f"{shown(destination)} {what}")


@cache
def _rename_no_replace() -> Callable[[Path, Path], int] | None:
    """Return Linux's rename that replaces nothing, which gives an error's number; or None."""
    import ctypes  # not needed by a start-up that moves nothing

    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None

    def rename(source: Path, destination: Path) -> int:
        names = os.fsencode(source), os.fsencode(destination)
        failed = function(_AT_CWD, names[0], _AT_CWD, names[1], _NO_REPLACE)
        return ctypes.get_errno() if failed else 0

    return rename


def _link(source: Path, destination: Path) -> None:
    """Do the same by a hard link; where there are none, look before the rename."""
    try:
        os.link(source, destination, follow_symlinks=False)
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        if os.path.lexists(destination):
            code = errno.EEXIST
            raise FileExistsError(code, os.strerror(code), str(destination)) from exc
        os.rename(source, destination)  # noqa: PTH104 - names both paths in its errors
    else:
        source.unlink()


def _made(path: Path, ready: set[Path]) -> Path:
    """Return the path, after its folder has been made, if it is not ready."""
    if path.parent not in ready:
        path.parent.mkdir(parents=True, exist_ok=True)
        ready.add(path.parent)
    return path


def _innermost_first(files: Iterable[str]) -> list[str]:
    above = {each for file in files for each in folders_of(file)}
    return sorted(above, key=lambda each: -each.count("/"))


def _unreadable(journal: Path) -> JobFailed:
    what = "is none of headrace's: look into its folder for files that belong elsewhere"
    return JobFailed(f"{shown(journal)} {what}, then remove the folder")
