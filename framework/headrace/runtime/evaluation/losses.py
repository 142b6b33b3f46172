"""The losses of judged rows: what the standard error of their mean takes, and that of a difference.

Two models that were judged on the same rows are compared row by row, as most of the noise is that
of the rows and is the same for both. Nobody keeps the losses of all rows, but the means of
`GROUPS` groups of rows give nearly the same standard error: K. Wolter, Introduction to Variance
Estimation (2007), chapter 2, the method of random groups.
"""

from __future__ import annotations

import math

import numpy as np

from headrace.runtime.evaluation.rows import DECIMALS, Floats

GROUPS = 100
"""Row 0 is in group 0, row 1 in group 1, row 100 in group 0 again."""


class Losses:
    """Sums over the losses of the rows of one channel, and over those of each group.

    Attributes:
        rows: Number of rows.
        total: Sum of the losses.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.total = self._squares = 0.0
        self._losses = np.zeros(GROUPS)
        self._labels = np.zeros(GROUPS)

    def add(self, losses: Floats, labels: Floats) -> None:
        """Take in some rows.

        Args:
            losses: Shape (rows,).
            labels: Shape (rows,).
        """
        groups = (self.rows + np.arange(len(losses))) % GROUPS
        self._losses += np.bincount(groups, losses, GROUPS)
        self._labels += np.bincount(groups, labels, GROUPS)
        self.total += float(losses.sum())
        self._squares += float(np.square(losses).sum())
        self.rows += len(losses)

    def rescale(self, power: int) -> None:
        """Multiply labels by a power of two, and losses by its square."""
        self._labels = np.ldexp(self._labels, power)
        self._losses = np.ldexp(self._losses, 2 * power)
        self.total = math.ldexp(self.total, 2 * power)
        self._squares = math.ldexp(self._squares, 4 * power)

    def standard_error(self) -> float | None:
        """Return the standard error of the mean loss; None for one row."""
        if self.rows < 2:
            return None
        spread = max(self._squares - self.total**2 / self.rows, 0.0) / (self.rows - 1)
        return math.sqrt(spread / self.rows)

    def groups(self, power: int = 0) -> dict[str, list[float | None]]:
        """Return the mean label, by which the same rows are known, and the mean loss of groups.

        Args:
            power: Labels are told times this power of two, and losses times its square.

        Returns:
            Two lists; None for what is no number any more.
        """
        used = min(self.rows, GROUPS)
        rows = (self.rows - np.arange(used) + GROUPS - 1) // GROUPS
        sums = {"mean_label": (self._labels, power), "mean_loss": (self._losses, 2 * power)}
        return {name: _told(each[:used] / rows, bits) for name, (each, bits) in sums.items()}


def _told(means: Floats, power: int) -> list[float | None]:
    with np.errstate(over="ignore"):
        numbers = np.ldexp(means, power)
        rounded = np.round(numbers, DECIMALS)  # times 10**DECIMALS, which may be too much
    told = np.where(np.isfinite(rounded), rounded, numbers).tolist()
    return [each if math.isfinite(each) else None for each in told]
