"""Starts an entry script with byte code that is there already: ``python -P start.py entry.pyz``.

``python -P start.py --wait`` imports what every job needs, then reads a line of JSON from stdin:
the script and its arguments, the environment, and the folder to run it in. It ends if none comes.

Python compiles each module of a zip at every start, which takes longer than a small job works. The
modules that this installation has as well, with the same text, are in its ``__pycache__``. Who
waits has imported most of them, and keeps them if the script brings the same text of each.

Imports nothing of the project by itself: the script brings it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import site
import sys
import zipfile
from collections.abc import Mapping
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from zipimport import zipimporter
from zlib import crc32

WAIT = "--wait"
NEEDED = (
    *("numpy.ma", "numpy.typing", "pyarrow.compute", "pyarrow.csv", "dateutil.relativedelta"),
    *("concurrent.futures.thread", "csv", "difflib", "fractions", "gzip"),
    *("hashlib", "inspect", "lzma", "tempfile", "zipfile", "zoneinfo"),
)
"""Modules of others that every job imports."""
BROUGHT = ("headrace", "annotated_types")
"""The packages that every script brings."""
RUNTIME = (
    *("headrace.runtime.process.main", "headrace.runtime.process.setup"),
    *("headrace.runtime.process.execute", "headrace.runtime.sources.delimited"),
    *("annotated_types", "headrace.runtime.chain.times"),
    "headrace.runtime.output.writers.npz",
)
"""Modules of these packages that import most of what a job needs."""
PLACED = b"__file__"
"""In the text of a module that looks where it lies."""
SOURCES = Path(__file__).parents[3]
"""The folder with the package ``headrace``."""
FOLDERS = (SOURCES, SOURCES.parent, SOURCES / "headrace/shipped")
"""The folders that have it or ``transforms``, in a checkout and where it is installed."""


class CompiledImporter(zipimporter):
    """Imports from a zip; compiles only what is not compiled in this installation."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of a module."""
        inside = self._inside(fullname)
        for folder in (*FOLDERS, *map(Path, site.getsitepackages())):
            file = folder / inside
            with contextlib.suppress(OSError):
                is_same = file.read_bytes() == self.get_data(inside)
                if is_same and (code := _compiled(fullname, file)) is not None:
                    return code
        return super().get_code(fullname)

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


def _imported() -> dict[str, ModuleType]:
    """Return the modules of these packages; a package comes before what is in it."""
    names = sorted(name for name in sys.modules if name.partition(".")[0] in BROUGHT)
    return {name: sys.modules[name] for name in names}


def _forget() -> None:
    for name in _imported():
        del sys.modules[name]


def _import() -> dict[str, bytes]:
    """Import most of what a job needs from this installation; return the text of each module."""
    keep, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    is_checkout = str(SOURCES) not in sys.path  # in front, an installation would hide Python's own
    if is_checkout:
        sys.path.insert(0, str(SOURCES))
    try:
        for name in RUNTIME:
            importlib.import_module(name)
        return {name: Path(str(each.__file__)).read_bytes() for name, each in _imported().items()}
    except Exception:  # the job says so
        _forget()
        return {}
    finally:
        if is_checkout:
            sys.path.remove(str(SOURCES))
        sys.dont_write_bytecode = keep


def _move(texts: Mapping[str, bytes], script: str) -> None:
    """Have the modules that were imported be those of a script, or forget them.

    Args:
        texts: The text of each.
        script: Path of a zip. They are forgotten unless it has the same text for each of them.
    """
    modules = _imported()
    if not _has_all(script, {_inside(modules[name]): text for name, text in texts.items()}):
        _forget()
        return
    for name, module in modules.items():
        parent, _, _ = name.rpartition(".")
        spec = PathFinder.find_spec(name, modules[parent].__path__ if parent else [script])
        if spec is None:
            raise ImportError(name)
        module.__spec__, module.__loader__, module.__file__ = spec, spec.loader, spec.origin
        if spec.submodule_search_locations is not None:
            module.__path__ = spec.submodule_search_locations
    for name, text in texts.items():
        if PLACED in text:
            importlib.reload(modules[name])


def _has_all(script: str, texts: Mapping[str, bytes]) -> bool:
    """Return whether a zip has these texts, by their size and checksum."""
    try:
        with zipfile.ZipFile(script) as archive:
            theirs = {each.filename: (each.file_size, each.CRC) for each in archive.infolist()}
    except (OSError, zipfile.BadZipFile):
        return False
    return all(theirs.get(file) == (len(text), crc32(text)) for file, text in texts.items())


def _inside(module: ModuleType) -> str:
    """Return the path of a module below a folder of Python's path."""
    end = "/__init__.py" if hasattr(module, "__path__") else ".py"
    return module.__name__.replace(".", "/") + end


def _wait() -> list[str]:
    """Return the words of the command, when it comes."""
    for name in NEEDED:
        with contextlib.suppress(ImportError):  # the job says so
            importlib.import_module(name)
    texts = _import()
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
    _move(texts, words[0])
    return list(words)


if __name__ == "__main__":
    gc.disable()  # until `headrace.runtime.process.setup` has it again
    del sys.argv[0]
    sys.path_hooks.insert(0, CompiledImporter)
    if sys.argv == [WAIT]:
        sys.argv = _wait()
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        gc.freeze()  # Python looks for garbage as it ends, which takes as long as a small import
