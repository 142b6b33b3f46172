"""The steps before the hasher, on the texts of a few rows instead of on a batch.

For a single row, a batch of Arrow's takes ten times as long as the work itself. Steps that can work
on a row say so by ``on_a_row`` (`headrace.runtime.transform.Transform`); a chain that has another
one, and a row that is not as usual, are left to the way of all chains.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from headrace.runtime.chain.chain import Link
from headrace.runtime.transform import RowStep


class RowSteps:
    """Runs steps on rows.

    Args:
        given: The columns of a row as it comes.
        steps: What each of the steps does.
        made: The columns that are to come out.
    """

    def __init__(self, given: Iterable[str], steps: Sequence[RowStep], made: Sequence[str]) -> None:
        self._given = tuple(given)
        self._steps = steps
        # One name more than needed: of a single one, the cell alone would come.
        self._made = itemgetter(*made, made[0])

    @classmethod
    def of(
        cls, given: Iterable[str], links: Sequence[Link], made: Sequence[str]
    ) -> RowSteps | None:
        """Return what runs these steps; None if one of them needs a batch."""
        steps = [on_a_row(link) for link in links]
        able = [step for step in steps if step is not None]
        return cls(given, able, made) if len(able) == len(steps) and made else None

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._steps)

    def __call__(self, texts: list[str], count: int) -> list[str] | None:
        """Run the steps.

        Args:
            texts: The cells of the rows, column by column; an empty one is a null.
            count: Number of rows, at least one.

        Returns:
            The cells that come out, column by column; None if the steps have to see a batch.
        """
        if not self._steps:
            return texts
        rows = []
        try:
            "".join(
                texts
            ).encode()  # a text that is not Unicode is refused, even if no step keeps it
            for start in range(count):
                cells = dict(zip(self._given, texts[start::count], strict=True))
                for step in self._steps:
                    step(cells)
                rows.append(self._made(cells)[:-1])
        except ValueError:
            return None
        return [*chain.from_iterable(zip(*rows, strict=True))]


def on_a_row(link: Link) -> RowStep | None:
    """Return what does the work of a step on a single row; None if it needs a batch."""
    kind = type(link.transform)
    if _home(kind, "on_a_row") is not _home(kind, "apply"):  # another `apply` does something else
        return None
    method: Any = getattr(link.transform, "on_a_row", None)
    step: RowStep | None = None if method is None else method(link.before)
    return step


def _home(kind: type, name: str) -> type | None:
    """Return the class that has a method."""
    return next((each for each in kind.__mro__ if name in vars(each)), None)
