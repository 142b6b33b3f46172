"""Kernels for learning and plain columns against what NumPy and Arrow make of the same."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from ctypes import CDLL
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.chain.dictionaries import held
from headrace.runtime.kernels import dense_calls, library
from headrace.runtime.learning.counts import Values
from headrace.runtime.learning.states import added_up, in_their_order, order_of
from headrace.runtime.learning.texts import (
    COLUMN,
    HASH,
    ROWS,
    TEXT,
    TextsGatherer,
    added_up_texts,
)
from headrace.runtime.output.digest import digest_of
from headrace.runtime.output.writers.csv_rows import CsvWriter
from headrace.runtime.output.writers.decimals import decimals
from headrace.runtime.statistics.sums import rows_and_sums
from headrace.runtime.transform import Role, encoded, with_role
from tests.runtime.kernels.test_calls import without_kernels

pytestmark = pytest.mark.skipif(
    library.library() is None, reason="the kernels are not built: no zig and no C compiler"
)

WORDS = st.integers(0, 2**64 - 1) | st.integers(0, 5)
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0, 0.1])
TEXTS = st.text('ab0é,"\n', max_size=40)
LABEL = with_role(pa.field("click", pa.float64()), Role.LABEL)


@given(st.lists(WORDS, max_size=200))
def test_equal_numbers_have_one_code_in_the_order_of_their_first(keys: list[int]) -> None:
    codes, first = dense_calls.group(_kernels(), np.array(keys, np.uint64))
    assert [keys[place] for place in first] == list(dict.fromkeys(keys))
    assert [keys[first[code]] for code in codes] == keys


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-(2**31), 2**31))) | st.just([(1, 0)] * 9),
    st.booleans(),
)
def test_rows_and_sums_of_groups(rows: list[tuple[int, int]], has_fraction: bool) -> None:
    numbers = np.array([number for _, number in rows], np.float64)
    numbers[:1] += 0.25 * has_fraction
    codes = np.array([code for code, _ in rows], np.int32)
    counts, sums = rows_and_sums(numbers, codes, 5)
    with without_kernels():
        expected, theirs = rows_and_sums(numbers, codes, 5)
    assert (counts.tolist(), sums) == (expected.tolist(), theirs)


@given(st.lists(st.tuples(WORDS, st.integers(-3, 3), st.integers(-(2**62), 2**62)), max_size=60))
def test_states_are_added_up_as_arrow_does(rows: list[tuple[int, int, int]]) -> None:
    values, folds, sums = (list(each) for each in zip(*rows, strict=True)) if rows else ([], [], [])
    columns = [pa.array(values, pa.uint64()), pa.array(folds, pa.int16()), pa.array(sums)]
    state = pa.table(
        [
            each.cast(kind)
            for each, kind in zip(columns, (pa.uint64(), pa.int16(), pa.int64()), strict=True)
        ],
        ["value", "fold", "sum"],
    )
    for keys in (("value",), ("value", "fold")):
        chosen = state.select([*keys, "sum"])
        compiled = added_up([chosen, chosen.slice(1)], *keys)
        with without_kernels():
            reference = added_up([chosen, chosen.slice(1)], *keys)
        order = [(name, "ascending") for name in reference.column_names]
        assert in_their_order(compiled).equals(reference.sort_by(order).combine_chunks())


@pytest.mark.parametrize("numbers", [[3, 1, 2], [2, 1, 2], [3, None, 1], [None, None, 1]])
def test_rows_of_states_in_their_order(numbers: list[int | None]) -> None:
    """A plugin's state may have nulls, though it should not."""
    kinds = [pa.uint64(), pa.int32(), pa.string()]
    columns = [pa.array(each) for each in (numbers, [5, None, 4], ["b", None, "a"])]
    state = pa.table([each.cast(kind) for each, kind in zip(columns, kinds, strict=True)], [*"abc"])
    for chosen in (state, state.select(["a"]), state.select(["b", "a"])):
        order = [(name, "ascending") for name in chosen.column_names]
        expected = chosen.sort_by(order).combine_chunks()
        assert in_their_order(chosen).equals(expected)
        with without_kernels():
            assert in_their_order(chosen).equals(expected)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=30))
