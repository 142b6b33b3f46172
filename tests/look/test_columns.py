"""Kinds of columns, and the parts that they may play."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from headrace.look.columns import Column, nulls_in
from headrace.look.roles import Advice, advice_of


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("x", ["1", "2", "-3"], "integer"),
        ("x", ["1", "2.5", "1e3"], "number"),
        ("x", ["1,5", "2,5"], "text"),
        ("x", ["inf", "2"], "text"),
        ("x", ["True", "False"], "boolean"),
        ("x", ["yes", "no"], "boolean"),
        ("x", ["a", "a", "a"], "constant"),
        ("x", [None, None], "empty"),
        ("x", ["2024-01-31", "2024-02-01"], "timestamp ISO 8601"),
        ("x", ["2024-01-31T10:00:00Z", "2024-02-01T10:00:00.5+02:00"], "timestamp ISO 8601"),
        ("x", ["2024-01-31 10:00", "2024-02-01 11:30"], "timestamp ISO 8601"),
        ("x", ["2024-13-31", "2024-02-01"], "text"),
        ("hour", ["14102100", "14102101"], "timestamp YYMMDDHH"),
        ("day", ["20141021", "20141022"], "timestamp YYYYMMDD"),
        ("code", ["20141021", "99999999"], "integer"),
        ("ts", ["1413849600", "1413849601"], "timestamp seconds since 1970"),
        ("ts", ["1413849600000", "1413849601000"], "timestamp milliseconds since 1970"),
        ("id", ["1413849600", "9413849601"], "integer"),
        ("x", ["31/12/2014", "01/01/2015"], "timestamp %d/%m/%Y"),
        ("x", ["12/31/2014 5:01 PM", "1/2/2015 6:00 AM"], "timestamp %m/%d/%Y %I:%M %p"),
        ("x", ["01/02/2014", "03/04/2014"], "timestamp %m/%d/%Y or %d/%m/%Y"),
        ("x", ["31.12.2014", "01.01.2015"], "timestamp %d.%m.%Y"),
        ("x", ["10/Oct/2000:13:55:36 -0700"], "timestamp %d/%b/%Y:%H:%M:%S %z"),
    ],
)
def test_a_kind(name: str, values: list[str | None], kind: str) -> None:
    assert Column.of(name, values).described_kind == kind


@pytest.mark.parametrize(
    ("columns", "nulls"),
    [
        ([["1", "?", "2"]], ["?"]),
        ([["1", "-", "2"], ["a", "b", "c"]], ["-"]),
        ([["DE", "NA", "FR"]], []),  # Namibia
        ([["DE", "NA", "FR"], ["1", "NA", "2"]], ["NA"]),
        ([["a", "None", "b"]], []),
        ([["1", "None", "2"]], ["None"]),
        ([["a", r"\N", "b"]], [r"\N"]),
        ([["a", "-", "+"]], []),
        ([["NULL", "NULL"]], []),
    ],
)
def test_texts_that_mean_null(columns: list[list[str]], nulls: list[str]) -> None:
    assert nulls_in(columns) == nulls


def advice(**columns: Sequence[object]) -> Advice:
    made = [
        Column.of(name, [None if cell is None else str(cell) for cell in cells])
        for name, cells in columns.items()
    ]
    return advice_of(made, {}, is_whole=True)


BINARY = [0, 1, 0, 0] * 10
THREE = ["x", "y", "z", "x"] * 10


@pytest.mark.parametrize(
    ("columns", "label", "maybe"),
    [
        ({"click": BINARY, "x": THREE}, "click", []),
        ({"x": BINARY, "Clicked on Ad": BINARY}, "Clicked on Ad", []),
        ({"a": BINARY, "b": BINARY, "c": THREE}, None, ["a", "b", "c"]),
        ({"a": THREE, "b": BINARY}, "b", []),  # the only one, and at the end
        ({"a": THREE, "b": BINARY, "c": range(40)}, None, ["b", "a"]),
        ({"is_churned": BINARY, "b": BINARY}, "is_churned", []),
        ({"b": BINARY, "default payment next month": BINARY}, "default payment next month", []),
        ({"userId": THREE, "movieId": THREE, "rating": [3, 4, 5, 3] * 10}, "rating", []),
        ({"a": THREE, "species": THREE}, "species", []),
        ({"a": range(40), "price": range(40)}, "price", []),
        ({"a": [1] * 40}, None, []),
    ],
)
def test_the_label(
    columns: dict[str, Sequence[object]], label: str | None, maybe: list[str]
) -> None:
    found = advice(**columns)
    assert (found.label, found.maybe_label) == (label, maybe)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["no", "yes"], {"no": 0, "yes": 1}),
        (["<=50K", ">50K"], {"<=50K": 0, ">50K": 1}),
        (["b", "a", "a"], {"a": 0, "b": 1}),  # the frequent one is no event
        ([-1, 1], {"-1": 0, "1": 1}),
        ([0, 1], {}),
        (["c", "a", "b"], {"a": 0, "b": 1, "c": 2}),
    ],
)
def test_the_numbers_of_a_label(cells: list[object], values: dict[str, int]) -> None:
    assert advice(label=cells * 20, x=range(20 * len(cells))).label_values == values


def test_roles_and_warnings() -> None:
    found = advice(
        click=BINARY,
        order_id=[f"u{n}" for n in range(40)],
        session=[f"s{n * 7}" for n in range(40)],
        amount=[n * 1.5 for n in range(40)],
        age=[n % 30 for n in range(40)],
        zip_code=[10_000 + n % 30 for n in range(40)],
        twin=["yes" if each else "no" for each in BINARY],
        same=["a"] * 40,
        nothing=[None] * 40,
        rare=["x", *[None] * 39],
        created_at=[f"2024-01-{1 + n % 28:02}" for n in range(40)],
        ended_at=[f"2024-02-{1 + n % 28:02}" for n in range(40)],
    )
    assert found.roles == {
        "click": "label", "order_id": "id", "session": "drop", "amount": "numeric",
        "age": "numeric", "zip_code": "categorical", "twin": "drop", "same": "drop",
        "nothing": "drop", "rare": "categorical", "created_at": "time", "ended_at": "categorical",
    }  # fmt: skip
    assert found.warnings == {
        "session": ["another value in each row: an id?"],
        "twin": ["looks like the twin of 'click'"],
        "same": ["always the same value"],
        "nothing": ["no value"],
        "rare": ["97 % are null"],
        "ended_at": ["looks like a time"],
    }
