"""Checks of the promises of a transform: of what its methods return.

What is wrong is a mistake in the plugin's file, so each error names step and file. The checks look
at schemas and numbers of rows only; they cost nothing for a batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.errors import BadRows, PluginError
from headrace.runtime.plugins.transforms import METHODS, channels_of, file_of
from headrace.runtime.shown import listed, plain, quoted
from headrace.runtime.transform import Role, Transform, positions, role_of

_STAY = (Role.LABEL, Role.CHANNEL)
_FEATURES = (Role.CATEGORICAL, Role.NUMERIC)
_TO_BE_HAD = (Role.ID, Role.LABEL, Role.ROW_NUMBER, Role.ROW_TEXT, Role.UNLABELED_TEXT)
_MOST = 3
"""Columns that a message names."""


def place(label: str, transform: object) -> str:
    """Return where a mistake of a step is, as an error message says it."""
    return f"transform.steps.{label} ({file_of(transform)})"


def schema_of(transform: Transform, before: pa.Schema, place: str) -> pa.Schema:
    """Return what `output_schema` makes of some columns.

    Args:
        transform: The step.
        before: The columns that reach it.
        place: Says where the step is.

    Raises:
        PluginError: It is no schema.
    """
    made: object = transform.output_schema(before)
    if not isinstance(made, pa.Schema):
        raise PluginError(f"{place}: output_schema returned {_kind(made)}, not a pyarrow.Schema")
    return made


def check_columns(before: pa.Schema, made: pa.Schema, place: str) -> None:
    """Check the columns that `output_schema` promises.

    Args:
        before: The columns that reach the step.
        made: What it makes of them.
        place: Says where the step is.

    Raises:
        PluginError: Two have one name, nobody can use one, or the label or the channel is not among
            them.
    """
    if twins := [name for name, times in Counter(made.names).items() if times > 1]:
        raise PluginError(f"{place}: output_schema makes several columns called {listed(twins)}")
    for role in _STAY:
        for index in positions(before, role):
            if not positions(made, role):
                name = quoted(before.field(index).name)
                what = f"output_schema leaves out the {role} {name}; label and channel stay"
                raise PluginError(f"{place}: {what}")
    for field in made:
        if role_of(field) in _FEATURES and not _is_usable(field.type):
            what = "a feature holds text, a number or a list of these"
            raise PluginError(f"{place}: column {quoted(field.name)} is {field.type}; {what}")


def check_channels(transform: Transform, before: pa.Schema, made: pa.Schema, place: str) -> None:
    """Check that a step which declares channels has a column for them, and no other step.

    All rows are of a single channel, which needs no column.

    Args:
        transform: The step.
        before: The columns that reach it.
        made: What it makes of them.
        place: Says where it is.

    Raises:
        PluginError: One is there without the other, or the column holds no whole numbers.
    """
    columns = positions(made, Role.CHANNEL)
    declares = hasattr(transform, "channels")
    if declares and not columns and len(channels_of([transform])) > 1:
        raise PluginError(f"{place}: it has channels, but makes no column of the role channel")
    if not declares and len(columns) > len(positions(before, Role.CHANNEL)):
        raise PluginError(f"{place}: it makes a column of the role channel, but has no channels")
    for index in columns:
        if not pa.types.is_integer(kind := made.field(index).type):
            what = f"the column of the role channel is {kind}; it holds indices of channels (int8)"
            raise PluginError(f"{place}: {what}")


def check_state(state: object, method: str, place: str) -> pa.Table:
    """Return the state that a step that learns made.

    Args:
        state: What it made.
        method: By which of its methods.
        place: Says where the step is.

    Raises:
        PluginError: It is no table.
    """
    if not isinstance(state, pa.Table):
        raise PluginError(f"{place}: {method} returned {_kind(state)}, not a pyarrow.Table")
    return state


def check_fitted(fitted: object, place: str) -> None:
    """Check what `with_state` returned.

    Raises:
        PluginError: It is no step.
    """
    if not all(callable(getattr(fitted, method, None)) for method in METHODS):
        raise PluginError(f"{place}: with_state returned {_kind(fitted)}, not a transform")


def check_batch(transform: Transform, batch: pa.RecordBatch, made: object, place: str) -> None:
    """Check what `apply` returned, but for its columns.

    Args:
        transform: The step.
        batch: The rows that it got.
        made: What it made of them.
        place: Says where the step is.

    Raises:
        PluginError: It is no batch, or has more rows.
    """
    if not isinstance(made, pa.RecordBatch):
        raise PluginError(f"{place}: apply returned {_kind(made)}, not a pyarrow.RecordBatch")
    if hasattr(transform, "channels"):
        _check_indices(made, len(transform.channels()), place)
    if made.num_rows > batch.num_rows:
        what = f"apply returned {made.num_rows:,} rows for {batch.num_rows:,}"
        raise PluginError(f"{place}: {what}; it cannot add rows")


def _check_indices(made: pa.RecordBatch, channels: int, place: str) -> None:
    for index in positions(made.schema, Role.CHANNEL):
        column = made.column(index)
        least, most = pc.min_max(column).values()
        if column.null_count or (len(column) and (least.as_py() < 0 or most.as_py() >= channels)):
            wrong = "a null" if column.null_count else f"indices from {least} to {most}"
            what = f"the column of the role channel has {wrong}, and there are {channels} channels"
            raise PluginError(f"{place}: {what}")


def check_bad_rows(bad: BadRows, batch: pa.RecordBatch, place: str) -> None:
    """Check which rows a step calls bad.

    Args:
        bad: Raised by it.
        batch: The rows that it got.
        place: Says where the step is.

    Raises:
        PluginError: There is no such column, or the mask is none of the rows, or of none of them.
    """
    if bad.column not in batch.schema.names:
        raise PluginError(f"{place}: BadRows names {quoted(bad.column)}, which is no column here")
    if not _checked_mask(bad.mask, batch, "the mask of BadRows", place).any():
        raise PluginError(f"{place}: the mask of BadRows is true for no row")


def checked_account(
    kept: object, batch: pa.RecordBatch, rows: int, place: str
) -> npt.NDArray[np.bool_]:
    """Return which rows a step keeps by its own account, shape (rows of the batch,).

    Args:
        kept: What `keeps` returned.
        batch: The rows that the step got.
        rows: Number of those that it gave.
        place: Says where the step is.

    Raises:
        PluginError: The account is none, or not of so many rows.
    """
    mask = _checked_mask(kept, batch, "what keeps returned", place)
    if (count := np.count_nonzero(mask)) != rows:
        what = f"keeps says that {count:,} rows of {batch.num_rows:,} stay"
        raise PluginError(f"{place}: {what}, but apply returned {rows:,}")
    return mask


def _checked_mask(
    mask: object, batch: pa.RecordBatch, what: str, place: str
) -> npt.NDArray[np.bool_]:
    if not (isinstance(mask, np.ndarray) and mask.dtype == np.bool_):
        kind = f"an array of {mask.dtype}" if isinstance(mask, np.ndarray) else _kind(mask)
        raise PluginError(f"{place}: {what} is {kind}, not an array of bool")
    if mask.shape != (batch.num_rows,):
        shape = f"{what} has the shape {mask.shape}"
        raise PluginError(f"{place}: {shape}, and the batch {batch.num_rows:,} rows")
    return mask


def check_wanted(wanted: object, place: str) -> None:
    """Check what `wants` returned.

    Args:
        wanted: The roles that it asks for.
        place: Says where the step is.

    Raises:
        PluginError: It is no tuple of such roles.
    """
    if isinstance(wanted, str) or not isinstance(wanted, Collection):
        raise PluginError(f"{place}: wants returned {_kind(wanted)}, not a tuple of roles")
    for role in wanted:
        if role not in _TO_BE_HAD:
            what = f"wants asks for {quoted(str(role))}; allowed: {', '.join(_TO_BE_HAD)}"
            raise PluginError(f"{place}: {what}")


def difference(made: pa.Schema, promised: pa.Schema) -> str:
    """Return what tells the columns of `apply` from those that `output_schema` promised."""
    there, expected = Counter(made.names), {field.name: _typed(field) for field in promised}
    if missing := [name for name in expected if name not in there]:
        return f"apply makes no column {listed(missing, _MOST)}, which output_schema promises"
    if extra := [name for name, times in there.items() if times > 1 or name not in expected]:
        return f"apply makes the column {listed(extra, _MOST)}, which output_schema lacks"
    other = [field for field in made if _typed(field) != expected[field.name]]
    if not other:
        return f"apply makes the columns {listed(there)}, output_schema {listed(expected)}"
    named = [f"{quoted(each.name)} as {_typed(each)}" for each in other[:_MOST]]
    more = f" and {len(other) - _MOST:,} more" if len(other) > _MOST else ""
    types = ", ".join(expected[each.name] for each in other[:_MOST])
    return f"apply makes the column {', '.join(named)}{more}; output_schema promises {types}"


def _typed(field: pa.Field) -> str:
    return f"{field.type}{'' if field.nullable else ' not null'}"


def _is_usable(kind: pa.DataType) -> bool:
    """Return whether a feature may be of that type: anything that a cell's text can be made of."""
    if pa.types.is_list(kind):
        return not pa.types.is_nested(kind.value_type)
    return not pa.types.is_nested(kind) or pa.types.is_dictionary(kind)


def _kind(thing: object) -> str:
    """Return what an object is, as a message says it."""
    if thing is None:
        return "None"
    kind = type(thing)
    return plain(
        kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    )
