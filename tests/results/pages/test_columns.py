"""The columns of a page: no more than anybody reads, with click rates, and with their drift."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from headrace.results.pages.columns import (
    SHOWN,
    by_chance,
    columns_of,
    drifts_of,
    stability_index,
    wilson,
)

DESCRIBED = {"distinct": 2, "distinct_is_exact": True, "nulls": 1, "colliding_tokens": 1}


def test_a_page_shows_the_first_columns() -> None:
    described = {f"c{i}": DESCRIBED for i in range(SHOWN + 1)}
    columns = columns_of({"rows": 4, "columns": described}, ["c1"])
    assert [column.name for column in columns] == list(described)[:SHOWN]
    assert (columns[0].colliding_share, columns[1].colliding_share) == (0.5, 1.0)
    assert columns[0].null_share == 0.25


@pytest.mark.parametrize(("ones", "rows"), [(0, 1), (0, 50), (7, 50), (50, 50), (3, 10**6)])
def test_the_interval_of_a_click_rate(ones: int, rows: int) -> None:
    rate = wilson(ones, rows)
    expected = stats.binomtest(ones, rows).proportion_ci(method="wilson")
    assert (rate.mean, rate.low, rate.high) == pytest.approx((ones / rows, *expected), abs=1e-12)


def test_values_have_click_rates_where_labels_are_counted() -> None:
    values = [{"value": "x", "rows": 3, "label_ones": 1}, {"value": "y", "rows": 1}]
    (column,) = columns_of(
        {"rows": 4, "columns": {"c": {**DESCRIBED, "frequent_values": values}}}, []
    )
    x, y = column.frequent
    assert x.rate is not None
    assert (x.rate.mean, y.rate, column.has_rates) == (1 / 3, None, True)
    assert column.highest == x.rate.high


def test_the_stability_index_by_hand() -> None:
    """Shares of 0.5, 0.3, 0.2 that become 0.4, 0.3, 0.3."""
    expected = (0.4 - 0.5) * math.log(0.4 / 0.5) + (0.3 - 0.2) * math.log(0.3 / 0.2)
    assert stability_index([50, 30, 20], [400, 300, 300]) == pytest.approx(expected)
    assert expected == pytest.approx(0.0628609)


def test_a_group_without_rows_counts_as_half_a_row() -> None:
    expected = (0.005 - 0.2) * math.log(0.005 / 0.2) + (1.0 - 0.8) * math.log(1.0 / 0.8)
    assert stability_index([20, 80], [0, 100]) == pytest.approx(expected)


@pytest.mark.parametrize(("groups", "columns"), [(2, 1), (3, 20), (12, 2000)])
def test_what_chance_explains(groups: int, columns: int) -> None:
    quantile = stats.chi2.ppf(1 - 0.05 / columns, groups - 1)
    expected = quantile * (1 / 1000 + 1 / 250)
    assert by_chance(groups, 1000, 250, columns) == pytest.approx(expected, rel=0.04)


def test_samples_of_the_same_rows_stay_below_it() -> None:
    random = np.random.default_rng(1)
    shares = [0.4, 0.3, 0.2, 0.1]
    pairs = [
        (random.multinomial(2000, shares), random.multinomial(500, shares)) for _ in range(400)
    ]
    found = [stability_index(one.tolist(), other.tolist()) for one, other in pairs]
    assert 0.92 < np.mean(np.array(found) < by_chance(4, 2000, 500)) < 0.98


def described(*values: tuple[str, int, int], nulls: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    """A column as ``metrics.json`` has it."""
    told: dict[str, Any] = {"distinct": 9, "distinct_is_exact": True, "nulls": sum(nulls)}
    if sum(nulls):
        told["null_channels"] = {"train": nulls[0], "validation": nulls[1]}
    told["frequent_values"] = [
        {"value": text, "rows": one + other, "channels": {"train": one, "validation": other}}
        for text, one, other in values
    ]
    return told


def metrics(columns: dict[str, Any], rows: tuple[int, int] = (1000, 500)) -> dict[str, Any]:
    channels = {"train": {"rows": rows[0]}, "validation": {"rows": rows[1]}}
    return {"rows": sum(rows), "channels": channels, "columns": columns}


def test_columns_that_differ_most_come_first() -> None:
    drifts = drifts_of(
        metrics(
            {
                "same": described(("a", 500, 250)),
                "much": described(("a", 800, 100), nulls=(100, 50)),
                "some": described(("a", 500, 325)),
                "little": described(("a", 500, 300)),
            }
        )
    )
    assert drifts is not None
    assert [(each.name, each.verdict) for each in drifts.columns] == [
        ("much", "much"),
        ("some", "little"),
        ("little", "little"),
        ("same", "chance"),
    ]
    much = drifts.columns[0]
    assert much.index == pytest.approx(stability_index([800, 100, 100], [100, 50, 350]))
    assert (much.moved, much.before, much.after) == ("a", 0.8, 0.2)
    assert (drifts.before, drifts.after, drifts.changed, drifts.left_out) == (
        *("train", "validation"),
        *(1, ()),
    )


@pytest.mark.parametrize(
    "column",
    [
        described(),
        described(("0.5", 500, 100)),
        {**described(("a", 500, 100)), "nulls": 3},
        {**described(), "frequent_values": [{"value": "a", "rows": 600}]},
    ],
    ids=["no value", "a fraction", "nulls of an earlier version", "too many values"],
)
def test_columns_that_cannot_be_compared(column: dict[str, Any]) -> None:
    drifts = drifts_of(metrics({"c": column}))
    assert drifts is not None
    assert (drifts.columns, drifts.left_out) == ((), ("c",))


def test_one_channel_has_no_drift() -> None:
    assert drifts_of({"channels": {"rows": {"rows": 5}}, "columns": {}}) is None
    assert drifts_of(metrics({}, rows=(5, 0))) is None
