"""The feature columns of a run's page: their values, and how they differ between two channels.

The click rate of a value has the score interval of E. B. Wilson, "Probable inference, the law of
succession, and statistical inference", Journal of the American Statistical Association 22 (1927).

Drift is the population stability index: the sum of ``(p - q) ln(p / q)`` over groups of rows, whose
shares are p and q. N. Siddiqi, "Credit Risk Scorecards", Wiley 2006, calls less than 0.1 no change,
and 0.25 or more a large one. If nothing has changed, it is about ``1/n + 1/m`` times a chi-squared
variable with one degree of freedom less than there are groups: B. Yurdakul, J. Naranjo,
"Statistical properties of the population stability index", Journal of Risk Model Validation 14
(2020).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import NormalDist
from typing import Any

MOST_VALUES = 512
"""Distinct values of a column that are counted by channel and label."""
SHOWN = 1000
"""Columns on a page; more of them than anybody reads would make it slow to open."""
SOME, MUCH = 0.1, 0.25
"""Population stability indices from which a column has changed, and has changed much."""
OTHER, EMPTY = "all others", "empty cells"

_NORMAL = NormalDist().inv_cdf(0.975)
"""The quantile of the normal distribution that leaves 95 % in the middle."""
_CERTAINTY = 0.95
"""That no column is said to have changed if none has."""
_LONGEST_NUMBER = 8
"""Characters of a number that are not too many."""
_LEAST_ROWS = 0.5
"""Rows that a group without rows counts for, as a logarithm of 0 is not a number."""


@dataclass(frozen=True)
class Rate:
    """The click rate of some rows and its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Value:
    """A frequent value, with its rows as a number and as a share of all rows."""

    text: str
    rows: int
    share: float
    rate: Rate | None = None
    """None where labels are not counted by value."""

    @property
    def shown(self) -> str:
        """Return the text, a measured number rounded."""
        is_long = len(self.text) > _LONGEST_NUMBER and _is_fraction(self.text)
        return f"{float(self.text):.4g}" if is_long else self.text


@dataclass(frozen=True)
class Column:
    """One feature column; `colliding` is None if nothing was hashed.

    Attributes:
        is_estimated: True if `distinct` is estimated.
        null_share: Part of the rows without a value.
        colliding_share: Part of its tokens that share their index with another token.
    """

    name: str
    distinct: int
    is_estimated: bool
    nulls: int
    null_share: float
    colliding: int | None
    colliding_share: float | None
    frequent: tuple[Value, ...]

    @property
    def has_rates(self) -> bool:
        """Return whether any of its values has a click rate."""
        return any(value.rate is not None for value in self.frequent)

    @property
    def has_many_values(self) -> bool:
        """Return whether it has too many for a click rate of each, and to be compared."""
        return self.distinct > MOST_VALUES

    @property
    def highest(self) -> float:
        """Return the end of the scale of its click rates."""
        return max((value.rate.high for value in self.frequent if value.rate), default=1) or 1


@dataclass(frozen=True)
class Drift:
    """The difference of a column between two channels.

    Attributes:
        index: Its population stability index.
        chance: What the indices of all columns stay below, in 95 of 100 runs, if nothing has
            changed.
        moved: The group whose share has changed most.
        before: Its share in the first channel.
        after: Its share in the second one.
    """

    name: str
    index: float
    chance: float
    moved: str
    before: float
    after: float

    @property
    def verdict(self) -> str:
        """Return what the index is called."""
        if self.index <= self.chance:
            return "chance"
        return "little" if self.index < SOME else "some" if self.index < MUCH else "much"


@dataclass(frozen=True)
class Drifts:
    """All columns that can be compared, the one that differs most first.

    Attributes:
        before: Name of the first channel.
        after: Name of the second one.
        left_out: Columns that cannot be compared.
    """

    before: str
    after: str
    columns: tuple[Drift, ...]
    left_out: tuple[str, ...]

    @property
    def changed(self) -> int:
        """Return how many columns have changed, by more than chance."""
        return sum(each.verdict in ("some", "much") for each in self.columns)


def columns_of(metrics: dict[str, Any], numeric: Collection[str]) -> list[Column]:
    """Return the first `SHOWN` columns in their order; none if there are no metrics.

    Args:
        metrics: The content of ``metrics.json``.
        numeric: Names of the columns whose one token is their name.
    """
    rows, known = metrics.get("rows", 0) or 1, frozenset(numeric)
    return [
        _column(name, described, rows, is_numeric=name in known)
        for name, described in islice(metrics.get("columns", {}).items(), SHOWN)
    ]


