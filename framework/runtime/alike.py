"""Which jobs can be done in one go: those that differ in the width of the hashed matrix alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from framework.runtime.errors import HeadraceError
from framework.runtime.hasher import Hasher
from framework.runtime.plugins import load
from framework.runtime.spec import JobSpec, StepSpec

WIDTH = "n_features"


def difference(one: JobSpec, other: JobSpec) -> str | None:
    """What keeps two jobs from being done in one go, for a person; nothing if they can be."""
    for field in fields(JobSpec):
        if field.name != "steps" and getattr(one, field.name) != getattr(other, field.name):
            return f"they differ in {field.name}"
    if _without_widths(one) != _without_widths(other):
        return "they differ in transform.steps"
    for (label, transform), step, twin in zip(load(one.steps), one.steps, other.steps, strict=True):
        if isinstance(transform, Hasher):
            return None
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


def _without_widths(spec: JobSpec) -> list[StepSpec]:
    return [
        replace(step, parameters={k: v for k, v in step.parameters.items() if k != WIDTH})
        for step in spec.steps
    ]
