"""Columns as Arrow dictionaries inside a chain, against plain columns of the same cells."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.chain.chain import Link, bind
from headrace.runtime.chain.dictionaries import (
    as_dictionary,
    by_value,
    decoded,
    encoded,
    packed,
    plain,
    unpacked,
)
from headrace.runtime.hashing.functions import murmur3_32
from headrace.runtime.hashing.tokens import column_tokens
from headrace.runtime.output.parts import PartWriter
from headrace.runtime.output.writers.csv_rows import CsvWriter
from headrace.runtime.process.threads import Background
from headrace.runtime.transform import Role, Transform, takes_dictionaries, with_role
from tests.runtime.kernels.test_calls import without_kernels
from transforms.arithmetic import Arithmetic
from transforms.feature_hasher import FeatureHasher
from transforms.vocabulary import Vocabulary

ROWS = 70
"""More than are hashed cell by cell."""


@dataclass(frozen=True)
class Promising:
    """Makes, and promises, a dictionary, as any plugin may."""

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return pa.schema(
            [each.with_type(pa.dictionary(pa.int32(), pa.string())) for each in schema]
        )

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        schema = self.output_schema(batch.schema)
        made = [column.dictionary_encode() for column in batch]
        return pa.RecordBatch.from_arrays(made, schema=schema)


def batch() -> pa.RecordBatch:
    cells = pa.array([None, "once", *(f"v{row % 3}" for row in range(ROWS))])
    schema = pa.schema([with_role(pa.field("x", pa.string()), Role.CATEGORICAL)])
    return pa.RecordBatch.from_arrays([cells], schema=schema)


@pytest.mark.parametrize("start", [0, 1, 2])
def test_a_value_of_no_row_is_no_token(start: int) -> None:
    """Rows may have been left out since the values were found."""
    rows = batch().slice(start)
    (made,), (expected,) = (
        column_tokens(each, murmur3_32, 0) for each in (encoded(batch()).slice(start), rows)
    )
    assert made.prints.tolist() == expected.prints.tolist()
    assert made.hashes.tolist() == expected.hashes.tolist()
    assert made.cells.rows().tolist() == expected.cells.rows().tolist()


@pytest.mark.parametrize("cells", [[True, False, True], ["a", "b", "a"], [1, 2, 1], [1.5, None]])
def test_plain_cells_of_any_type(cells: list[object]) -> None:
    column = pa.array(cells)
    assert plain(column.dictionary_encode()).equals(column)


@given(
    st.lists(st.none() | st.sampled_from("abcdefgh"), max_size=12),
    st.lists(st.integers(1, 9), min_size=8, max_size=8),
    st.sampled_from([None, 0]),
    st.booleans(),
    st.booleans(),
)
def test_other_numbers_in_place_of_values(
    cells: list[str | None], numbers: list[int], null: int | None, is_known: bool, is_wide: bool
) -> None:
    """Each different number is there once, whether it is known which are alike or not."""
    column = pa.array(cells, pa.string()).dictionary_encode()
    if not is_wide:
        column = unpacked(packed(pa.RecordBatch.from_arrays([column], ["x"]))).column(0)
        assert column.indices.type == pa.uint8()
    made = np.array(numbers[: len(column.dictionary)], np.int32)
    alike = None
    if is_known:
        alike = made > 7
        made = np.where(alike, 100, np.arange(1, len(made) + 1)).astype(np.int32)
    becomes = dict(zip(column.dictionary.to_pylist(), made.tolist(), strict=True))
    expected = [null if cell is None else becomes[cell] for cell in cells]
    for kernels in (nullcontext, without_kernels):
        with kernels():
            result = as_dictionary(column, made, null, alike)
        result.validate(full=True)
        assert result.to_pylist() == expected
        assert len(set(result.dictionary.to_pylist())) == len(result.dictionary)
        found = by_value(result, result.dictionary.to_numpy(), -1)
        numbered = [-1 if each is None else each for each in expected]
        assert found.codes is not None
        assert found.values[found.codes].tolist() == numbered


def test_who_promises_a_dictionary_promises_its_cells() -> None:
    """Writers and later steps get what the schema says."""
    (link,) = bind([("x", Promising())], batch().schema)
    assert link.after.equals(batch().schema, check_metadata=True)
    assert link.apply(batch()).equals(batch())
    assert decoded(link.apply(batch())).schema.equals(link.after, check_metadata=True)


class Inheriting(Vocabulary):
    """Changes nothing that has to do with cells."""


class Learning(Vocabulary):
    """Counts in a way of its own, for which nobody has said that it takes dictionaries."""

    def accumulate(self, batch: pa.RecordBatch) -> pa.Table:
        assert batch.schema.equals(decoded(batch).schema)
        return super().accumulate(batch)


class Changing(Arithmetic):
    """Has an `apply` of its own, likewise."""

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        assert batch.schema.equals(decoded(batch).schema)
        return super().apply(batch)


class Saying(Changing):
    """Says it of the `apply` that it inherits."""

    takes_dictionaries: ClassVar[bool] = True


@pytest.mark.parametrize(
    ("transform", "takes"),
    [
        (Vocabulary, True), (Arithmetic, True), (FeatureHasher, True), (Inheriting, True),
        (Learning, False), (Changing, False), (Saying, True), (Promising, False),
    ],
)  # fmt: skip
def test_a_class_speaks_for_what_it_inherits_and_not_for_its_heirs(
    transform: type[Transform], takes: bool
) -> None:
    step = transform() if transform is not FeatureHasher else FeatureHasher(n_features=8)
    assert takes_dictionaries(step) is takes
    link = Link("x", step, batch().schema, batch().schema)
    assert link.suited(encoded(batch())).equals(encoded(batch()) if takes else batch())


def test_an_heir_learns_what_the_other_does() -> None:
    learned = [
        each.accumulate(Link("x", each, batch().schema, batch().schema).suited(encoded(batch())))
        for each in (Vocabulary(), Learning())
    ]
    assert learned[0].equals(learned[1])


class Writing(CsvWriter):
    """Writes in a way of its own, for which nobody has said that it takes dictionaries."""

    def write(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
        assert [each.schema for each in batches] == [schema]
        super().write(batches, schema, file)


@pytest.mark.parametrize("writer", [CsvWriter(), Writing()])
def test_what_a_format_says_holds_for_its_own_methods_alone(
    tmp_path: Path, writer: CsvWriter
) -> None:
    (tmp_path / "train").mkdir()
    with closing(Background()) as background:
        parts = PartWriter({"train": tmp_path / "train"}, batch().schema, writer, 100, background)
        parts.add("train", unpacked(packed(encoded(batch()))))
        (part,) = parts.close()["train"]
    rows = "\n".join(each or '""' for each in batch().column(0).to_pylist())
    assert (tmp_path / part.file).read_text() == f"{rows}\n"
