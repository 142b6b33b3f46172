"""Settings of the chain of transforms beside another program, which does not look at them.

The shipped defaults choose a dataset and a chain, so these are there whatever the program is. What
the user typed himself is an error, since he means something by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from headrace.config.problems import models_of, tag_of
from headrace.config.program.models import AnyProgram, ProgramConfig
from headrace.errors import Problem

if TYPE_CHECKING:
    from headrace.config.compose import Resolved

NOTHING = "nothing"
GROUPS: Mapping[str, Mapping[str, Any]] = {
    "dataset": {"path": NOTHING, "label": None},
    "transform": {"steps": {NOTHING: None}},
    "evaluation": {"name": "none"},
    "runtime": {},
}
"""Groups that only the chain reads, and what stands there for another program."""
KEYS = {"output": ("format", "rows_per_part", "header", "columns", "tokens")}
"""The same for single keys of other groups."""


def is_idle(program: object) -> bool:
    """Return whether the chain's settings mean nothing to a program, given by its name."""
    found = [model for model in _models() if tag_of(model) == program]
    return bool(found) and not found[0].is_chain


def without_idle(resolved: Resolved) -> Resolved:
    """Return the configuration without what its program does not look at, and its problems."""
    if not is_idle(program_in(resolved.values)):
        return resolved
    values = {**resolved.values, **{group: dict(value) for group, value in GROUPS.items()}}
    for group, keys in KEYS.items():
        if isinstance(given := values.get(group), Mapping):
            values[group] = {key: value for key, value in given.items() if key not in keys}
    problems = [each for each in resolved.problems if not _covers(each.where)]
    return replace(resolved, values=values, problems=problems)


def typed_in_vain(config: DictConfig, overrides: Sequence[str]) -> Iterator[Problem]:
    """Find overrides that set what the program does not look at.

    Args:
        config: What the overrides made.
        overrides: As typed.
    """
    program = OmegaConf.select(config, "program.name", throw_on_missing=False)
    for override in overrides if is_idle(program) else ():
        key = override.partition("=")[0].strip().lstrip("+~").partition("@")[0]
        if _covers(key.replace("/", ".")):
            yield Problem(key, f"has no effect with program={program}; leave it out")


def _covers(where: str) -> bool:
    group, *rest = where.split(".")
    return group in GROUPS or (bool(rest) and rest[0] in KEYS.get(group, ()))


def program_in(values: Mapping[str, Any]) -> object:
    """Return the name of the program in a configuration, right or wrong."""
    program = values.get("program")
    return program.get("name") if isinstance(program, Mapping) else None


def _models() -> list[type[ProgramConfig]]:
    return [model for model in models_of(AnyProgram) if issubclass(model, ProgramConfig)]
