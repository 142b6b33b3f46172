"""Columns as Arrow dictionaries inside a chain, against plain columns of the same cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pytest

from headrace.runtime.chain.chain import Link, bind
from headrace.runtime.chain.dictionaries import decoded, encoded, plain
from headrace.runtime.hashing.functions import murmur3_32
from headrace.runtime.hashing.tokens import column_tokens
from headrace.runtime.transform import Role, Transform, takes_dictionaries, with_role
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
