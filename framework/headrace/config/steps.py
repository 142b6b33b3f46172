"""Check the steps of a chain: find each plugin by name and validate its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from headrace.config import registry
from headrace.config.problems import keys_of, problems_of, suggest
from headrace.config.registry import Plugin, Step
from headrace.errors import Problem
from headrace.runtime.shown import quoted

ADDRESS = "transform.steps"
STRICT = ConfigDict(extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)


def check(steps: Mapping[Any, Any]) -> tuple[tuple[Step, ...], list[Problem]]:
    """Build each step's transform.

    Args:
        steps: Label → parameters, as in the configuration. What is no mapping is left to the
            configuration's own model.

    Returns:
        The steps that are right, and what is wrong with the others.

    Raises:
        PluginError: A plugin that is named cannot be imported or is none.
    """
    plugins = registry.plugins()
    built, problems = [], []
    for label, raw in steps.items():
        if raw is None or isinstance(raw, Mapping):
            step, wrong = _check_one(str(label), dict(raw or {}), plugins)
            built.extend([step] if step else [])
            problems.extend(wrong)
    return tuple(built), problems


def adapter(transform: type) -> TypeAdapter[Any]:
    """Return the validator of a transform's parameters; the class itself is not changed."""
    judged = type(
        transform.__name__,
        (transform,),
        {
            "__doc__": transform.__doc__,
            "__module__": transform.__module__,
            "__pydantic_config__": STRICT,
        },
    )
    return TypeAdapter(judged)


def _check_one(
    label: str, raw: dict[str, Any], plugins: Mapping[str, Plugin]
) -> tuple[Step | None, list[Problem]]:
    address = f"{ADDRESS}.{label}"
    named = "name" in raw
    name = str(raw.pop("name", label))
    if name not in plugins:
        what = f"no transform is called {quoted(name)}; {suggest(name, plugins)}"
        return None, [Problem(f"{address}.name" if named else address, what)]
    plugin = plugins[name]
    transform = plugin.transform
    judge = adapter(transform)
    try:
        checked = judge.validate_python(raw)
    except ValidationError:
        checked = None
    problems = problems_of(
        judge.validate_python, raw, lambda path: [*keys_of(transform, path), "name"]
    )
    if problems:
        return None, [_below(address, problem) for problem in problems]
    values = {item.name: getattr(checked, item.name) for item in fields(checked) if item.init}
    parameters = judge.dump_python(checked, mode="json")
    return Step(label, plugin, transform(**values), parameters), []


def _below(address: str, problem: Problem) -> Problem:
    return Problem(f"{address}.{problem.where}" if problem.where else address, problem.what)
