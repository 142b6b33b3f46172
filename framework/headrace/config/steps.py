"""The order of ``transform.steps``: which steps are left out, and where others are put in.

``label: null`` leaves a step out, as ``~transform.steps.label`` does. ``after: label`` or
``before: label`` among a step's keys puts it behind or in front of another one, whatever the order
in which they are written; null means no place. These keys belong to the chain and are no
parameters; a transform that has a parameter of that name, as `split` has ``before``, keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from omegaconf import DictConfig, OmegaConf

from headrace.config.problems import got, suggest
from headrace.errors import Problem
from headrace.runtime.shown import plain, quoted

ADDRESS = "transform.steps"
AFTER, BEFORE = "after", "before"
_LEFT_OUT = re.compile(rf"\+{{0,2}}{re.escape(ADDRESS)}\.([^.=]+)=null")
_DELETED = re.compile(rf"~{re.escape(ADDRESS)}\.([^.=]+)")

Steps = dict[str, dict[str, Any]]
Parameters = Callable[[str], Collection[str]]
"""Name of a transform → the names of its parameters; none where there is no such transform."""


def arranged(steps: Mapping[Any, Any], parameters: Parameters) -> tuple[Steps, list[Problem]]:
    """Return the steps in their order, without those that are left out and without places.

    Args:
        steps: Label → parameters, as in the configuration.
        parameters: Tells what the transforms take.

    Returns:
        The steps, and what is wrong with their places.
    """
    left = {str(label): dict(raw) for label, raw in steps.items() if isinstance(raw, Mapping)}
    places: dict[str, tuple[str, str]] = {}
    problems: list[Problem] = []
    for label, raw in left.items():
        taken = parameters(str(label if (name := raw.get("name")) is None else name))
        keys = [key for key in (AFTER, BEFORE) if key in raw and key not in taken]
        given = {key: _text(other) for key in keys if (other := raw.pop(key)) is not None}
        problem = _problem_of(label, given, left)
        if problem is not None:
            problems.append(problem)
        elif given:
            ((key, other),) = given.items()
            places[label] = key, other
    order, circle = _ordered(list(left), places)
    if circle:
        shown = ", ".join(map(quoted, circle))
        what = f"the steps {shown} are placed by each other; leave one 'after' or 'before' out"
        problems.append(Problem(f"{ADDRESS}.{circle[0]}", what))
    return {label: left[label] for label in order}, problems


def _text(label: object) -> str:
    """Return a label as it was typed: ``3`` and ``true`` are labels as well."""
    return label if isinstance(label, str) else got(label)


def _problem_of(label: str, given: Mapping[str, str], labels: Collection[str]) -> Problem | None:
    where = f"{ADDRESS}.{label}"
    if len(given) > 1:
        return Problem(where, "takes one place: 'after' or 'before', not both")
    for key, other in given.items():
        if other not in labels or other == label:
            others = [each for each in labels if each != label]
            return Problem(f"{where}.{key}", f"there is no other step {_named(other, others)}")
    return None


def _named(label: object, labels: Sequence[str]) -> str:
    return f"{quoted(str(label))}; {suggest(str(label), labels)}"


def _ordered(
    labels: Sequence[str], places: Mapping[str, tuple[str, str]]
) -> tuple[list[str], list[str]]:
    """Return the labels in their order, and those that are placed by each other."""
    order = [label for label in labels if label not in places]
    last: dict[str, str] = {}  # of the steps that were put behind another one
    waiting = [label for label in labels if label in places]
    while ready := [label for label in waiting if places[label][1] in order]:
        label = ready[0]
        key, other = places[label]
        behind = order.index(last.get(other, other)) + 1
        order.insert(behind if key == AFTER else order.index(other), label)
        if key == AFTER:
            last[other] = label
        waiting.remove(label)
    return [*order, *waiting], waiting


def parameters_of(transform: type) -> list[str]:
    """Return the names of a transform's parameters."""
    return [each.name for each in fields(transform) if each.init]


def left_out_in_vain(
    compose: Callable[[list[str]], DictConfig], overrides: Sequence[str]
) -> Iterator[Problem]:
    """Find overrides that leave out a step that is not there.

    Args:
        compose: Composes some overrides, as Hydra does.
        overrides: All of them, which Hydra accepts.
    """
    for each in overrides:
        if match := _LEFT_OUT.fullmatch(each):
            label, others = match[1], [other for other in overrides if other != each]
            if label not in (labels := _labels(compose(others))):
                yield Problem(f"{ADDRESS}.{label}", f"there is no step {_named(label, labels)}")


def explained(problem: Problem, config: DictConfig | None) -> Problem:
    """Return a problem of Hydra's in our words if it is about a step to leave out.

    Args:
        problem: What Hydra says.
        config: What the other overrides make, if they make anything.
    """
    match = _DELETED.fullmatch(problem.where)
    if match is None or config is None or match[1] in (labels := _labels(config)):
        return problem
    return Problem(plain(problem.where), f"there is no step {_named(match[1], labels)}")


def _labels(config: DictConfig) -> list[str]:
    found = OmegaConf.select(config, ADDRESS)
    return [str(label) for label in found] if OmegaConf.is_dict(found) else []
