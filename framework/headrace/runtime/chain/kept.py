"""Groups of rows kept from one pass for the next, so that these are not read and parsed again.

What is kept are the rows that reached a step, by their distinct values: in memory, and beyond a
limit in files without a name. Whoever finds a bad row among them cannot say where it stands in the
input, and a file may fail; then that group is read again: `ReadAgain`.
"""

from __future__ import annotations

import os
import weakref
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from headrace.runtime.chain.bad_rows import Keeps, Rejection, Stayed, Steps
from headrace.runtime.chain.dictionaries import unpacked
from headrace.runtime.errors import BadRows

MOST_BYTES = 192 << 20
"""Memory that they may take: about 2.4 million rows of a click log."""
FILE_BYTES = 16 << 20
"""Size of the first files. The space of a file is free again once all groups in it are used."""
_SHARE = 64
"""A file has this part of all bytes, at least: the space comes back while the output grows."""
MOST_FILES = 256
"""Files of one pass, 20 GB: a process may have 1,024 open."""
_WAITING = 4
"""Groups that may wait for the disk; if it is slower than the pass, further ones are read again."""


class ReadAgain(Exception):
    """Says that a group has to be read from the input to go on."""


class _File:
    """A file that never has a name; it is gone with the last group in it, or with the process.

    Args:
        folder: A folder of the volume on which it lies.

    Raises:
        OSError: The volume has no such files, or no room, or its files take memory.
    """

    def __init__(self, folder: Path) -> None:
        nameless = getattr(os, "O_TMPFILE", None)
        if nameless is None:
            raise OSError("files without a name are Linux's")
        while not folder.exists():  # the job has not written anything yet
            folder = folder.parent
        self._descriptor = os.open(folder, nameless | os.O_RDWR | os.O_EXCL, 0o600)
        weakref.finalize(self, os.close, self._descriptor)
        if _is_in_memory(os.fstat(self._descriptor).st_dev):
            raise OSError("files of this volume take memory")
        self.size = 0

    @property
    def free(self) -> int:
        """Return the bytes that are free on the volume."""
        about = os.fstatvfs(self._descriptor)
        return about.f_bavail * about.f_frsize

    def append(self, content: pa.Buffer) -> _Stored:
        """Write bytes, and return where.

        Raises:
            OSError: There is no room for them, or the disk has a fault.
        """
        left, place = memoryview(content).cast("B"), self.size
        while left:
            written = os.pwrite(self._descriptor, left, place)
            left, place = left[written:], place + written
        stored = _Stored(self, self.size, content.size, zlib.crc32(content))
        self.size = place
        return stored

    def prefetch(self, place: int, size: int) -> None:
        """Have the disk begin to read bytes, without waiting for it, if it can."""
        with suppress(OSError):
            os.posix_fadvise(self._descriptor, place, size, os.POSIX_FADV_WILLNEED)

    def read(self, place: int, size: int) -> pa.Buffer:
        """Return bytes.

        Raises:
            OSError: They cannot be read.
        """
        found = pa.py_buffer(np.empty(size, np.uint8))
        left = memoryview(found)
        while left:
            count = os.preadv(self._descriptor, [left], place)
            if not count:
                raise OSError("the file is cut short")
            left, place = left[count:], place + count
        return found


def _is_in_memory(device: int) -> bool:
    number = f"{os.major(device)}:{os.minor(device)}".encode()
    mounts = Path("/proc/self/mountinfo").read_bytes().splitlines()
    return any(each.split()[2] == number and b" - tmpfs " in each for each in mounts)


@dataclass(frozen=True)
class _Stored:
    """Place of bytes in a file, and their checksum."""

    file: _File
    place: int
    size: int
    checksum: int

    def read(self) -> pa.Buffer:
        """Return the bytes.

        Raises:
            ReadAgain: They cannot be read, or are not those that were written.
        """
        try:
            found = self.file.read(self.place, self.size)
        except OSError as error:
            raise ReadAgain from error
        if zlib.crc32(found) != self.checksum:
            raise ReadAgain
        return found


@dataclass(frozen=True)
class KeptRows:
    """The rows of one group that reached a step; none of the group is bad.

    Attributes:
        done: Bytes of the input read when these were.
        place: Number of steps that they have gone through.
        left_out: Number of rows that these steps left out.
        content: The rows, `packed`.
    """

    done: int
    place: int
    left_out: int
    content: pa.Buffer | _Stored

    @property
    def memory(self) -> int:
        """Return the bytes of memory that they take."""
        return 0 if isinstance(self.content, _Stored) else int(self.content.size)

    def rows(self) -> pa.RecordBatch:
        """Return the rows.

        Raises:
            ReadAgain: They cannot be read from their file.
        """
        content = self.content
        return unpacked(content.read() if isinstance(content, _Stored) else content)

    def prefetch(self) -> None:
        """Have the disk begin to read them."""
        if isinstance(self.content, _Stored):
            self.content.file.prefetch(self.content.place, self.content.size)

    def steps(self) -> Steps:
        """Return what runs further steps on them."""
        return _FurtherSteps(self.left_out)


