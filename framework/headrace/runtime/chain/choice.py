"""The columns that a step works on, by their names or by their role."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headrace.runtime.chain.names import absent_here
from headrace.runtime.shown import quoted
from headrace.runtime.transform import FEATURES, Role, RowStep, positions, role_of

if TYPE_CHECKING:
    import pyarrow as pa

_NAMED = "dataset.numeric names those of the data"


def chosen(
    schema: pa.Schema, *roles: Role, names: Sequence[str] | None, takes_lists: bool = True
) -> list[str]:
    """Return the columns that a step works on, each once.

    Args:
        schema: What reaches the step.
        roles: Each of them has to have one of these.
        names: Their names; None for all columns of the roles.
        takes_lists: Several values in a cell do no harm.

    Raises:
        ValueError: One of them is not there, or is none that the step can work on; or there are
            none.
    """
    kind = " or ".join(roles)
    if names is None:
        fields = [schema.field(place) for place in positions(schema, *roles)]
        found = [field.name for field in fields if takes_lists or not _has_lists(field)]
        if not found:
            what = f"there is no {kind} column at this point of the chain"
            raise ValueError(f"{what}; {_NAMED}" if kind == Role.NUMERIC else what)
        return found
    there = frozenset(schema.names)
    for name in names:
        if name not in there:
            raise ValueError(absent_here(name, schema.names))
        field = schema.field(name)
        if role_of(field) not in roles:
            what = f"column {quoted(name)} has to be a {kind} feature"
            is_other = kind == Role.NUMERIC and role_of(field) is Role.CATEGORICAL
            raise ValueError(f"{what}; {_NAMED}" if is_other else what)
        if _has_lists(field) and not takes_lists:
            raise ValueError(f"column {quoted(name)} should have one value in each cell")
    return list(dict.fromkeys(names))


def feature(schema: pa.Schema, name: str) -> pa.Field:
    """Return a feature column by its name.

    Raises:
        ValueError: It is not there, or is no feature.
    """
    if name not in schema.names:
        raise ValueError(absent_here(name, schema.names))
    field = schema.field(name)
    if role_of(field) not in FEATURES:
        raise ValueError(f"column {quoted(name)} has to be a feature")
    return field


def added(schema: pa.Schema, *fields: pa.Field) -> pa.Schema:
    """Return the schema with further columns behind the others.

    Raises:
        ValueError: There is a column of that name already.
    """
    import pyarrow as pa  # the client, which reads no data, does without

    taken = set(schema.names)
    for field in fields:
        if field.name in taken:
            raise ValueError(f"there is a column {quoted(field.name)} already")
        taken.add(field.name)
    return pa.schema([*schema, *fields], schema.metadata)


def replaced(
    batch: pa.RecordBatch, made: Mapping[str, pa.Array], schema: pa.Schema
) -> pa.RecordBatch:
    """Return the batch in another schema: new cells in some columns, the others as they are.

    Args:
        batch: The rows.
        made: Name → cells, for each column that is new or changed.
        schema: The columns, in their order.
    """
    import pyarrow as pa

    columns = [made[name] if name in made else batch.column(name) for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def on_numbers(names: Sequence[str], function: Callable[[Any], Any]) -> RowStep:
    """Return a step on a row that changes the numbers of some columns, all in one array.

    Args:
        names: The columns; a null stays null.
        function: Makes of numbers, shape (numbers,), an array of what they become.
    """
    import numpy as np  # a part of the client's start, as pyarrow

    def step(cells: dict[str, Any]) -> None:
        given = [name for name in names if cells[name] is not None]
        if given:
            made = function(np.array([cells[name] for name in given], np.float64))
            cells.update(zip(given, made.tolist(), strict=True))

    return step


def _has_lists(field: pa.Field) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_nested(field.type))
