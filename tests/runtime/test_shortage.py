"""Errors that say that the machine lacks something, in one line each."""

from __future__ import annotations

import errno
import os

import pyarrow as pa
import pytest

from headrace.runtime.process.shortage import MEMORY, shortage


def raised_from(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        pa.ArrowMemoryError("malloc of size 131072 failed"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        RuntimeError("can't start new thread"),
        SystemError("error return without exception set"),
        RuntimeError("libgcc_s.so.1 must be installed for unwinding to work"),
        ImportError("libarrow.so.2600: failed to map segment from shared object"),
        raised_from(ValueError("a step"), MemoryError()),
    ],
)
def test_memory(error: Exception) -> None:
    assert shortage(error) == MEMORY
    assert MEMORY == (
        "there is not enough memory; allow more (a larger instance, `ulimit -v`), or set "
        "runtime.threads and runtime.block_bytes lower"
    )


def test_a_disk_and_other_refusals() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "out/x")
    assert shortage(full) == "out/x: No space left on device"
    assert shortage(OSError(errno.EMFILE, "Too many open files")) == "Too many open files"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a bug"),
        FileNotFoundError(errno.ENOENT, "No such file", "x"),
        ValueError("can't start new thread"),
    ],
)
def test_a_bug_stays_a_bug(error: Exception) -> None:
    assert shortage(error) is None
