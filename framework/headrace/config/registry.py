"""Finds the transforms: a plugin's name is its file's name in ``transforms/``.

A ``transforms/`` in the current folder comes first: a file there takes the place of a shipped one.

A pip-installed package adds more through the entry-point group ``headrace.transforms`` (name =
module). Listing the plugins imports none of them.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from headrace.config.deferred_imports import DeferringLoader, check_deferred
from headrace.errors import PluginError
from headrace.runtime import roots
from headrace.runtime.chain.plugins import GROUP, PACKAGE, class_in


@dataclass(frozen=True)
class Plugin:
    """One transform that can be named in a configuration, not imported yet."""

    name: str
    module: str
    """The module that its file is where it comes from."""
    origin: str
    """Where that is, as an error message says it."""
    path: Path | None = None
    """The file, for a plugin of one's own or a shipped one."""

    @cached_property
    def source(self) -> str:
        """The text of the plugin's file, which is what a job ships.

        Raises:
            PluginError: There is no such file.
        """
        with _blamed(self):
            return _file_of(self).read_text("utf-8")

    @cached_property
    def transform(self) -> type[Any]:
        """The frozen dataclass that the plugin's file defines.

        Raises:
            PluginError: It cannot be imported, or defines none or several, or one not frozen.
        """
        with _blamed(self):
            module = _load(f"{PACKAGE}.{self.name}", _file_of(self))
        return class_in(module, f"{self.name!r} ({self.origin})")

    def check_imports(self) -> None:
        """Import all that the plugin imports, which checking its parameters does not need.

        Raises:
            PluginError: An import fails.
        """
        with _blamed(self):
            check_deferred(sys.modules[self.transform.__module__])


@dataclass(frozen=True)
class Step:
    """One step of a chain, checked: its label, its plugin, and the plugin's class built."""

    label: str
    plugin: Plugin
    transform: object
    parameters: dict[str, Any]
    """Every field of `transform` in plain data, defaults filled in."""

    @property
    def name(self) -> str:
        """The plugin's."""
        return self.plugin.name


def plugins() -> dict[str, Plugin]:
    """Every transform there is, by name, in alphabetical order.

    Raises:
        PluginError: Two have one name.
    """
    found: dict[str, Plugin] = {}
    for plugin in (*_files(), *_installed()):
        other = found.setdefault(plugin.name, plugin)
        if other is not plugin:
            raise PluginError(
                f"two transforms are called {plugin.name!r}: {other.origin} and {plugin.origin}; "
                "rename or remove one"
            )
    return dict(sorted(found.items()))


def _files() -> Iterable[Plugin]:
    """Return the plugins of all roots; of two files of one name, the one of the first root."""
    files: dict[str, Path] = {}
    for folder in roots.folders(PACKAGE):
        for path in folder.glob("[!_]*.py"):
            files.setdefault(path.stem, path)
    for name, path in files.items():
        yield Plugin(name, f"{PACKAGE}.{name}", f"{PACKAGE}/{path.name}", path)


def _installed() -> Iterable[Plugin]:
    for point in entry_points(group=GROUP):
        package = point.dist.name if point.dist else "?"
        yield Plugin(point.name, point.module, f"{point.module} of the package {package}")


def _file_of(plugin: Plugin) -> Path:
    if plugin.path is not None:
        return plugin.path
    spec = importlib.util.find_spec(plugin.module)  # imports the package, not the module
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {plugin.module!r}")
    return Path(spec.origin)


@contextmanager
def _blamed(plugin: Plugin) -> Iterator[None]:
    """Whatever a plugin's own code raises becomes an error that names the plugin."""
    try:
        yield
    except Exception as exc:
        reason = f"{type(exc).__name__}: {exc}"
        raise PluginError(
            f"transform {plugin.name!r} ({plugin.origin}) cannot be imported: {reason}"
        ) from exc


def _load(name: str, path: Path) -> ModuleType:
    """Imports the file by itself, under the name that it has in the container.

    What works here then works there, and no other package called ``transforms`` gets in the way.
    """
    module = sys.modules.get(name)
    if module is not None and module.__file__ == str(path):
        return module
    loader = DeferringLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
