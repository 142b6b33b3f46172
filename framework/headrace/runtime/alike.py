"""Which jobs can be done in one go: those that differ in the width of the hashed matrix alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from headrace.runtime.chain.plugins import load
from headrace.runtime.errors import HeadraceError
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.spec import JobSpec, StepSpec
from headrace.runtime.transform import Transform, learner

WIDTH = "n_features"


def difference(one: JobSpec, other: JobSpec) -> str | None:
    """What keeps two jobs from being done in one go, for a person; nothing if they can be."""
    for field in fields(JobSpec):
        if field.name != "steps" and getattr(one, field.name) != getattr(other, field.name):
            return f"they differ in {field.name}"
    if _without_widths(one) != _without_widths(other):
        return "they differ in transform.steps"
    steps = load(one.steps)
    for place, ((label, transform), step, twin) in enumerate(
        zip(steps, one.steps, other.steps, strict=True)
    ):
        if isinstance(transform, Hasher):
            return _learned_from_widths(steps[place:])
        if step != twin:
            return f"they differ in transform.steps.{label}, before the rows are hashed"
    return "no step hashes"


def refuse_unlike(specs: Sequence[JobSpec]) -> None:
    """Refuse jobs that one pass cannot do.

    Raises:
        HeadraceError: Two of them differ in more than a width.
    """
    for other in specs[1:]:
        if reason := difference(specs[0], other):
            raise HeadraceError(f"these jobs cannot be done in one go: {reason}")


def _learned_from_widths(steps: Sequence[tuple[str, Transform]]) -> str | None:
    learning = [label for label, transform in steps if learner(transform) is not None]
    return f"transform.steps.{learning[0]} learns from hashed rows" if learning else None


def _without_widths(spec: JobSpec) -> list[StepSpec]:
    return [
        replace(step, parameters={k: v for k, v in step.parameters.items() if k != WIDTH})
        for step in spec.steps
    ]