def test_texts_are_added_up_as_numpy_does(rows: list[tuple[int, int]]) -> None:
    state = pa.table(
        {
            HASH: pa.array([value * 2**61 for value, _ in rows], pa.uint64()),
            COLUMN: ["c"] * len(rows),
            TEXT: [str(value) for value, _ in rows],
            ROWS: [count for _, count in rows],
        }
    )
    compiled = added_up_texts([state, state], 100)
    gatherer = TextsGatherer(_kernels(), 100)
    for part in (state.slice(0, 0), state, state.slice(3), state.slice(0, 3)):
        gatherer.add(part)
    with without_kernels():
        reference = added_up_texts([state, state], 100)
    assert in_their_order(compiled).equals(in_their_order(reference))
    assert in_their_order(gatherer.merged()).equals(in_their_order(reference))


@given(st.lists(st.lists(st.tuples(WORDS, st.integers(0, 2**62)), max_size=60), max_size=6))
def test_sums_of_keys_as_they_come(groups: list[list[tuple[int, int]]]) -> None:
    tally = dense_calls.Tally(_kernels())
    expected: dict[int, int] = {}
    for rows in groups:
        keys = np.array([key for key, _ in rows], np.uint64)
        before = tally.sums, list(expected.values())
        added = tally.add(keys, np.array([number for _, number in rows], np.int64))
        known = list(expected)
        for key, number in rows:
            if number:
                expected[key] = _wrapped(expected.get(key, 0) + number)
        assert keys[added].tolist() == list(expected)[len(known) :]
        assert tally.known.tolist() == list(expected)
        assert tally.sums.tolist() == list(expected.values())
        assert before[0].tolist() == before[1]  # what was given before stays as it was


def _wrapped(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


@given(st.lists(st.text("aé\0", max_size=20), max_size=20), st.integers(0, 3))
def test_texts_begin_with_a_number_in_their_order(texts: list[str], start: int) -> None:
    made = dense_calls.begins(_kernels(), pa.array(texts, pa.string()).slice(start))
    expected = [text.encode()[:8].ljust(8, b"\0") for text in texts[start:]]
    assert [number.to_bytes(8, "big") for number in made.tolist()] == expected


@given(st.sets(WORDS, max_size=60), st.lists(WORDS, max_size=30), st.integers(0, 56))
def test_values_are_found_as_numpy_finds_them(
    known: set[int], others: list[int], shift: int
) -> None:
    values = Values(np.array(list({each >> shift for each in known}), np.uint64))
    keys = np.array([*others, *(each >> shift for each in known)], np.uint64)
    compiled = values._found(keys)
    with without_kernels():
        np.testing.assert_array_equal(compiled, values._found(keys))


@given(st.lists(st.tuples(WORDS, st.integers(0, 3)), max_size=60))
def test_rows_are_put_into_the_order_that_numpy_finds(rows: list[tuple[int, int]]) -> None:
    keys = [np.array([row[place] for row in rows], np.uint64) for place in (0, 1)]
    for chosen in (keys, keys[::-1], keys[1:]):
        compiled = order_of(*chosen)
        np.testing.assert_array_equal(compiled, np.lexsort(chosen))


@given(
    st.lists(
        st.tuples(st.none() | FLOATS, st.none() | st.integers(0, 9), st.none() | TEXTS, FLOATS),
        max_size=40,
    ),
    st.integers(0, 3),
    st.sampled_from([None, ("text",), ("number", "text")]),
)
def test_csv_and_digests(
    rows: list[tuple[float | None, int | None, str | None, float]],
    start: int,
    chosen: tuple[str, ...] | None,
) -> None:
    batch = _batch(rows).slice(start)
    writer = CsvWriter(columns=chosen)
    compiled = _written(writer, batch), digest_of([batch], batch.schema)
    by_value = held(batch.schema, [column.dictionary_encode() for column in batch.columns])
    assert compiled == (_written(writer, by_value), digest_of([by_value], batch.schema))
    with without_kernels():
        assert compiled == (_written(writer, batch), digest_of([batch], batch.schema))
        assert compiled == (_written(writer, by_value), digest_of([by_value], batch.schema))


def test_numbers_that_are_all_different_are_spelt_one_by_one() -> None:
    batch = _batch([(number / 7, None, "x", number) for number in range(3000)])
    compiled = _written(CsvWriter(), batch)
    with without_kernels():
        assert compiled == _written(CsvWriter(), batch)


def as_python_has_it(number: float) -> str:
    return format(Decimal(repr(number)), "f").removesuffix(".0")


SHIFTED = st.builds(lambda whole, power: whole / 10.0**power, st.integers(-(10**17), 10**17),
                    st.integers(0, 18))  # fmt: skip


@given(st.lists(FLOATS | SHIFTED | st.integers(-(2**54), 2**54).map(float), max_size=5))
def test_decimals(numbers: list[float]) -> None:
    """Those of Python, and of Arrow where the kernel leaves a column to it."""
    assert decimals(pa.array(numbers, pa.float64())).to_pylist() == [
        *map(as_python_has_it, numbers)
    ]


def test_decimals_of_many_numbers() -> None:
    random, rows = np.random.default_rng(), 100_000
    bits = random.integers(0, 1 << 52, rows) | random.integers(1023 - 36, 1023 + 53, rows) << 52
    powers = 2.0 ** np.arange(-35, 53)
    rounded = np.round(random.lognormal(1, 3, rows), 2)
    edges = [powers, np.nextafter(powers, 0), np.nextafter(powers, np.inf)]
    numbers = np.concatenate([bits.view(np.float64), -rounded, *edges])
    column = pa.array(numbers)
    assert dense_calls.decimals(_kernels(), column) is not None
    compiled = decimals(column)
    with without_kernels():
        assert compiled.equals(decimals(column)), f"seed: {random.bit_generator.seed_seq}"


@pytest.mark.parametrize("number", [math.inf, math.nan, 2.0**53, 1e-11, 5e-324, -1e300])
def test_numbers_that_are_left_to_arrow(number: float) -> None:
    assert dense_calls.decimals(_kernels(), pa.array([1.0, number])) is None


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 10**9), max_size=9))
def test_decimals_of_integers(numbers: list[int | None]) -> None:
    expected = [None if number is None else str(number) for number in numbers]
    for kind in (pa.int64(), pa.int32()):
        if all(number is None or abs(number) < 2 ** (kind.bit_width - 1) for number in numbers):
            assert decimals(pa.array(numbers, kind)).to_pylist() == expected
    few = [number for number in numbers if number is not None and abs(number) < 10**17]
    made = dense_calls.decimals(_kernels(), pa.array(few, pa.int64()))
    assert made is not None
    assert made.to_pylist() == [*map(str, few)]


