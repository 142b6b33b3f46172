"""The setup of the runtime's process before the work begins."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import pyarrow as pa

from headrace.runtime.kernels import library

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_KEPT = 64 << 20
_ARENAS = 2


def set_up(kernels: str = library.AUTO) -> None:
    """Do all of it; the order does not matter.

    Args:
        kernels: ``runtime.kernels``.
    """
    _keep_freed_memory()
    leave_pandas_out()
    _collect_garbage()
    library.use(kernels)
    if note := library.note():
        print(f"note: {note}", flush=True)


def _keep_freed_memory() -> None:
    """Raise glibc's thresholds, so that memory stays for the next block; others have none.

    Every block allocates the same arrays again. glibc gives arrays over 128 KB back to the system
    at once, which then clears each page anew; that takes longer than the arithmetic on it. Few
    arenas, so that threads use each other's freed memory before they ask for more.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEPT)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_ARENA_MAX, _ARENAS)


def leave_pandas_out() -> None:
    """Keep `pyarrow.array` from importing pandas, which images have and the runtime never uses.

    pyarrow looks for pandas once, at its first conversion, and that import takes longer than all
    others together. It looks again once somebody imports pandas: a plugin, or a notebook's next
    cell, whose columns pyarrow would not know otherwise.
    """
    if "pandas" in sys.modules or any(isinstance(each, _LatePandas) for each in sys.meta_path):
        return
    with without_pandas():
        pa.array([0])
    sys.meta_path.insert(0, _LatePandas())


def _collect_garbage() -> None:
    """Do so from now on, and leave out what has been imported, if it was put off until here."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


@contextmanager
def without_pandas() -> Iterator[None]:
    """Have this thread find no pandas to import, for as long as it lasts; all others do."""
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _LatePandas:
    """Tells pyarrow of pandas when that is imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != "pandas":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_tell(module: ModuleType) -> None:
                load(module)
                sys.meta_path[:] = [each for each in sys.meta_path if each is not self]
                pa.array([0]).to_pandas()  # for which pyarrow looks again

            setattr(spec.loader, "exec_module", load_and_tell)  # noqa: B010  # no type allows it
        return spec


class _NoPandas:
    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(self, name: str, *_: object) -> None:
        if name == "pandas" and threading.get_ident() == self._thread:
            raise ImportError(name)
