"""The columns that a step works on, by their names or by their role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from headrace.runtime.shown import quoted
from headrace.runtime.transform import FEATURES, Role, positions, role_of

if TYPE_CHECKING:
    import pyarrow as pa


def chosen(schema: pa.Schema, role: Role, names: Sequence[str] | None = None) -> list[str]:
    """Return the columns of a role that a step works on, each once.

    Args:
        schema: What reaches the step.
        role: The role that each of them has to have.
        names: Their names; None for all columns of the role.

    Raises:
        ValueError: One of them is not there or has another role, or there are none.
    """
    if names is None:
        found = [schema.field(place).name for place in positions(schema, role)]
        if not found:
            raise ValueError(f"there is no {role} column at this point of the chain")
        return found
    there = frozenset(schema.names)
    for name in names:
        if name not in there:
            raise ValueError(f"there is no column {quoted(name)} at this point of the chain")
        if role_of(schema.field(name)) is not role:
            raise ValueError(f"column {quoted(name)} has to be a {role} feature")
    return list(dict.fromkeys(names))


def feature(schema: pa.Schema, name: str) -> pa.Field:
    """Return a feature column by its name.

    Raises:
        ValueError: It is not there, or is no feature.
    """
    if name not in schema.names:
        raise ValueError(f"there is no column {quoted(name)} at this point of the chain")
    field = schema.field(name)
    if role_of(field) not in FEATURES:
        raise ValueError(f"column {quoted(name)} has to be a feature")
    return field


def added(schema: pa.Schema, *fields: pa.Field) -> pa.Schema:
    """Return the schema with further columns behind the others.

    Raises:
        ValueError: There is a column of that name already.
    """
    for field in fields:
        if field.name in schema.names:
            raise ValueError(f"there is a column {quoted(field.name)} already")
        schema = schema.append(field)
    return schema


def replaced(
    batch: pa.RecordBatch, made: Mapping[str, pa.Array], schema: pa.Schema
) -> pa.RecordBatch:
    """Return the batch in another schema: new cells in some columns, the others as they are.

    Args:
        batch: The rows.
        made: Name → cells, for each column that is new or changed.
        schema: The columns, in their order.
    """
    import pyarrow as pa  # the client, which reads no data, does without

    columns = [made[name] if name in made else batch.column(name) for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
