"""The digest of rows: what docs/files.md defines, worked out once more row by row."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.output.digest import cells_beside, digest_of, merged
from headrace.runtime.spec import StepSpec
from headrace.runtime.transform import Role, with_role
from tests.runtime.jobs import FORMATS, HASH, SPLIT, clicks, job, run
from tests.runtime.sparse_rows import Made, made_up

MASK = 2**64 - 1
A = 0x9E3779B97F4A7C15
Cell = str | float | int | None


def mix(x: int) -> int:
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def number(value: float, key: int) -> int:
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    return mix(bits * A + key & MASK)


def text(content: str, key: int) -> int:
    raw = content.encode()
    h = key + len(raw)
    for start in range(0, max(len(raw), 1), 8):
        word = int.from_bytes(raw[start : start + 8].ljust(8, b"\0"), "little")
        h = mix(word * A + h & MASK)
    return h


def named(name: str, value: Cell) -> int:
    key = text(name, 0)
    if value is None:
        return mix(key - A & MASK)
    return text(value, key) if isinstance(value, str) else number(float(value), key)


def total(rows: Sequence[Sequence[int]]) -> str:
    return f"{sum(mix(sum(cells) & MASK) for cells in rows) & MASK:016x}"


def of_hashed(made: Made) -> str:
    rows = []
    for place, entries in enumerate(made.rows):
        cells = [number(value, index) for index, value in entries.items()]
        cells.append(named("n_features", made.n_features))
        if made.labels is not None:
            cells.append(named("label", made.labels[place]))
        if made.ids is not None:
            cells.append(named("id", made.ids[place]))
        rows.append(cells)
    return total(rows)


def of_unhashed(rows: Sequence[Mapping[str, Cell]]) -> str:
    return total([[named(name, value) for name, value in row.items()] for row in rows])


def cut(batch: pa.RecordBatch, *cuts: int) -> list[pa.RecordBatch]:
    edges = [0, *sorted(min(each, batch.num_rows) for each in cuts), batch.num_rows]
    return [batch.slice(start, end - start) for start, end in pairwise(edges)]


def digest(made: Made, *cuts: int) -> str:
    return digest_of(cut(made.batch, *cuts), made.batch.schema)


@given(made_up(), st.lists(st.integers(0, 9), max_size=3))
def test_hashed_rows_have_the_digest_of_the_definition(made: Made, cuts: list[int]) -> None:
    assert digest(made, *cuts) == of_hashed(made)


@given(made_up(), st.lists(st.integers(0, 9), max_size=3))
def test_what_stands_beside_the_entries_is_hashed_once(made: Made, cuts: list[int]) -> None:
    batches, schema = cut(made.batch, *cuts), made.batch.schema
    beside = cells_beside(batches, schema)
    for _ in range(2):  # and it is not changed on the way
        assert digest_of(batches, schema, beside) == of_hashed(made)


TEXTS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
WHOLE = st.integers(-(2**53), 2**53)
ROWS = st.lists(st.tuples(TEXTS, st.sampled_from(["1005", "ecad2386", ""]), NUMBERS, WHOLE))
COLUMNS = {"c": pa.string(), "site": pa.string(), "x": pa.float64(), "ż": pa.int64()}


@given(ROWS, st.lists(st.integers(0, 9), max_size=3))
def test_rows_that_are_not_hashed_have_it_too(
    cells: list[tuple[str | None, str, float | None, int]], cuts: list[int]
) -> None:
    rows: list[dict[str, Cell]] = [dict(zip(COLUMNS, row, strict=True)) for row in cells]
    batch = pa.RecordBatch.from_pylist(rows, pa.schema(COLUMNS))
    assert digest_of(cut(batch, *cuts), batch.schema) == of_unhashed(rows)


@pytest.mark.parametrize("width", range(26))
def test_texts_of_one_length_have_it_too(width: int) -> None:
    rows = [{"c": f"{place * 987654321:030d}"[30 - width :]} for place in range(9)]
    batch = pa.RecordBatch.from_pylist(rows, pa.schema({"c": pa.string()}))
    assert digest_of(cut(batch, 4), batch.schema) == of_unhashed(rows)


def test_one_digest_never_changes() -> None:
    made = Made([{3: 1.0, 17: -1.0}, {}], labels=[1.0, 0.0], ids=["14489770110436898243", "7"])
    assert digest(made) == of_hashed(made) == "650f55eae445b92f"


def test_many_rows_of_all_lengths_are_worked_on_in_pieces() -> None:
    random = np.random.default_rng(5)
    counts = random.integers(0, 4, 20_000).tolist()
    rows = [dict(zip(range(count), [1.0, -2.0, 0.5], strict=False)) for count in counts]
    made = Made(rows, ids=["x" * (place % 30) for place in range(len(rows))])
    assert digest(made) == of_hashed(made)


def test_order_and_borders_do_not_matter_and_how_often_a_row_is_there_does() -> None:
    rows = [{1: 1.0}, {2: 1.0, 5: -1.0}, {1: 1.0}, {}]
    assert digest(Made(rows)) == digest(Made(rows[::-1]), 1, 1, 3)
    assert digest(Made(rows)) == merged([digest(Made(rows[:1])), digest(Made(rows[1:]))])
    assert digest(Made(rows)) != digest(Made([*rows[:2], *rows[3:]]))
    assert digest(Made([])) == merged([]) == "0" * 16


ROW: dict[int, float] = {1: 1.0, 4: -1.0}
OTHERS = {
    "another value": Made([{1: 1.0, 4: 1.0}]),
    "another index": Made([{1: 1.0, 5: -1.0}]),
    "values that changed places": Made([{1: -1.0, 4: 1.0}]),
    "an explicit zero": Made([{**ROW, 7: 0.0}]),
    "a negative zero": Made([{**ROW, 7: -0.0}]),
    "no entry": Made([{}]),
    "another width": Made([ROW], n_features=65),
    "a label": Made([ROW], labels=[0.0]),
    "another label": Made([ROW], labels=[1.0]),
    "an id": Made([ROW], ids=["1"]),
    "another id": Made([ROW], ids=["10"]),
    "an id that ends in zero bytes": Made([ROW], ids=["1\0"]),
    "entries in two rows": Made([{1: 1.0}, {4: -1.0}]),
    "the last bit of a value": Made([{1: math.nextafter(1.0, 2.0), 4: -1.0}], size=8),
    "no row": Made([]),
}


def test_whatever_differs_shows() -> None:
    digests = {"the row": digest(Made([ROW]))}
    digests |= {name: digest(made) for name, made in OTHERS.items()}
    assert len(set(digests.values())) == len(digests)


def test_float32_and_float64_of_one_number_are_the_same() -> None:
    assert digest(Made([ROW], size=4)) == digest(Made([ROW], size=8))


def test_nulls_empty_texts_numbers_and_names_are_told_apart() -> None:
    def one(name: str, value: Cell, kind: pa.DataType) -> str:
        batch = pa.RecordBatch.from_pydict({name: pa.array([value], kind)})
        return digest_of([batch], batch.schema)

    told = [
        one("c", None, pa.string()),
        one("c", "", pa.string()),
        one("c", "0", pa.string()),
        one("c", 1.0, pa.float64()),
        one("d", None, pa.string()),
        one("d", "0", pa.string()),
        digest_of([], pa.schema({"c": pa.string()})),
    ]
    assert len(set(told)) == len(told)


def test_an_integer_counts_as_the_nearest_number_of_64_bits() -> None:
    integers = pa.array([2**53 + 1, -(2**62) - 1, None])
    numbers = pa.array([2.0**53, -(2.0**62), None])
    found = {
        digest_of([batch], batch.schema)
        for column in (integers, integers.dictionary_encode(), numbers)
        for batch in [pa.RecordBatch.from_pydict({"c": column})]
    }
    assert len(found) == 1


def test_columns_that_are_not_written_do_not_count() -> None:
    fields = [with_role(pa.field("n", pa.int64()), role) for role in (Role.CHANNEL, Role.NUMERIC)]
    one = pa.RecordBatch.from_arrays([pa.array(["a"])], names=["c"])
    more = one.append_column(fields[0], pa.array([1]))
    other = one.append_column(fields[1], pa.array([1]))
    assert digest_of([more], more.schema) == digest_of([one], one.schema)
    assert digest_of([other], other.schema) != digest_of([one], one.schema)


def digests(root: Path, steps: Sequence[StepSpec], format: str, **how: Any) -> dict[str, str]:
    spec = job(id="id", label="click", steps=steps, format=format, numeric=("c1",), **how)
    manifest = run(root, clicks(700, distinct=9).replace(",v", ","), spec).manifest
    for channel in manifest["channels"].values():
        assert channel["digest"] == merged(part["digest"] for part in channel["parts"])
    return {name: channel["digest"] for name, channel in manifest["channels"].items()}


def test_the_format_the_parts_the_threads_and_the_blocks_do_not_matter(tmp_path: Path) -> None:
    first = digests(tmp_path, [SPLIT, HASH], "npz")
    assert len(set(first.values())) == 2
    for format_name in FORMATS:
        made = digests(
            tmp_path, [SPLIT, HASH], format_name, rows_per_part=90, threads=3, block_bytes=999
        )
        assert made == first
    assert digests(tmp_path, [SPLIT, StepSpec("custom_hasher", "custom_hasher")], "npz") != first


def test_rows_that_are_not_hashed_have_one_in_the_manifest(tmp_path: Path) -> None:
    spec = job(id="id", label="click", steps=[SPLIT], format="parquet", numeric=("c1",))
    result = run(tmp_path, clicks(300, distinct=9).replace(",v", ","), spec)
    for name, channel in result.manifest["channels"].items():
        rows = result.table(name).to_pylist()
        assert None in {row["c0"] for row in rows}
        assert channel["digest"] == of_unhashed(rows)


@pytest.mark.parametrize("name", ["npz", "parquet"])
def test_hashed_parts_hold_the_rows_of_their_digest(tmp_path: Path, name: str) -> None:
    spec = job(id="id", label="click", steps=[SPLIT, HASH], format=name)
    result = run(tmp_path, clicks(300), spec)
    for channel, written in result.manifest["channels"].items():
        if name == "npz":
            matrix = result.matrix(channel)
            rows = [
                dict(zip(row.indices.tolist(), row.data.tolist(), strict=True)) for row in matrix
            ]
            labels = result.array("label", channel).tolist()
            ids = [each.decode() for each in result.array("id", channel)]
        else:
            table = result.table(channel).to_pydict()
            pairs = zip(table["indices"], table["values"], strict=True)
            rows = [dict(zip(*pair, strict=True)) for pair in pairs]
            labels, ids = table["label"], table["id"]
        assert written["digest"] == of_hashed(Made(rows, 64, labels=labels, ids=ids))
