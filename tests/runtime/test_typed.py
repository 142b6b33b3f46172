"""Numbers, ids and times of a block, most cells being alike, against what Arrow makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.chain.columns import Columns
from headrace.runtime.chain.typed import numbers_of, typed
from headrace.runtime.errors import BadRows
from headrace.runtime.spec import DatasetSpec
from headrace.runtime.transform import Role

DIGITS = st.lists(st.sampled_from("0123456789"), max_size=9)
NUMBERS = st.lists(st.sampled_from(["0", "1", "12", "-3", "0.5", "7"]) | st.none(), max_size=9)


def piece(cells: Sequence[str | None]) -> pa.StringArray:
    """The cells as a piece of a longer column."""
    return pa.array(["before", None, *cells, "behind"], pa.string()).slice(2, len(cells))


@given(DIGITS | NUMBERS)
def test_numbers_are_those_that_arrow_reads(cells: list[str | None]) -> None:
    assert numbers_of(piece(cells), "n").equals(piece(cells).cast(pa.float64()))


@pytest.mark.parametrize("cell", ["/", ":", "a", " ", "\x7f"])
def test_a_character_beside_the_digits_is_no_number(cell: str) -> None:
    with pytest.raises(BadRows) as refused:
        numbers_of(piece(["1", cell]), "n")
    assert refused.value.mask.tolist() == [False, True]


@given(st.lists(st.sampled_from(["7", "71", "", "é", None]), max_size=9), st.integers(0, 3))
def test_times_are_encoded_as_arrow_does(times: list[str | None], start: int) -> None:
    dataset = DatasetSpec(id="id", time="t", format="csv")
    columns = replace(Columns.of(["id", "t", "c"], dataset, "rows.csv"), wanted=(Role.TIME,))
    ids = pa.array([str(row) for row in range(len(times))], pa.string())
    text = pa.record_batch([ids, pa.array(times, pa.string()), ids], names=["id", "t", "c"])
    made = typed(text.slice(start), columns)
    assert made.column(3).equals(text.slice(start).column(1).dictionary_encode())


@pytest.mark.parametrize("ids", [["a", "b\0"], ["a\0", "é"]])
def test_an_id_that_ends_in_nul_is_refused(ids: list[str]) -> None:
    columns = Columns.of(["id", "c"], DatasetSpec(id="id", format="csv"), "rows.csv")
    text = pa.record_batch([pa.array(ids), pa.array(["x", "y"])], names=["id", "c"])
    with pytest.raises(BadRows) as refused:
        typed(text, columns)
    assert refused.value.mask.tolist() == [cell.endswith("\0") for cell in ids]


def test_an_id_with_nul_in_it_is_taken() -> None:
    columns = Columns.of(["id", "c"], DatasetSpec(id="id", format="csv"), "rows.csv")
    text = pa.record_batch([pa.array(["a\0b"]), pa.array(["x"])], names=["id", "c"])
    assert typed(text, columns).column(0).to_pylist() == ["a\0b"]