def test_decimals_of_columns_with_nulls() -> None:
    column = pa.array([None, 0.5, None, -0.0, 1e15, None]).slice(1)
    assert decimals(column).to_pylist() == ["0.5", None, "-0", "1000000000000000", None]
    assert decimals(column.slice(1, 1)).to_pylist() == [None]


def test_arrays_that_do_not_fit_each_other() -> None:
    kernels, codes, sums = _kernels(), np.array([0, 2], np.int32), np.zeros(2, np.uint64)
    with pytest.raises(ValueError, match="2 numbers do not fit 2 codes of 2 groups"):
        dense_calls.add_up(kernels, codes, np.zeros(2, np.int64), 2)
    texts = pa.array(["a", "b"], pa.large_string())
    for cells, rows in ((dense_calls.Cells(texts, codes), 2), (dense_calls.Cells(texts, None), 3)):
        with pytest.raises(ValueError, match="the columns of CSV do not fit each other"):
            dense_calls.csv_lines(kernels, [cells], rows)
    for rows, ends, keys in ((1, [1], 1), (2, [1], 1), (2, [1, 2], 1), (2, [], 0)):
        with pytest.raises(ValueError, match=f"{rows} numbers have 2 sums"):
            dense_calls.add_digests_of_numbers(
                kernels, np.zeros(rows, np.uint64), ends, np.zeros(keys, np.uint64), sums
            )


def _kernels() -> CDLL:
    kernels = library.library()
    assert kernels is not None
    return kernels


def _batch(
    rows: Sequence[tuple[float | None, int | None, str | None, float]],
) -> pa.RecordBatch:
    numbers, ids, texts, labels = ([row[place] for row in rows] for place in range(4))
    fields = [
        with_role(pa.field("number", pa.float64()), Role.NUMERIC),
        encoded(pa.field("id", pa.int32()), 10),
        with_role(pa.field("text", pa.string()), Role.CATEGORICAL),
        LABEL,
    ]
    columns = [
        pa.array(cells, field.type)
        for cells, field in zip((numbers, ids, texts, labels), fields, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _written(writer: CsvWriter, batch: pa.RecordBatch) -> bytes:
    file = io.BytesIO()
    writer.write([batch], batch.schema, file)
    return file.getvalue()
