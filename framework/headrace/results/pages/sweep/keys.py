"""A key that was swept: its values in order, and where they stand on an axis."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from headrace.results.pages import figures
from headrace.results.pages.charts import ticks
from headrace.results.pages.sweep.runs import Finished

_DECADE = 10
_MOST_MARKS = 6
_APART = 0.12
"""Least distance of two marks, as a part of the axis: their texts are not to touch on a phone."""
_LONGEST = 8
"""Characters of a number that is shown as it was written."""


class Scale(Enum):
    """The way in which positions follow from values."""

    LINEAR = "linear"
    LOGARITHMIC = "logarithmic"
    RANKS = "evenly spaced"
    TEXTS = "texts"


@dataclass(frozen=True)
class Key:
    """A swept key.

    Attributes:
        name: As it is written in an override.
        short: Without the groups that it is in, where that leaves no doubt.
        texts: Its distinct values, numbers in ascending order, texts in that of the runs.
        scale: How they stand on an axis.
    """

    name: str
    short: str
    texts: tuple[str, ...]
    scale: Scale

    @property
    def is_number(self) -> bool:
        """Return whether all values are numbers."""
        return self.scale is not Scale.TEXTS

    @property
    def axis_title(self) -> str:
        """Return the title of an axis."""
        if self.scale in (Scale.LINEAR, Scale.TEXTS):
            return self.short
        return f"{self.short} ({self.scale.value})"

    def position(self, text: str) -> float:
        """Return where a value stands on an axis."""
        if self.scale is Scale.LINEAR:
            return float(text)
        if self.scale is Scale.LOGARITHMIC:
            return math.log2(float(text))
        return float(self.texts.index(text))

    def shown(self, text: str) -> str:
        """Return a value as people read it: counts in groups, a long number cut to four digits.

        Args:
            text: One of `texts`, or a value with which all runs have failed, as it was written.
        """
        if text not in self.texts:
            return text or figures.NONE
        if self.scale is Scale.LOGARITHMIC and text.isdigit():
            return figures.count(int(text))
        if not self.is_number or len(text) <= _LONGEST:
            return text or figures.NONE
        return f"{float(text):.4g}".replace("-", figures.MINUS)

    def marks(self) -> list[tuple[float, str]]:
        """Return positions and texts of the marks of an axis."""
        if len(self.texts) <= _MOST_MARKS or not self._is_scaled:
            values = [(self.position(text), self.shown(text)) for text in self.texts]
            whole = [int(text) if text.isdigit() else 0 for text in self.texts]
            if all(whole):
                values = list(zip((each for each, _ in values), figures.widths(whole), strict=True))
        elif self.scale is Scale.LINEAR:
            positions = ticks(float(self.texts[0]), float(self.texts[-1]))
            values = list(zip(positions, figures.marks(positions), strict=True))
        else:
            values = _powers(float(self.texts[0]), float(self.texts[-1]))
        return _apart(values)

    @property
    def _is_scaled(self) -> bool:
        return self.scale in (Scale.LINEAR, Scale.LOGARITHMIC)


def keys_of(runs: Sequence[Finished]) -> list[Key]:
    """Return the keys that differ between runs."""
    names = list(runs[0].settings) if runs else []
    last = [name.rpartition(".")[2].lstrip("+") for name in names]
    shorts = last if len(set(last)) == len(last) else names
    return [
        key_of(name, short, [run.settings[name] for run in runs])
        for name, short in zip(names, shorts, strict=True)
    ]


def key_of(name: str, short: str, texts: Sequence[str]) -> Key:
    """Return a key with these values."""
    distinct = tuple(dict.fromkeys(texts))
    numbers = numbers_of(distinct)
    if numbers is None:
        return Key(name, short, distinct, Scale.TEXTS)
    ascending = tuple(sorted(distinct, key=lambda text: numbers[text]))
    return Key(name, short, ascending, _scale([numbers[text] for text in ascending]))


def numbers_of(texts: Sequence[str]) -> Mapping[str, float] | None:
    """Return the number that each text stands for; None if one of them stands for none."""
    try:
        numbers = {text: float(text) for text in texts}
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers.values())) else None


def _scale(numbers: Sequence[float]) -> Scale:
    """Return how to show ascending numbers: a logarithm where it spaces them more evenly."""
    positive = [number for number in numbers if number > 0]
    spans_decades = len(positive) > 1 and positive[-1] / positive[0] >= _DECADE
    if not spans_decades or _unevenness(positive) < _unevenness(list(map(math.log, positive))):
        return Scale.LINEAR
    return Scale.LOGARITHMIC if len(positive) == len(numbers) else Scale.RANKS


def _unevenness(positions: Sequence[float]) -> float:
    """Return how much the distances vary, as a part of their mean."""
    gaps = [after - before for before, after in pairwise(positions)]
    return statistics.pstdev(gaps) / statistics.fmean(gaps)


def _powers(low: float, high: float) -> list[tuple[float, str]]:
    """Return the powers of ten between two numbers, or of two if these are too few."""
    for base in (10, 2):
        exponents = range(math.ceil(math.log(low, base)), math.floor(math.log(high, base)) + 1)
        if len(exponents) > 1:
            break
    step = -(-len(exponents) // _MOST_MARKS)
    powers = [float(base) ** exponent for exponent in exponents[::step]]
    return [(math.log2(power), f"{power:,g}") for power in powers]


def _apart(marks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return the marks whose texts have room, the last one in any case."""
    if not marks:
        return []
    room = (marks[-1][0] - marks[0][0]) * _APART
    kept: list[tuple[float, str]] = []
    for mark in reversed(marks):
        if not kept or kept[-1][0] - mark[0] >= room:
            kept.append(mark)
    return kept[::-1]
