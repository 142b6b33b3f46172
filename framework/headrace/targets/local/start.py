"""Starts an entry script with byte code that is there already: ``python -P start.py entry.pyz``.

``python -P start.py --wait`` imports what every job needs, then reads a line of JSON from stdin:
the script and its arguments, the environment, and the folder to run it in. It ends if none comes.

Python compiles each module of a zip at every start, which takes longer than a small job works. The
modules that this installation has as well, with the same text, are in its ``__pycache__``.

Imports nothing of the project, which the script brings.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from zipimport import zipimporter

WAIT = "--wait"
NEEDED = (
    *("numpy.ma", "numpy.typing", "pyarrow.compute", "pyarrow.csv", "dateutil.relativedelta"),
    *("concurrent.futures.thread", "csv", "difflib", "fractions", "gzip"),
    *("hashlib", "inspect", "lzma", "tempfile", "zipfile", "zoneinfo"),
)
"""Modules of others that every job imports."""
SOURCES = Path(__file__).parents[3]
"""The folder with the package ``headrace``."""


class CompiledImporter(zipimporter):
    """Imports from a zip; compiles only what is not compiled in this installation."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of a module."""
        inside = self._inside(fullname)
        file = SOURCES / inside
        try:
            is_same = file.read_bytes() == self.get_data(inside)
        except OSError:
            is_same = False
        code = _compiled(fullname, file) if is_same else None
        return super().get_code(fullname) if code is None else code

    def get_filename(self, fullname: str) -> str:
        """Return the path of a module; `zipimporter` would compile it for that."""
        return f"{self.archive}/{self._inside(fullname)}"

    def _inside(self, fullname: str) -> str:
        end = "/__init__.py" if self.is_package(fullname) else ".py"
        return self.prefix + fullname.rpartition(".")[2] + end


def _compiled(fullname: str, file: Path) -> CodeType | None:
    """Return a module of this installation; it is compiled if no job has used it yet."""
    keep, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        return SourceFileLoader(fullname, str(file)).get_code(fullname)
    finally:
        sys.dont_write_bytecode = keep


def _wait() -> list[str]:
    """Return the words of the command, when it comes."""
    for name in NEEDED:
        with contextlib.suppress(ImportError):  # the job says so
            importlib.import_module(name)
    order = sys.stdin.readline()
    if not order:
        os._exit(0)
    words, environment, folder = json.loads(order)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return list(words)


if __name__ == "__main__":
    gc.disable()  # until `headrace.runtime.process.setup` has it again
    del sys.argv[0]
    if sys.argv == [WAIT]:
        sys.argv = _wait()
    sys.path_hooks.insert(0, CompiledImporter)
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        gc.freeze()  # Python looks for garbage as it ends, which takes as long as a small import
