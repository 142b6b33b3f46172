"""Things that a configuration chooses by name: a table of those that ship, and entry points.

A name leads to a module and an attribute in it, imported when somebody asks for it. An installed
package adds a name through an entry-point group. Installed packages are looked through only for a
name that does not ship, which takes its time.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
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
    """

    kind: str
    group: str
    shipped: Mapping[str, str]

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
        points = self.installed()
        if name not in points:
            raise LookupError(f"no {self.kind} is called {name!r}")
        try:
            return points[name].load()
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

    def _taken_twice(self, name: str, one: str, other: str) -> PluginError:
        return PluginError(
            f"two {self.kind}s are called {name!r}: {one} and {other}; rename or remove one"
        )


def _origin(point: EntryPoint) -> str:
    package = point.dist.name if point.dist else "?"
    return f"{point.value} of the package {package}"
