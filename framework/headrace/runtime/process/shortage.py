"""Shortages of a machine, in words: memory, threads, room on a disk. They are no bugs."""

from __future__ import annotations

import errno
import mmap
from collections.abc import Iterator

MEMORY = (
    "there is not enough memory; allow more (a larger instance, `ulimit -v`), or set "
    "runtime.threads and runtime.block_bytes lower"
)
_MEMORY_SIGNS = (
    "can't start new thread",
    "cannot allocate memory",
    "failed to map segment",
    "memory allocation still failed",
    "libgcc_s.so.1 must be installed",  # glibc: what ends a thread could not be loaded
    "std::bad_alloc",
    "error return without exception set",
    "without setting an exception",
)
"""Words of libraries and CPython in errors of other kinds, and when they end the process."""
_REFUSALS = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO),
        *(errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ESTALE),
    }
)


_THREAD_BYTES = (8 + 64) << 20
"""Address space of a new thread: its stack, and the heap that glibc's malloc reserves for it."""


def require_memory_for_threads(count: int) -> None:
    """Raise `MemoryError` now if so many threads could not start.

    `threading.Thread.start` never returns if the new thread has no memory for its first frame.
    """
    require_memory(count * _THREAD_BYTES)


def require_memory(size: int) -> None:
    """Raise `MemoryError` now if there is no address space of so many bytes."""
    try:
        mmap.mmap(-1, size).close()
    except OSError as exc:
        raise MemoryError from exc


def shortage(error: BaseException) -> str | None:
    """Return what the machine lacks if that is why something failed, else None.

    Args:
        error: Any exception; those that it was raised from count as well.
    """
    for each in _chain(error):
        if _is_want_of_memory(each):
            return MEMORY
        if isinstance(each, OSError) and each.errno in _REFUSALS:
            place = each.filename2 or each.filename
            return f"{place}: {each.strerror}" if place is not None else str(each.strerror)
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _is_want_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):  # Arrow's own is one, too
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    kinds = ImportError | OSError | RuntimeError | SystemError
    return isinstance(error, kinds) and tells_of_memory(str(error))


def tells_of_memory(text: str) -> bool:
    """Return whether a library's words mean that there was not enough memory."""
    said = text.lower()
    return any(sign in said for sign in _MEMORY_SIGNS)
