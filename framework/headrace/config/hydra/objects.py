"""The Python objects that a configuration may let Hydra create: Hydra's own and its plugins'.

Hydra makes an object of every mapping with a ``_target_`` below ``hydra.callbacks``,
``hydra.launcher`` and ``hydra.sweeper``, and of every class that its logging configuration names.
Whoever writes a configuration could so call anything that is installed. What is not listed here is
refused, before Hydra makes the first one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from headrace.config.compose import PYTHON_OBJECT, REFUSED
from headrace.errors import Problem
from headrace.runtime.shown import quoted

MADE = ("callbacks", "launcher", "sweeper")
LOGGING = ("hydra_logging", "job_logging")
CALLBACKS = ("headrace.cli.sweep.callback.SweepSummary",)
FUSED = "hydra_plugins.headrace_fused_launcher.FusedLauncher"
SAMPLERS = re.compile(r"optuna\.samplers\.[A-Z]\w*Sampler")
"""The choices of ``hydra/sweeper/sampler``."""
FUNCTIONS = ("custom_search_space",)
"""Keys of sweepers whose value names a function that is called."""
LOG_CLASSES = {
    "handlers": ("logging.StreamHandler", "logging.FileHandler", "logging.NullHandler"),
    "formatters": ("logging.Formatter", "colorlog.ColoredFormatter"),
    "filters": ("logging.Filter",),
}
LOG_OBJECTS = ("ext://sys.stdout", "ext://sys.stderr")
NAMES_OBJECT = ("()", "class", "factory", "queue", "listener")
"""Keys of a logging configuration whose value is imported and called."""

WRITTEN_OUT = "has to be written out where Hydra makes objects of it"
NO_PACKAGE = "names a Python package, which Hydra would import; give a folder"
_SCHEME = re.compile(r"\s*([a-zA-Z][\w+.-]*):")
_HOW = ("_args_", "_convert_", "_partial_", "_recursive_")
"""Keys that tell Hydra how to make an object."""


def object_problems(config: DictConfig) -> list[Problem]:
    """Return a problem for each Python object that is named anywhere and may not be.

    Args:
        config: What Hydra composed, its own ``hydra`` node included.
    """
    raw: Any = OmegaConf.to_container(config, resolve=False)
    hydra = raw.get("hydra") or {}
    problems = [*_anywhere(raw, ())]
    for key in (*MADE, *LOGGING):
        problems += _linked(config.get("hydra"), key, f"hydra.{key}", key)
    for key in LOGGING:
        problems += _in_logging(hydra.get(key), f"hydra.{key}")
    return list(dict.fromkeys(problems))


def search_path_problem(folders: object) -> Problem | None:
    """Return what is wrong with further places of configurations, before Hydra opens them."""
    listed = folders if isinstance(folders, list) else [folders]
    for each in listed:
        if names_package(each):
            return Problem("hydra.searchpath", f"{quoted(str(each))} {NO_PACKAGE}")
    return None


def names_package(place: object) -> bool:
    """Return whether a place of configurations is no folder, but as ``pkg://`` or ``structured://``."""
    scheme = _SCHEME.match(place) if isinstance(place, str) else None
    return scheme is not None and scheme[1].lower() != "file"


def _anywhere(node: object, path: tuple[str, ...]) -> Iterator[Problem]:
    """Find each ``_target_`` that is not known for the place where it stands."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            where = (*path, str(key))
            if _is_refused(key, value, path):
                yield Problem(".".join(where), _refused(value, path))
            else:
                yield from _anywhere(value, where)
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from _anywhere(value, (*path, str(place)))


def _is_refused(key: object, value: object, path: tuple[str, ...]) -> bool:
    if key in FUNCTIONS and path[:2] == ("hydra", "sweeper"):
        return value is not None
    if key in _HOW and path[:2] == ("hydra", "callbacks"):
        return True
    return key == PYTHON_OBJECT and not _is_known(value, path)


def _refused(value: object, path: tuple[str, ...]) -> str:
    return f"{REFUSED} (got {quoted(str(value))})" if path[:1] == ("hydra",) else REFUSED


def _is_known(name: object, path: tuple[str, ...]) -> bool:
    match path:
        case ("hydra", "callbacks", _):
            return name in CALLBACKS
        case ("hydra", "launcher"):
            return name == FUSED or name in _names_of(Launcher)
        case ("hydra", "sweeper"):
            return name in _names_of(Sweeper)
        case ("hydra", "sweeper", "sampler"):
            return isinstance(name, str) and SAMPLERS.fullmatch(name) is not None
    return False


def _names_of(kind: Any) -> list[str]:
    """Return the classes that Hydra found in its own namespace of plugins."""
    found = Plugins.instance().discover(kind)
    return [f"{each.__module__}.{each.__name__}" for each in found]


def _linked(parent: Any, key: Any, where: str, group: str) -> Iterator[Problem]:
    """Find links (``${…}``) by which an object would get in, or another name take its place."""
    node: Any = parent._get_node(key) if OmegaConf.is_config(parent) else None
    if node is None:
        return
    if node._is_interpolation():
        is_name = key == PYTHON_OBJECT or (group in LOGGING and key in NAMES_OBJECT)
        value = _value_of(parent, key)
        holds_more = OmegaConf.is_config(value) or isinstance(value, Mapping | list | tuple)
        if is_name or holds_more or _is_object(value):
            yield Problem(where, f"{quoted(str(node._value()))} {WRITTEN_OUT}")
    elif OmegaConf.is_config(node) and not node._is_none() and not node._is_missing():
        for below in list(node) if isinstance(node, DictConfig) else range(len(node)):
            yield from _linked(node, below, f"{where}.{below}", group)


def _value_of(parent: Any, key: Any) -> object:
    try:
        return parent[key]
    except (OmegaConfBaseException, RecursionError):
        return None  # what has no value yet is a text once it has one, or an error of Hydra's


def _is_object(value: object) -> bool:
    return isinstance(value, str) and re.match(r"(ext|cfg)://", value.strip()) is not None


def _in_logging(node: object, where: str, kind: str = "") -> Iterator[Problem]:
    """Find what a logging configuration would import.

    Source: https://docs.python.org/3/library/logging.config.html#logging-config-dictschema
    """
    if isinstance(node, Mapping):
        for key, value in node.items():
            address = f"{where}.{key}"
            if key in NAMES_OBJECT:
                allowed = LOG_CLASSES.get(kind, ()) if key in ("()", "class") else ()
                if value not in allowed:
                    yield Problem(address, _not_here(value, allowed))
            elif key == ".":
                yield Problem(address, REFUSED)
            else:
                yield from _in_logging(value, address, kind or str(key))
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from _in_logging(value, f"{where}.{place}", kind)
    elif _is_object(node) and node not in LOG_OBJECTS:
        yield Problem(where, _not_here(node, LOG_OBJECTS))


def _not_here(value: object, allowed: Sequence[str]) -> str:
    instead = f"; allowed: {', '.join(allowed)}" if allowed else ""
    return f"a logging configuration may not name {quoted(str(value))}{instead}"
