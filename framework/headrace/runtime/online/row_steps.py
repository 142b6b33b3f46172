"""The steps before the hasher, on the cells of a few rows instead of on a batch.

For a single row, a batch of Arrow's takes ten times as long as the work itself. Steps that can work
on a row say so by ``on_a_row`` (`headrace.runtime.transform.Transform`); a chain that has another
one, and a row that is not as usual, are left to the way of all chains.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import inf, isfinite
from typing import Any

from headrace.runtime.chain.chain import Link
from headrace.runtime.transform import Role, RowStep, speaks_for

_NUMBER = re.compile("-?[0-9]{1,300}(?:\\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,3})?")
"""Texts that Python and Arrow read as the same number; others are left to Arrow."""


class RowSteps:
    """Runs steps on rows.

    Args:
        given: The columns of a row as it comes, and their roles.
        steps: What each of the steps does.
    """

    def __init__(self, given: Mapping[str, Role], steps: Sequence[RowStep]) -> None:
        self._given = tuple(given)
        self._numeric = tuple(name for name, role in given.items() if role is Role.NUMERIC)
        self._steps = steps

    @classmethod
    def of(cls, given: Mapping[str, Role], links: Sequence[Link]) -> RowSteps | None:
        """Return what runs these steps; None if one of them needs a batch."""
        steps = [on_a_row(link) for link in links]
        able = [step for step in steps if step is not None]
        return cls(given, able) if len(able) == len(steps) else None

    def __call__(self, texts: Sequence[str], count: int) -> list[dict[str, Any]] | None:
        """Run the steps.

        Args:
            texts: The cells of the rows, column by column; an empty one is a null.
            count: Number of rows, at least one.

        Returns:
            The cells of each row, by their columns; None if the steps have to see a batch.
        """
        try:
            # A text that is not Unicode is refused, even if no step keeps it.
            "".join(texts).encode()
            return [self._row(texts[start::count]) for start in range(count)]
        except ValueError:
            return None

    def _row(self, texts: Sequence[str]) -> dict[str, Any]:
        cells: dict[str, Any] = dict(
            zip(self._given, [text or None for text in texts], strict=True)
        )
        for name in self._numeric:
            if (text := cells[name]) is not None:
                cells[name] = _number(text)
        for step in self._steps:
            step(cells)
        return cells


def on_a_row(link: Link) -> RowStep | None:
    """Return what does the work of a step on a single row; None if it needs a batch."""
    method: Any = getattr(link.transform, "on_a_row", None)
    if method is None or not speaks_for(type(link.transform), "on_a_row", "apply"):
        return None
    step: RowStep | None = method(link.before)
    return step


def _number(text: str) -> float:
    """Return the number of a cell; raise `ValueError` if Arrow has to read it."""
    number = float(text) if _NUMBER.fullmatch(text) else inf
    if not isfinite(number):
        raise ValueError(text)
    return number
