"""The errors that a user can mend.

    HeadraceError                  shown without a traceback; anything else is a bug and keeps it
    ├── ConfigError                status 2: the configuration is wrong   (headrace/errors.py)
    ├── PluginError                status 2: a transform plugin breaks its contract
    ├── DataError                  status 1: the data is not what the configuration says
    │   ├── ColumnError            status 2: it names columns that the first file's header has not
    │   └── RowError               a row given to `headrace.load`'s transformer cannot be used
    └── JobFailed                  status 1: the job ended without a result (headrace/errors.py)

`BadRows` is how a reader or a transform points at rows; the runtime turns it into a `DataError`
that names file, line and column, or drops the rows, as ``dataset.on_bad_rows`` decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RAISED_BY = "raised by transform.steps."
"""Begins the note of an error that is a bug of a step."""


class HeadraceError(Exception):
    """Something that the user can mend. Its text says what, where, and what would be right."""

    exit_status = 1


class PluginError(HeadraceError):
    """A transform plugin that cannot be imported, built or trusted."""

    exit_status = 2


class DataError(HeadraceError):
    """Input that is not what the configuration says it is."""


class ColumnError(DataError):
    """Columns that the configuration names are not those of the first file: known from a header."""

    exit_status = 2


class RowError(DataError):
    """A row that cannot be hashed, as a single one of a model server.

    Args:
        row: Its position among the rows that were given, from 0; None where it was alone.
        column: Name of the column at fault.
        what: What is wrong and what would be right.
    """

    def __init__(self, row: int | None, column: str, what: str) -> None:
        place = "the row" if row is None else f"rows[{row}]"
        super().__init__(f"{place}, column {column!r}: {what}")
        self.row = row
        self.column = column
        self.what = what

    def __reduce__(self) -> tuple[type[RowError], tuple[int | None, str, str]]:
        return type(self), (self.row, self.column, self.what)


class BadRows(Exception):
    """Some rows of a batch cannot be used.

    Args:
        column: Name of the column at fault.
        mask: Booleans, shape (rows of the batch,): true where the row is bad.
        expected: What would have been right, as in "a number".
        way: What to do about it, if a setting could.
    """

    def __init__(
        self, column: str, mask: npt.NDArray[np.bool_], expected: str, way: str = ""
    ) -> None:
        super().__init__(f"column {column!r}: expected {expected}")
        self.column = column
        self.mask = mask
        self.expected = expected
        self.way = way
