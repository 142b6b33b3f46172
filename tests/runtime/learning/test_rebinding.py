"""Columns that are known in full only when a step has learned, and the steps behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pytest

from headrace.runtime.chain.chain import Link, bind, with_states
from headrace.runtime.errors import PluginError
from headrace.runtime.transform import (
    Encoding,
    Role,
    Transform,
    encoded,
    encoding_of,
    is_pending,
    pending,
    role_of,
    with_role,
)
from tests.transforms.batches import batch_of
from transforms.feature_hasher import FeatureHasher

BATCH = batch_of({"id": ["1", "2", "3"], "site": ["a", None, "b"]}, {"id": Role.ID})


@pytest.mark.parametrize("expected", [Encoding(7), Encoding(3, 0, 1), Encoding(0, unknown=2)])
def test_a_column_says_what_its_ids_mean(expected: Encoding) -> None:
    field = encoded(with_role(pa.field("a", pa.string()), Role.NUMERIC), *expected)
    assert (field.type, role_of(field)) == (pa.int32(), Role.CATEGORICAL)
    assert encoding_of(field) == expected
    assert encoding_of(encoded(field, 9)) == Encoding(9)


def test_other_columns_have_no_ids() -> None:
    assert encoding_of(pa.field("a", pa.int32())) is None
    assert encoding_of(encoded(pa.field("a", pa.string()), 7).with_type(pa.string())) is None


@dataclass(frozen=True)
class Growing:
    """Has no column instead of ``site`` until it has learned, and then one for each value."""

    values: tuple[str, ...] = ()
    name: str = "site="

    def accumulate(self, batch: pa.RecordBatch) -> pa.Table:
        return pa.table({"value": batch.column("site").drop_null()})

    def merge(self, states: Sequence[pa.Table]) -> pa.Table:
        return pa.concat_tables(states)

    def finish(self, state: pa.Table) -> pa.Table:
        return state

    def with_state(self, state: pa.Table) -> Transform:
        return Growing(tuple(state["value"].to_pylist()), self.name)

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        kept = schema.remove(schema.get_field_index("site"))
        if not self.values:
            return kept.append(pending(pa.field("site=", pa.float64())))
        made = [pa.field(f"{self.name}{value}", pa.float64()) for value in self.values]
        return pa.schema([*kept, *made])

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        schema = self.output_schema(batch.schema)
        columns = [pa.array([float(value == x) for x in ("a", None, "b")]) for value in self.values]
        return pa.RecordBatch.from_arrays([batch.column("id"), *columns], schema=schema)


def learned(step: Growing, *others: tuple[str, Transform]) -> tuple[Link, ...]:
    links = bind([("grows", step), *others], BATCH.schema)
    assert is_pending(links[0].after.field("site="))
    return with_states(links, {"grows": step.accumulate(BATCH)})


def test_the_steps_behind_see_the_columns_that_came_of_learning() -> None:
    links = learned(Growing(), ("hash", FeatureHasher(64)))
    assert links[0].after.names == ["id", "site=a", "site=b"]
    assert links[1].before == links[0].after
    batch = BATCH
    for link in links:
        batch = link.apply(batch)
    plain = FeatureHasher(64).apply(BATCH)
    assert batch.column("indices").equals(plain.column("indices"))


@dataclass(frozen=True)
class Losing(Growing):
    """Loses a column that it promised."""

    def with_state(self, state: pa.Table) -> Transform:
        return Dropping()


@dataclass(frozen=True)
class Dropping:
    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return schema.remove(schema.get_field_index("id"))

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch


def test_a_promised_column_has_to_stay() -> None:
    with pytest.raises(PluginError) as caught:
        learned(Losing())
    assert str(caught.value) == (
        "transform.steps.grows: with_state gave the columns site: string, but output_schema "
        "promised id: string, site=: double"
    )
