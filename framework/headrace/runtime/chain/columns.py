"""The columns of the input: the part that each plays, and the types that transforms see.

The cells of a block are text. Label and numeric columns become float64, everything else stays text.
An empty cell is a null. Rows that cannot be used are pointed at with `BadRows`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.errors import BadRows, DataError
from headrace.runtime.shown import plain, quoted
from headrace.runtime.spec import DatasetSpec
from headrace.runtime.transform import Role, with_role

EXTRA = {
    Role.ROW_TEXT: ("__row_text__", pa.string()),
    Role.ROW_NUMBER: ("__row_number__", pa.int64()),
    Role.TIME: ("__time__", pa.dictionary(pa.int32(), pa.string())),
}
BESIDE = "__beside__"
"""A column that a block of JSON lines may have: what a row's text has to tell beside its cells."""
_TYPES = {Role.LABEL: pa.float64(), Role.NUMERIC: pa.float64()}
_SHOWN = 30
UNIT_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Columns:
    """The columns of the input that a job uses.

    Attributes:
        names: All that stand in the input, in its order.
        roles: Name → role, for those that are used, in the input's order.
        wanted: What the reader adds because a step asks for it, or to count by it.
        takes_all: Whether every column that is not named otherwise is a feature.
        time: The column that says when a row happened, whatever else it is; only for counting.
    """

    names: tuple[str, ...]
    roles: dict[str, Role]
    wanted: tuple[Role, ...] = ()
    takes_all: bool = True
    time: str | None = None

    @classmethod
    def of(cls, names: Sequence[str], dataset: DatasetSpec, origin: str) -> Columns:
        """Give each column of the input its role.

        Raises:
            DataError: A name stands twice, or one that the configuration names is not there.
        """
        _refuse_twins(names, origin)
        roles, known = _declared(dataset), frozenset(names)
        for name in roles:
            if name not in known:
                raise DataError(f"{plain(origin)}: {_absent(name, names)}")
        if dataset.time is not None and dataset.time not in known:
            what = f"{_absent(dataset.time, names)}; dataset.time=null does without counts by time"
            raise DataError(f"{plain(origin)}: {what}")
        if dataset.categorical is None:
            roles |= {name: Role.CATEGORICAL for name in names if name not in roles}
        used = {name: roles[name] for name in names if name in roles}
        return cls(tuple(names), used, (), dataset.categorical is None, dataset.time)

    @cached_property
    def known(self) -> frozenset[str]:
        """Return the names, to look one up among many."""
        return frozenset(self.names)

    @property
    def has_time(self) -> bool:
        """Return whether there is a column that says when a row happened."""
        return self.time in self.known

    @cached_property
    def schema(self) -> pa.Schema:
        """Return the schema of the reader's batches: columns by role, then what was asked for."""
        fields = [
            with_role(pa.field(name, _TYPES.get(role, pa.string())), role)
            for name, role in self.roles.items()
        ]
        extra = [with_role(pa.field(*EXTRA[role]), role) for role in self.wanted]
        return pa.schema([*fields, *extra])

    @property
    def read(self) -> tuple[str, ...]:
        """Return names of the columns to read: all of them where the row's text is wanted."""
        if self.wants_row_text:
            return self.names
        used = dict.fromkeys([*self.roles, self.time])
        return tuple(name for name in used if name in self.known)

    @property
    def wants_row_text(self) -> bool:
        """Return whether the row's text is wanted."""
        return Role.ROW_TEXT in self.wanted

    @property
    def closed(self) -> bool:
        """Return whether a column that is not among `names` would be missed."""
        return self.takes_all or self.wants_row_text

    def uses(self, name: str) -> bool:
        """Return whether a column is read for itself, not only as a piece of the row's text."""
        return name in self.roles or name == self.time

    def way_without(self, name: str) -> str:
        """Return how to do without a column that cannot be used."""
        role, named = self.roles.get(name), "name the columns to use in dataset.categorical"
        match role, self.takes_all:
            case Role.CATEGORICAL, True:
                return f"{named}, without this one"
            case Role.CATEGORICAL, False:
                return "leave it out of dataset.categorical"
            case Role.NUMERIC, True:
                return f"leave it out of dataset.numeric, and {named}"
            case Role.NUMERIC, False:
                return "leave it out of dataset.numeric"
            case _:
                return f"dataset.{role or 'time'} should name a column of plain values"

    def refuse_other(self, names: Sequence[str], origin: str) -> None:
        """Check another file's columns: the same names, in any order.

        Raises:
            DataError: They differ.
        """
        _refuse_twins(names, origin)
        there = frozenset(names)
        for name in self.read:
            if name not in there:
                what = f"there is no column {quoted(name)}, unlike in the first file"
                raise DataError(f"{plain(origin)}: {what}")
        unknown = [name for name in names if name not in self.known]
        if unknown and self.closed:
            what = f"column {quoted(unknown[0])} does not stand in the first file"
            raise DataError(f"{plain(origin)}: {what}")


