"""The folder that a job on this machine works in, its lock, and its repair after a killed run.

It is ``.headrace`` in the output folder, so that a result only has to be renamed. If the result
goes to S3, it is a new folder among the temporary files. It contains

* ``lock``, locked while the job runs; names the job and its process,
* ``scratch-…``, the scratch root,
* ``journal.json`` and ``before``, while a result is delivered: see `headrace.targets.local.moves`.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from headrace.errors import ConfigError, HeadraceError, JobFailed, Problem
from headrace.results.destination import WHERE, shown
from headrace.results.layout import TRANSIENT
from headrace.runtime.shown import plain
from headrace.targets.local.moves import BEFORE, JOURNAL, Replacement, remove
from headrace.uris import path_of, uri_of

LOCK = "lock"
SCRATCH = "scratch-"
TEMPORARY = ".headrace-"
"""The beginning of the names of folders for results on S3."""

_ATTEMPTS = 100
_PAUSE = 0.01
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}
"""The errors of a file system that has no locks."""
_BUSY = {errno.EWOULDBLOCK, errno.EACCES}
_OWNER_BYTES = 4096
_BEGINS = b'{"job": '


class BusyError(JobFailed):
    """Another job is writing there."""


@contextmanager
def scratch(output: str, name: str) -> Iterator[Path]:
    """Make a folder to work in; remove it at the end.

    No other job may write to the output folder meanwhile. That folder is made if need be, and
    removed with its parents if there is no result. The remains of a killed run are repaired first.

    Args:
        output: Where the result goes, a path or a URI.
        name: The job's.

    Raises:
        BusyError: Another job is writing there.
        JobFailed: The disk cannot be written.
    """
    folder = path_of(uri_of(output))
    place = Path(tempfile.gettempdir()) if folder is None else folder
    holding = _temporary(name) if folder is None else _held(folder, name)
    with ExitStack() as stack:
        with disk_errors(str(place)):
            transient = stack.enter_context(holding)
            root = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=transient))
        try:
            yield root
        finally:
            if is_gone(root):  # a process that still ran may have made some of it again
                _remove_scratch(root)
                with suppress(OSError):
                    transient.rmdir()


def is_gone(root: Path) -> bool:
    """Return whether the folder that a scratch root is in has been removed."""
    return not (root.parent / LOCK).exists()


def recover(output: str) -> list[Problem]:
    """Repair what a killed run left in a folder; write nothing else.

    Returns:
        The reason why no job can write there: another one does.
    """
    folder = path_of(uri_of(output))
    if folder is None or not os.path.lexists(folder / TRANSIENT):
        return []
    try:
        with disk_errors(str(folder)), _held(folder, "headrace"):
            return []
    except ConfigError as error:
        return list(error.problems)
    except JobFailed as error:
        return [Problem(WHERE, str(error))]


@contextmanager
def disk_errors(place: str) -> Iterator[None]:
    """Turn an error of the disk into one of ours that says where and why.

    Args:
        place: The place to name if the error has none.
    """
    try:
        yield
    except OSError as exc:
        path = exc.filename2 or exc.filename or place
        raise JobFailed(f"cannot write {str(path)!r}: {exc.strerror}") from exc


@contextmanager
def _held(folder: Path, name: str) -> Iterator[Path]:
    """Hold the lock of an output folder, after repairing it."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    transient = folder / TRANSIENT
    try:
        lock = _Lock.take(transient, name, folder)
        try:
            if note := _recovered(folder, transient, lock.former):
                print(f"note: {note}", file=sys.stderr, flush=True)
            yield transient
        finally:
            lock.release()
    finally:
        with suppress(OSError):  # not empty: the result is there
            for each in missing:
                each.rmdir()


@contextmanager
def _temporary(name: str) -> Iterator[Path]:
    """Hold the lock of a new folder for temporary files; remove those that nobody holds."""
    _sweep(Path(tempfile.gettempdir()))
    transient = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    lock = _Lock.take(transient, name, transient)
    try:
        yield transient
    finally:
        lock.release()


def _sweep(place: Path) -> None:
    """Remove what killed runs left in the folder for temporary files."""
    with suppress(OSError):
        for transient in place.glob(f"{TEMPORARY}*"):
            found = transient.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                continue
            with suppress(HeadraceError, OSError):
                if _owner((transient / LOCK).read_bytes()):  # else it is about to be locked
                    _Lock.take(transient, "", transient).release()


@dataclass
class _Lock:
    """The lock of a ``.headrace`` folder."""

    transient: Path
    descriptor: int
    former: str | None
    """The job that held it and was killed; empty if its name is not known."""

    @classmethod
    def take(cls, transient: Path, name: str, shown_as: Path) -> _Lock:
        """Take the lock; make the folder if need be.

        Args:
            transient: The folder.
            name: The name of the job, shown to other jobs.
            shown_as: The folder that is named to other jobs.
        """
        for _ in range(_ATTEMPTS):
            transient.parent.mkdir(parents=True, exist_ok=True)
            _provide(transient)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                descriptor = os.open(transient / LOCK, flags, 0o600)
            except FileNotFoundError:  # the job that held it has just removed the folder
                time.sleep(_PAUSE)
                continue
            except OSError:
                with suppress(OSError):  # only an empty folder goes
                    transient.rmdir()
                raise
            try:
                _lock(descriptor, shown_as)
                if _is(descriptor, transient / LOCK):
                    return cls._named(transient, descriptor, name)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        raise BusyError(f"other jobs are writing to {shown(shown_as)}; choose another folder")

    @classmethod
    def _named(cls, transient: Path, descriptor: int, name: str) -> _Lock:
        try:
            return cls(transient, descriptor, _claimed(descriptor, name, transient))
        except OSError:  # the disk is full
            _remove_lock(transient)
            raise

    def release(self) -> None:
        """Remove the folder with all that is in it, and release the lock.

        Old files that could not be moved back stay, for the next run.
        """
        with suppress(OSError):
            if _is(self.descriptor, self.transient / LOCK):  # else the folder was removed meanwhile
                _tidy(self.transient)
                _remove_lock(self.transient)
        with suppress(OSError):  # the result is in its place and the lock is gone anyway
            os.close(self.descriptor)


