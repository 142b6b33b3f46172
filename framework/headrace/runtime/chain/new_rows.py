"""The chain for rows that a run did not have: without what is for its own rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from headrace.runtime.chain import chain
from headrace.runtime.chain.chain import ChainError, Link
from headrace.runtime.chain.columns import Columns
from headrace.runtime.transform import Role, Transform, role_of

Steps = Sequence[tuple[str, Transform]]


def steps_for_new_rows(steps: Steps, columns: Columns) -> list[tuple[str, Transform]]:
    """Return the steps that new rows go through: none that gives channels or leaves out rows.

    Args:
        steps: The chain of a run, before it has learned.
        columns: The columns of the run's input.

    Raises:
        ChainError: The chain does not fit the columns, or a step that gives channels does more.
    """
    wanted = chain.wanted_of([transform for _, transform in steps], columns.schema)
    links = chain.bind(steps, replace(columns, wanted=wanted).schema)
    kept = [(link.label, _for_new_rows(link)) for link in links]
    return [(label, transform) for label, transform in kept if transform is not None]


def _for_new_rows(link: Link) -> Transform | None:
    if _gives_channels(link):
        return None
    asked = getattr(link.transform, "for_new_rows", None)
    transform: Transform | None = link.transform if asked is None else asked()
    return transform


def _gives_channels(link: Link) -> bool:
    """Return whether a step gives rows their channels; it may do nothing else, to be left out."""
    if not hasattr(link.transform, "channels"):
        return False
    others = [field for field in link.after if role_of(field) is not Role.CHANNEL]
    if pa.schema(others).equals(link.before.remove_metadata(), check_metadata=True):
        return True
    raise ChainError(f"transform.steps.{link.label}", "does more than to give rows their channels")
