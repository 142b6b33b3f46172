"""Turn OmegaConf into plain data and collect all problems instead of stopping at the first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING, DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from headrace.config.problems import REQUIRED
from headrace.errors import Problem
from headrace.runtime.shown import plain, quoted

LINK = re.compile(r"\$\{(\.*)([\w.]+)\}")
PYTHON_OBJECT = "_target_"
DEEPEST = 40
"""Mappings within each other."""
REFUSED = "a configuration may name a plugin, never a Python object"


@dataclass
class Resolved:
    """A configuration in plain data. A key that has a problem here is missing from `values`."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    """The address of each key that only repeats another (``${…}``) → the other's address."""
    linked: dict[str, str] = field(default_factory=dict)
    """The address of each key with a link in it → its text."""

    def once(self, problems: Iterable[Problem]) -> list[Problem]:
        """Drop duplicates: problems with the same words, or of a key that repeats a wrong one."""
        without_value = {problem.where for problem in self.problems}
        further = [
            problem
            for problem in problems
            if problem.what != REQUIRED or problem.where not in without_value
        ]
        unique = list(dict.fromkeys([*self.problems, *further]))
        wrong = {problem.where for problem in unique}
        return [
            problem
            for problem in unique
            if self.links.get(problem.where) not in wrong or self._is_in_circle(problem.where)
        ]

    def _is_in_circle(self, where: str) -> bool:
        """Return whether the links from a key lead back to it, so that it only repeats itself."""
        seen: set[str] = set()
        key = where
        while key in self.links and key not in seen:
            seen.add(key)
            key = self.links[key]
        return key == where


def resolve(cfg: DictConfig) -> Resolved:
    """Resolve every interpolation; a value that is missing or not allowed becomes a problem."""
    resolved = Resolved()
    resolved.values = dict(_plain(cfg, (), resolved))
    return resolved


def _plain(
    node: DictConfig | ListConfig,
    path: tuple[str, ...],
    found: Resolved,
    above: tuple[DictConfig | ListConfig, ...] = (),
) -> dict[Any, Any] | list[Any]:
    raw: Any = OmegaConf.to_container(node, resolve=False)
    keys = list(raw) if isinstance(raw, dict) else range(len(raw))
    above = (*above, node)
    values = {}
    for key in keys:
        where = (*path, str(key))
        problem = _problem_of(key, raw[key])
        if problem is None:
            try:
                value = node[key]
            except (OmegaConfBaseException, RecursionError) as exc:
                problem = f"{quoted(str(raw[key]))} cannot be resolved: {_reason(exc)}"
            else:
                if not OmegaConf.is_config(value):
                    values[key] = value
                elif any(value is each for each in above) or len(above) > DEEPEST:
                    problem = f"{quoted(str(raw[key]))} holds itself"
                else:
                    values[key] = _plain(value, where, found, above)
        if problem is not None:
            found.problems.append(Problem(".".join(where), problem))
        _note_link(raw[key], path, where, found)
    return values if isinstance(raw, dict) else list(values.values())


def _reason(exc: Exception) -> str:
    return "it refers to itself" if _is_circle(exc) else plain(str(exc).splitlines()[0])


def _is_circle(exc: Exception) -> bool:
    return isinstance(exc, RecursionError) or "recursi" in str(exc).lower()


def _problem_of(key: object, raw: object) -> str | None:
    if key == PYTHON_OBJECT:
        return REFUSED
    return REQUIRED if raw == MISSING else None


def _note_link(raw: object, path: tuple[str, ...], where: tuple[str, ...], found: Resolved) -> None:
    if isinstance(raw, str) and "${" in raw:
        found.linked[".".join(where)] = raw
    link = LINK.fullmatch(raw) if isinstance(raw, str) else None
    if link:
        dots, key = link.groups()
        # ${.key} stands beside this key, ${..key} one level further up
        near = path[: len(path) - len(dots) + 1] if dots else ()
        found.links[".".join(where)] = ".".join((*near, key))
