"""Things that a configuration chooses by name: a table of those that ship, and entry points.

A name leads to a module and an attribute in it, imported when somebody asks for it. An installed
package adds a name through an entry-point group. Installed packages are looked through only for a
name that does not ship, which takes its time.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from headrace.runtime.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


@dataclass(frozen=True)
class Registry:
    """One kind of thing.

    Attributes:
        kind: What a message calls one of them.
        group: The entry-point group, whose entries are name = ``module:attribute``.
        shipped: Name → ``module:attribute``.
        travels_in: The package by which a job brings the modules that packages bring, each under
            its name; none if they stay on this machine. The attribute is then the module's one
            class without a leading underscore, and the entry may name the module alone.
    """

    kind: str
    group: str
    shipped: Mapping[str, str]
    travels_in: str = ""

    def names(self) -> tuple[str, ...]:
        """Return all names, those that ship first.

        Raises:
            PluginError: Two things have one name.
        """
        return (*self.shipped, *self.installed())

    def has(self, name: str) -> bool:
        """Return whether there is one of that name."""
        return name in self.shipped or name in self.installed()

    def load(self, name: str) -> Any:
        """Import the thing of that name.

        Raises:
            LookupError: There is none.
            PluginError: A package brings it, but it cannot be imported.
        """
        if name in self.shipped:
            module, _, attribute = self.shipped[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        if self.travels_in and (brought := self._brought(name)) is not None:
            return brought
        points = self.installed()
        if name not in points:
            raise LookupError(f"no {self.kind} is called {name!r}")
        try:
            found = points[name].load()
            return class_in(found) if isinstance(found, ModuleType) else found
        except Exception as exc:
            what = f"{self.kind} {name!r} ({_origin(points[name])}) cannot be imported"
            raise PluginError(f"{what}: {type(exc).__name__}: {exc}") from exc

    def installed(self) -> dict[str, EntryPoint]:
        """Return what installed packages bring, by name.

        Raises:
            PluginError: Two packages bring one name, or one brings a name that ships.
        """
        from importlib.metadata import entry_points  # slow to import, and seldom needed

        found: dict[str, EntryPoint] = {}
        for point in sorted(entry_points(group=self.group), key=lambda each: each.name):
            if point.name in self.shipped:
                raise self._taken_twice(point.name, self.shipped[point.name], _origin(point))
            other = found.setdefault(point.name, point)
            if other.value != point.value:
                raise self._taken_twice(point.name, _origin(other), _origin(point))
        return found

    def _brought(self, name: str) -> type[Any] | None:
        """Return the class that the job brought along, if it did."""
        full = f"{self.travels_in}.{name}"
        try:
            return class_in(importlib.import_module(full))
        except ModuleNotFoundError as error:
            if error.name not in (full, self.travels_in):
                raise PluginError(f"{self.kind} {name!r} cannot be imported: {error}") from error
            return None

    def _taken_twice(self, name: str, one: str, other: str) -> PluginError:
        return PluginError(
            f"two {self.kind}s are called {name!r}: {one} and {other}; rename or remove one"
        )


def class_in(module: ModuleType) -> type[Any]:
    """Return the one class that a module defines; a leading underscore does not count.

    Raises:
        PluginError: There is none, or there are several.
    """
    own = [item for item in vars(module).values() if isinstance(item, type)]
    own = [each for each in own if each.__module__ == module.__name__ and each.__name__[0] != "_"]
    if len(own) != 1:
        names = ", ".join(each.__name__ for each in own) or "none"
        raise PluginError(f"{module.__name__} should define one public class (found: {names})")
    return own[0]


def _origin(point: EntryPoint) -> str:
    package = point.dist.name if point.dist else "?"
    return f"{point.value} of the package {package}"