def _declared(dataset: DatasetSpec) -> dict[str, Role]:
    roles = dict.fromkeys(dataset.categorical or (), Role.CATEGORICAL)
    roles |= dict.fromkeys(dataset.numeric, Role.NUMERIC)
    if dataset.label is not None:
        roles[dataset.label] = Role.LABEL
    if dataset.id is not None:
        roles[dataset.id] = Role.ID
    return roles


def _refuse_twins(names: Sequence[str], origin: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            what = f"the column name {quoted(name)} stands twice in the header"
            raise DataError(f"{plain(origin)}: {what}")
        seen.add(name)


def _absent(name: str, names: Sequence[str]) -> str:
    return f"there is no column {quoted(name)}; {suggest(name, names)}"


def suggest(name: str, names: Sequence[str]) -> str:
    """Return what may have been meant by a name that does not exist."""
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return f"did you mean {quoted(near[0])}?"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"there are: {', '.join(map(plain, names[:_SHOWN]))}{more}"


def typed(text: pa.RecordBatch, columns: Columns, first_row: int = 0) -> pa.RecordBatch:
    """Return the batch that the first transform gets.

    Args:
        text: All of `columns.read`, as strings.
        columns: What each of them is.
        first_row: Position of the batch's first row in the whole input.

    Raises:
        BadRows: A label is not a number, an id is null, a number is none.
    """
    made = [_column(text.column(name), name, role) for name, role in columns.roles.items()]
    for role in columns.wanted:
        made.append(_extra(text, columns, role, first_row))
    return pa.RecordBatch.from_arrays(made, schema=columns.schema)


def _extra(text: pa.RecordBatch, columns: Columns, role: Role, first_row: int) -> pa.Array:
    if role is Role.ROW_TEXT:
        return _with_what_is_beside(row_text(text.select(columns.names)), text)
    if role is Role.TIME:
        return text.column(columns.time).dictionary_encode()
    return pa.array(np.arange(first_row, first_row + text.num_rows))


def row_text(text: pa.RecordBatch) -> pa.StringArray:
    """Return each row as it stood in the file: its cells joined by U+001F, a null being empty."""
    if text.num_columns == 1:
        return text.column(0).fill_null("")
    return pc.binary_join_element_wise(
        *text.columns, UNIT_SEPARATOR, null_handling="replace", null_replacement=""
    )


def _with_what_is_beside(texts: pa.StringArray, text: pa.RecordBatch) -> pa.StringArray:
    place = text.schema.get_field_index(BESIDE)
    if place < 0:
        return texts
    beside = pc.binary_join_element_wise("", text.column(place), UNIT_SEPARATOR)
    return pc.binary_join_element_wise(
        texts, beside, "", null_handling="replace", null_replacement=""
    )


def _column(cells: pa.StringArray, name: str, role: Role) -> pa.Array:
    if role is Role.ID and cells.null_count:
        raise BadRows(name, _nulls(cells), "an id")
    if role is Role.LABEL:
        if cells.null_count:
            raise BadRows(name, _nulls(cells), "a number, 0 or 1 for a click")
        return _numbers(cells, name, "a number, 0 or 1 for a click")
    return _numbers(cells, name, "a number") if role is Role.NUMERIC else cells


def _nulls(cells: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(cells.is_null().to_numpy(zero_copy_only=False), np.bool_)


def _numbers(cells: pa.StringArray, name: str, expected: str) -> pa.DoubleArray:
    try:
        numbers = pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:
        raise BadRows(name, _not_numbers(cells), expected) from None
    finite = pc.is_finite(numbers).fill_null(True)
    if not pc.all(finite).as_py() and len(cells):
        raise BadRows(name, ~finite.to_numpy(zero_copy_only=False), expected)
    return numbers


def _not_numbers(cells: pa.StringArray) -> npt.NDArray[np.bool_]:
    """Find the texts that are no finite number; look at each distinct one by itself."""
    dictionary = cells.dictionary_encode()
    bad = np.array([not _is_number(text) for text in dictionary.dictionary], np.bool_)
    missing = _nulls(cells)
    bad_cells: npt.NDArray[np.bool_] = bad.take(dictionary.indices.fill_null(0).to_numpy())
    return bad_cells & ~missing


def _is_number(text: pa.StringScalar) -> bool:
    try:
        return bool(np.isfinite(pc.cast(text, pa.float64()).as_py()))
    except pa.ArrowInvalid:
        return False
