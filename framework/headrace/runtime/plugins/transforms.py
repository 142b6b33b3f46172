"""Transforms by their names: finds and loads their files. Imports nothing heavy."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import is_dataclass
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from headrace.runtime.errors import PluginError
from headrace.runtime.plugins import roots
from headrace.runtime.shown import plain
from headrace.runtime.spec import TRAIN, StepSpec
from headrace.runtime.transform import Transform

PACKAGE = "transforms"
GROUP = "headrace.transforms"
"""Entry points by which an installed package brings transforms: name = module."""
DEFAULT_CHANNELS = (TRAIN,)
METHODS = ("output_schema", "apply")
_LEARNING = ("accumulate", "merge", "finish", "with_state")


def load(steps: Sequence[StepSpec], *, own_first: bool = False) -> list[tuple[str, Transform]]:
    """Return the transforms that the steps name, with their parameters, each under its label.

    Args:
        steps: Those of a job.
        own_first: Look into the own root before Python's path. A job does not: what it ships lies
            on Python's path, and counts wherever the job is started.

    Raises:
        PluginError: There is no such transform here, or its file is not as it has to be.
    """
    classes = [class_in(_module(step.name, own_first=own_first), repr(step.name)) for step in steps]
    return [(step.label, cls(**step.parameters)) for step, cls in zip(steps, classes, strict=True)]


def source_of(name: str) -> str:
    """Return the text of a transform's file, wherever it comes from.

    Raises:
        PluginError: There is no such transform here.
    """
    from inspect import getsource  # slow to import, and seldom needed

    return getsource(_module(name))


def class_in(module: ModuleType, plugin: str) -> type[Any]:
    """Return the one frozen dataclass with `output_schema` and `apply` that a plugin defines.

    Args:
        module: The file's module; classes with a leading underscore do not count.
        plugin: What an error message calls the plugin.

    Raises:
        PluginError: There is none, there are several, it is not frozen, or learns by halves.
    """
    classes = [item for item in vars(module).values() if _is_transform(item, module.__name__)]
    if not classes:
        _tell_what_is_missing(module, plugin)
    if len(classes) != 1:
        names = ", ".join(cls.__name__ for cls in classes) or "none"
        raise PluginError(
            f"transform {plugin} should define one dataclass with output_schema and apply "
            f"(found: {names})"
        )
    if not getattr(classes[0], "__dataclass_params__").frozen:  # noqa: B009 (mypy knows no such attribute)
        raise PluginError(
            f"transform {plugin}: {classes[0].__name__} should be frozen; "
            "write @dataclass(frozen=True)"
        )
    found: type[Any] = classes[0]
    missing = [name for name in _LEARNING if not hasattr(found, name)]
    if missing and hasattr(found, _LEARNING[0]):
        raise PluginError(
            f"transform {plugin}: {found.__name__} has {_LEARNING[0]}, so it needs "
            f"{' and '.join(missing)} as well"
        )
    return found


def _tell_what_is_missing(module: ModuleType, plugin: str) -> None:
    """Name what the only class of a file lacks to be a transform, if there is one such class."""
    classes = [item for item in vars(module).values() if _is_public_class(item, module.__name__)]
    near = [
        item for item in classes if is_dataclass(item) or not set(METHODS).isdisjoint(dir(item))
    ]
    if len(near) != 1:
        return
    missing = [name for name in METHODS if not callable(getattr(near[0], name, None))]
    if missing:
        raise PluginError(
            f"transform {plugin}: {near[0].__name__} has no {' and no '.join(missing)}; "
            f"a transform needs {' and '.join(METHODS)}"
        )
    raise PluginError(
        f"transform {plugin}: {near[0].__name__} should be a dataclass; "
        "write @dataclass(frozen=True)"
    )


def channels_of(transforms: Sequence[object]) -> tuple[str, ...]:
    """Return the output channels that the chain declares; all rows train if none does."""
    declared = [names_from(step, "channels") for step in transforms if hasattr(step, "channels")]
    return declared[0] if declared else DEFAULT_CHANNELS


def names_from(transform: object, method: str) -> tuple[str, ...]:
    """Return the names that a method of a step gives.

    Raises:
        PluginError: It gives something else: a text would be taken for its letters.
    """
    names: object = getattr(transform, method)()
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return tuple(names)
    what = f"{method} returned {plain(repr(names), 60)}, not a tuple of names"
    raise PluginError(f"{file_of(transform)}: {what}")


def file_of(transform: object) -> str:
    """Return the file that a step's class is from, as an error message says it."""
    return f"{type(transform).__module__.replace('.', '/')}.py"


def _module(name: str, *, own_first: bool = False) -> ModuleType:
    """Return the plugin's module: shipped or baked in as a file, else from an installed package.

    Each folder of Python's path is looked into, whether or not another one has a package of that
    name as well, and the folders of `roots` behind them; the own root in front if it comes first.
    """
    full = f"{PACKAGE}.{name}"
    if full in sys.modules:
        return sys.modules[full]
    own = roots.own_root() if own_first else None
    places = [*filter(None, [own]), *(Path(each) for each in sys.path if each), *roots.roots()]
    spec = PathFinder.find_spec(full, [str(place / PACKAGE) for place in places])
    if spec is not None and spec.loader is not None:
        return _executed(spec, spec.loader, name)
    from importlib.metadata import entry_points  # slow to import, and seldom needed

    for point in entry_points(group=GROUP, name=name):
        return importlib.import_module(point.module)
    raise PluginError(f"there is no transform {name!r} here; the image should bring it")


def _executed(spec: ModuleSpec, loader: Loader, name: str) -> ModuleType:
    module = sys.modules[spec.name] = module_from_spec(spec)
    try:
        loader.exec_module(module)
    except BaseException as error:
        del sys.modules[spec.name]
        if isinstance(error, ImportError):
            raise PluginError(f"transform {name!r} cannot be imported: {error}") from error
        raise
    return module


def _is_transform(item: object, module: str) -> bool:
    return (
        _is_public_class(item, module)
        and is_dataclass(item)
        and all(callable(getattr(item, method, None)) for method in METHODS)
    )


def _is_public_class(item: object, module: str) -> bool:
    return (
        isinstance(item, type) and item.__module__ == module and not item.__name__.startswith("_")
    )