class _Files:
    """The files of one pass, which a thread of their own writes.

    Half of the space that is free at its beginning stays free, at least: the output needs some.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(1, "kept")
        self._groups: list[Future[tuple[int, KeptRows] | None]] = []
        self._file: _File | None = None
        self._count = 0
        self._bytes = 0
        self._reserve: int | None = None
        self._is_full = False

    @property
    def has_room(self) -> bool:
        """Return whether there may be room for a group."""
        if len(self._groups) >= _WAITING and not self._groups[-_WAITING].done():
            return False
        return not self._is_full

    def put(self, number: int, rows: KeptRows) -> None:
        """Have a group written."""
        self._groups.append(self._pool.submit(self._written, number, rows))

    def close(self) -> dict[int, KeptRows]:
        """Return the groups that have been written."""
        self._pool.shutdown()
        return dict(filter(None, (group.result() for group in self._groups)))

    def _written(self, number: int, rows: KeptRows) -> tuple[int, KeptRows] | None:
        try:
            if (file := self._file_for(rows.memory)) is not None:
                return number, replace(rows, content=file.append(rows.content))
        except OSError:  # no space, a quota, a fault of the disk: the input is still there
            self._is_full = True
        return None

    def _file_for(self, size: int) -> _File | None:
        """Return the file for a group; None if it has to be read again."""
        if self._is_full:
            return None
        most = max(FILE_BYTES, self._bytes // _SHARE)
        if self._file is None or self._file.size + size > most:
            self._is_full = self._count == MOST_FILES
            if self._is_full:
                return None
            self._file, self._count = _File(self._folder), self._count + 1
        free = self._file.free
        if self._reserve is None:
            self._reserve = free // 2
        self._is_full = free - size < self._reserve
        self._bytes += size
        return None if self._is_full else self._file


class Kept:
    """The groups that are kept, by their position in the input.

    Args:
        folder: A folder of the volume where groups may lie for which there is no memory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._groups: dict[int, KeptRows] = {}
        self._files: _Files | None = None
        self._bytes = 0
        self._is_given_up = False

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def has_room(self) -> bool:
        """Return whether there may be room for a group."""
        files = self._files
        if self._is_given_up or files is None:
            return False
        return self._bytes < MOST_BYTES or files.has_room

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Take groups in one pass, for the next."""
        self._files = files = _Files(self._folder)
        try:
            yield
        finally:
            self._files = None
            self._groups |= files.close()

    def put(self, number: int, rows: KeptRows) -> None:
        """Keep a group, if there is room for it."""
        if self._is_given_up or self._files is None:
            return
        if self._bytes + rows.memory <= MOST_BYTES:
            self._groups[number] = rows
            self._bytes += rows.memory
        elif self._files.has_room:
            self._files.put(number, rows)

    def take(self, number: int) -> KeptRows | None:
        """Return a group, and forget it; None if it has to be read."""
        rows = self._groups.pop(number, None)
        if rows is None or self._is_given_up:
            return None
        self._bytes -= rows.memory
        rows.prefetch()
        return rows

    def give_up(self) -> None:
        """Have all groups read from here on: reading one of them alone takes as long."""
        self._is_given_up = True


class _FurtherSteps(Steps):
    """Runs steps on rows that were kept."""

    def __init__(self, left_out: int) -> None:
        self.rejected, self.left_out = 0, left_out

    def run(
        self,
        batch: pa.RecordBatch,
        step: Callable[[pa.RecordBatch], pa.RecordBatch],
        keeps: Keeps | None = None,
    ) -> pa.RecordBatch:
        """Run one step.

        Raises:
            ReadAgain: It finds bad rows.
        """
        try:
            made = step(batch)
        except BadRows as bad:
            raise ReadAgain from bad
        self.left_out += batch.num_rows - made.num_rows
        return made

    def stay(self, rows: int, which: Stayed | None) -> None:
        """Do nothing: where a row stands is told when the group is read again."""

    def rejections(self) -> tuple[Rejection, ...]:
        """Return nothing: no row is bad."""
        return ()
