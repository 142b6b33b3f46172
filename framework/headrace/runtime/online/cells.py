"""Cells of a row of a model server, as the text that would stand in the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from headrace.runtime.chain.bad_rows import shown_cell
from headrace.runtime.chain.columns import Columns
from headrace.runtime.chain.names import suggest
from headrace.runtime.chain.typed import typed
from headrace.runtime.errors import BadRows, RowError
from headrace.runtime.hashing.lists import text_of_list
from headrace.runtime.online.texts import Texts
from headrace.runtime.sources.cleaning import Cleaning
from headrace.runtime.transform import Role

Row = Mapping[str, Any]
PIECE = 1000
"""Rows whose texts stay in the processor's cache while they are joined."""


class Cells:
    """Puts rows together to batches for the first step.

    A text is the text that stands in the file, an integer stands for its decimal digits, ``True``
    and ``False`` for ``true`` and ``false``, ``None`` and the empty text for an empty cell. A float
    is a number in a numeric column; in any other it is refused, for 0.5 may be written in
    many ways, each of which is a value of its own.

    Args:
        columns: The features, and the names of all columns that a row may have.
        cleaning: What was done to the cells of the job's input.
        absent_is_null: Whether a key that is not there is an empty cell, and no mistake.
    """

    def __init__(self, columns: Columns, cleaning: Cleaning, *, absent_is_null: bool) -> None:
        self.columns = columns
        self._cleaning = cleaning
        self._features = frozenset(columns.roles)
        self._absent_is_null = absent_is_null
        self._known = frozenset(columns.names)
        self._nothing = dict.fromkeys(columns.roles)
        self._each_column = [(role, name in columns.lists) for name, role in columns.roles.items()]
        # One name more than needed: of a single one, the cell alone would come.
        self._cells_of = itemgetter(*columns.roles, next(iter(columns.roles)))

    def batch(self, rows: Sequence[Row]) -> pa.RecordBatch:
        """Return the rows, typed.

        Raises:
            RowError: A key is missing or unknown, a value cannot stand in a cell, or should be a
                number and is none.
        """
        text = self._joined_batch(rows)
        text = self._checked_batch(rows) if text is None else text
        try:
            return typed(text, self.columns)
        except BadRows as bad:
            raise row_error(bad, text) from None

    def texts(self, rows: Sequence[Row]) -> list[str] | None:
        """Return the cells of all rows, column by column, a null being empty.

        None if a row is not as usual, for `batch` to look at.
        """
        cells = self._cells(rows)
        if cells is None or (not self._cleaning.is_needed and set(map(type, cells)) == {str}):
            return cells
        return self._as_texts(cells, len(rows))

    def joined(self, rows: Sequence[Row]) -> Texts | None:
        """Return the same one behind the other; rows are best given `PIECE` at a time."""
        cells = self._cells(rows)
        if cells is not None and not self._cleaning.is_needed:
            try:
                return Texts.of(cells)
            except TypeError:
                pass
        texts = None if cells is None else self._as_texts(cells, len(rows))
        return None if texts is None else Texts.of(texts)

    def _cells(self, rows: Sequence[Row]) -> list[Any] | None:
        """Return the cells of all rows as they are, column by column."""
        if set(map(type, rows)) != {dict}:
            return None
        are_features = set(map(len, rows)) == {len(self._features)}
        if not (are_features or all(row.keys() <= self._known for row in rows)):
            return None
        if self._absent_is_null and not are_features:
            rows = [{**self._nothing, **row} for row in rows]
        try:
            cells = [*chain.from_iterable(zip(*map(self._cells_of, rows), strict=True))]
        except KeyError:
            return None
        del cells[-len(rows) :]
        return cells

    def _as_texts(self, cells: Sequence[Any], rows: int) -> list[str] | None:
        try:
            texts = [
                cell
                if type(cell) is str
                else ""
                if cell is None
                else self._text(cell, place // rows)
                for place, cell in enumerate(cells)
            ]
        except ValueError:
            return None
        return [*map(self._cleaning.text, texts)] if self._cleaning.is_needed else texts

    def _text(self, cell: Any, column: int) -> str:
        role, may_be_list = self._each_column[column]
        return _text(_listed(cell) if may_be_list else cell, role) or ""

    def _joined_batch(self, rows: Sequence[Row]) -> pa.RecordBatch | None:
        """Return the cells of all rows as texts; None if a row is not as usual."""
        names, pieces = list(self.columns.roles), []
        for start in range(0, len(rows), PIECE):
            texts = self.joined(rows[start : start + PIECE])
            if texts is None:
                return None
            pieces.append(texts.columns(len(names)))
        if not pieces:
            return None
        columns = (
            pieces[0] if len(pieces) == 1 else map(pa.concat_arrays, zip(*pieces, strict=True))
        )
        return pa.RecordBatch.from_arrays([*columns], names)

    def _checked_batch(self, rows: Sequence[Row]) -> pa.RecordBatch:
        for position, row in enumerate(rows):
            self._check(position, row)
        made = [self._column(name, role, rows) for name, role in self.columns.roles.items()]
        text = pa.RecordBatch.from_arrays(made, list(self.columns.roles))
        return self._cleaning.cleaned(text) if self._cleaning.is_needed else text

    def _check(self, position: int, row: Row) -> None:
        if type(row) is not dict and not isinstance(row, Mapping):
            raise TypeError(f"a row should be a dict, column → value (got {type(row).__name__})")
        keys = row.keys()
        if keys == self._features:
            return
        for name in self.columns.roles if not self._absent_is_null else ():
            if name not in keys:
                raise RowError(position, name, "the key is missing; give None for an empty cell")
        for name in keys - self._known:
            if isinstance(name, str) and self.columns.ignores(name):
                continue
            what = f"no such column; {suggest(str(name), list(self.columns.roles))}"
            raise RowError(position, str(name), what)

    def _column(self, name: str, role: Role, rows: Sequence[Row]) -> pa.StringArray:
        cells = [row.get(name) for row in rows]
        may_be_lists = name in self.columns.lists
        try:
            if may_be_lists:
                cells = [_listed(cell) for cell in cells]
            # The usual case first, and without a call: this is done for every cell.
            texts = [(cell or None) if type(cell) is str else _text(cell, role) for cell in cells]
            return pa.array(texts, pa.string())
        except ValueError:
            raise _blamed(name, role, cells, may_be_lists) from None


def row_error(bad: BadRows, batch: pa.RecordBatch) -> RowError:
    """Return the first of the rows that a step calls bad."""
    row = int(np.flatnonzero(bad.mask)[0])
    got = shown_cell(batch, bad.column, row)
    return RowError(row, bad.column, f"expected {bad.expected}, got {got}")


def _blamed(name: str, role: Role, cells: Sequence[Any], may_be_lists: bool) -> RowError:
    """Find out which of the cells it was."""
    for position, cell in enumerate(cells):
        try:
            pa.array([_text(_listed(cell) if may_be_lists else cell, role)], pa.string())
        except UnicodeEncodeError:
            return RowError(position, name, f"the text is not valid Unicode ({cell!r:.60})")
        except ValueError as error:
            return RowError(position, name, str(error))
    raise AssertionError(f"every cell of {name!r} is right by itself")


def _listed(cell: Any) -> Any:
    """Return a list as the readers do: the texts of its elements, a mark in front of each."""
    if not isinstance(cell, list | tuple | np.ndarray):
        return cell
    return text_of_list([_text(each, Role.CATEGORICAL) or "" for each in cell])


def _text(cell: Any, role: Role) -> str | None:
    if isinstance(cell, np.generic):
        cell = cell.item()
    if cell is None:
        return None
    if isinstance(cell, str):
        return str.__str__(cell) or None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int):
        return str(int(cell))
    if not isinstance(cell, float):
        raise ValueError(f"a {type(cell).__name__} is no cell; give a text, a number or None")
    if role is not Role.NUMERIC:
        raise ValueError(f"give the text that stands in the file, not the float {cell!r}")
    return repr(float(cell))