def _remove_lock(transient: Path) -> None:
    """Remove the lock and its folder; leave both to the next run if something else is there."""
    with suppress(OSError):
        if os.listdir(transient) == [LOCK]:  # noqa: PTH208 (names)
            (transient / LOCK).unlink()
            transient.rmdir()


def _provide(transient: Path) -> None:
    """Make the folder; refuse one that is not ours."""
    with suppress(FileExistsError):
        transient.mkdir(mode=0o700)
    with suppress(FileNotFoundError):  # the job that held it has just removed it
        if not stat.S_ISDIR(transient.lstat().st_mode):
            raise _foreign(transient)
        names = os.listdir(transient)  # noqa: PTH208 (names)
        # Files without a lock are not ours; the content of the lock is checked later.
        if (names and LOCK not in names) or not _is_free_or_file(transient / LOCK):
            raise _foreign(transient)


def _is_free_or_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return True


def _lock(descriptor: int, shown_as: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno in _NO_LOCKS:
            what = f"the file system of {shown(shown_as)} knows no locks"
            print(f"note: {what}: let no second job write there", file=sys.stderr, flush=True)
        elif exc.errno in _BUSY:
            raise BusyError(_busy(descriptor, shown_as)) from None
        else:
            raise


def _is(descriptor: int, path: Path) -> bool:
    """Return whether an open file is still the one at that path."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False


def _claimed(descriptor: int, name: str, transient: Path) -> str | None:
    """Write the owner into the lock; return the former one, None if there was none."""
    before = os.pread(descriptor, _OWNER_BYTES, 0).strip(b"\0")  # which a crash may leave
    owner = _owner(before)
    # A process that was killed, or a full disk, may have left a part of it.
    if owner is None and not (before.startswith(_BEGINS) or _BEGINS.startswith(before)):
        raise _foreign(transient)
    entries = os.listdir(transient)  # noqa: PTH208 (names)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    text = json.dumps({"job": name, "pid": os.getpid(), "started": now}).encode()
    os.ftruncate(descriptor, 0)
    written = 0
    while written < len(text):  # a disk that gets full writes a part first
        written += os.pwrite(descriptor, text[written:], written)
    return (owner or ("", 0))[0] if before or entries != [LOCK] else None


def _owner(content: bytes) -> tuple[str, int] | None:
    """Return the job and the process that a lock names."""
    try:
        found = json.loads(content)
        return str(found["job"]), int(found["pid"])
    except (ValueError, LookupError, TypeError):
        return None


def _busy(descriptor: int, shown_as: Path) -> str:
    job, pid = _owner(os.pread(descriptor, _OWNER_BYTES, 0)) or ("", 0)
    who = f"the job {plain(job)} (process {pid})" if job else "another job"
    return f"{who} is writing to {shown(shown_as)}; wait for its end, or choose another folder"


def _recovered(folder: Path, transient: Path, former: str | None) -> str | None:
    """Repair what a killed run left; return a note about it."""
    replacement = Replacement.interrupted(folder, transient)
    if replacement is None:
        what = "what it left is removed"
    elif replacement.is_done():
        replacement.finish()
        what = "its result is whole"
    else:
        replacement.roll_back()
        what = "what was there before is back" if replacement.old else "what it left is removed"
    if former is None and replacement is None:
        return None
    _tidy(transient)
    job = f"the job {plain(former)}" if former else "a job"
    return f"{job} was killed while it wrote to {shown(folder)}: {what}"


def _tidy(transient: Path) -> None:
    """Remove all but the lock, and old files that have to be moved back."""
    if os.path.lexists(transient / JOURNAL):
        return
    for path in transient.iterdir():
        if path.name.startswith(SCRATCH):
            _remove_scratch(path)
        elif path.name == BEFORE or path.name.startswith(f".{JOURNAL}-"):
            remove(path)


def _remove_scratch(root: Path) -> None:
    """Remove a scratch root, even if a process of a killed job still writes to it."""
    gone = root.with_name(f"{root.name}-gone")  # the process does not find its files any more
    with suppress(OSError):
        root.rename(gone)
        root = gone
    for pause in (0.0, 0.05, 0.2, 0.5):
        time.sleep(pause)
        shutil.rmtree(root, ignore_errors=True)
        if not root.exists():
            return
        _open(root)


def _open(root: Path) -> None:
    """Make folders removable that a program, or overlayfs, has closed to their own user."""
    for above, folders, _ in os.walk(root):
        for folder in (Path(above, name) for name in folders):
            with suppress(OSError):  # somebody else's
                if not folder.is_symlink():
                    folder.chmod(0o700)


def _foreign(transient: Path) -> ConfigError:
    what = f"{shown(transient)} is none of headrace's; move it away or choose another folder"
    return ConfigError([Problem(WHERE, what)])