def wilson(ones: int, rows: int) -> Rate:
    """Return the click rate of at least one row, and its interval."""
    mean, square = ones / rows, _NORMAL * _NORMAL
    middle = (mean + square / (2 * rows)) / (1 + square / rows)
    spread = math.sqrt(mean * (1 - mean) / rows + square / (4 * rows * rows))
    half = _NORMAL * spread / (1 + square / rows)
    low = middle - half if ones else 0.0  # which a sum of floats misses
    return Rate(mean, low, middle + half if ones < rows else 1.0)


def drifts_of(metrics: Mapping[str, Any]) -> Drifts | None:
    """Compare the first two channels; None if there are no two with rows.

    Args:
        metrics: The content of ``metrics.json``.
    """
    channels = [(name, each["rows"]) for name, each in metrics.get("channels", {}).items()]
    if len(channels) < 2 or not (channels[0][1] and channels[1][1]):
        return None
    (before, rows), (after, others) = channels[:2]
    described = metrics.get("columns", {})
    groups = {
        name: known
        for name, column in described.items()
        if (known := _groups(column, (before, rows), (after, others))) is not None
    }
    found = [
        Drift(
            name,
            stability_index([each[1] for each in known], [each[2] for each in known]),
            by_chance(len(known), rows, others, len(groups)),
            *_moved(known, rows, others),
        )
        for name, known in groups.items()
    ]
    found.sort(key=lambda each: -each.index)
    left_out = tuple(name for name in described if name not in groups)
    return Drifts(before, after, tuple(found), left_out)


def stability_index(before: Sequence[int], after: Sequence[int]) -> float:
    """Return the population stability index of the rows of some groups in two channels."""
    pairs = zip(_shares(before), _shares(after), strict=True)
    return sum((q - p) * math.log(q / p) for p, q in pairs)


def by_chance(groups: int, rows: int, others: int, columns: int = 1) -> float:
    """Return what the indices stay below, 95 times of 100, if both channels are samples of one.

    The quantile of the chi-squared distribution is that of E. B. Wilson and M. M. Hilferty, "The
    distribution of chi-square", Proceedings of the National Academy of Sciences 17 (1931).

    Args:
        groups: Of the rows of a column.
        rows: In the first channel.
        others: In the second one.
        columns: That are compared: of many, some are far apart by chance (Bonferroni).
    """
    degrees = groups - 1
    part = 2 / (9 * degrees)
    normal = NormalDist().inv_cdf(1 - (1 - _CERTAINTY) / columns)
    return degrees * (1 - part + normal * math.sqrt(part)) ** 3 * (1 / rows + 1 / others)


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [max(count, _LEAST_ROWS) / total for count in counts]


def _groups(
    column: Mapping[str, Any], before: tuple[str, int], after: tuple[str, int]
) -> list[tuple[str, int, int]] | None:
    """Return the rows of each group in both channels; None if they are not known or not two."""
    values, nulls = column.get("frequent_values", ()), column.get("null_channels", {})
    if any("channels" not in each for each in values) or (column["nulls"] and not nulls):
        return None
    if any(_is_fraction(each["value"]) for each in values):
        return None
    (one, rows), (other, others) = before, after
    groups = [(each["value"], each["channels"][one], each["channels"][other]) for each in values]
    if nulls:
        groups.append((EMPTY, nulls[one], nulls[other]))
    told, others_told = (sum(group[place] for group in groups) for place in (1, 2))
    groups.append((OTHER, rows - told, others - others_told))
    groups = [group for group in groups if group[1] or group[2]]
    return groups if len(groups) > 1 else None


def _is_fraction(text: str) -> bool:
    """Return whether a value is a measured number, which is no group of rows."""
    try:
        number = float(text)
    except ValueError:
        return False
    return math.isfinite(number) and not number.is_integer()


def _moved(
    groups: Sequence[tuple[str, int, int]], rows: int, others: int
) -> tuple[str, float, float]:
    """Return the group whose share has changed most, the first of several, and both shares."""
    shares = [(name, before / rows, after / others) for name, before, after in groups]
    return max(shares, key=lambda each: abs(each[1] - each[2]))


def _column(name: str, described: dict[str, Any], rows: int, *, is_numeric: bool) -> Column:
    distinct, colliding = described["distinct"], described.get("colliding_tokens")
    tokens = min(distinct, 1) if is_numeric else distinct
    return Column(
        name,
        distinct,
        not described["distinct_is_exact"],
        described["nulls"],
        described["nulls"] / rows,
        colliding,
        None if colliding is None else colliding / tokens if tokens else 0.0,
        tuple(_value(each, rows) for each in described.get("frequent_values", ())),
    )


def _value(each: Mapping[str, Any], rows: int) -> Value:
    ones = each.get("label_ones")
    rate = None if ones is None else wilson(ones, each["rows"])
    return Value(each["value"], each["rows"], each["rows"] / rows, rate)
