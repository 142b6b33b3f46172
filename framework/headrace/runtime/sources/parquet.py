"""Parquet: columns of any flat type, turned into text; an empty text is a null, as in a CSV.

A text, or bytes, that is not UTF-8 makes its row a bad one. Lists, structs and whatever else is no
plain value are left out; to use one is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headrace.runtime.chain.columns import Columns
from headrace.runtime.chain.names import is_dropped
from headrace.runtime.errors import DataError
from headrace.runtime.hashing.lists import texts_of_lists
from headrace.runtime.shown import plain, quoted
from headrace.runtime.sources.base import BadRow, Block, Parsed, Portion, Reader
from headrace.runtime.sources.files import name_of
from headrace.runtime.spec import DatasetSpec

_LEAST_ROW_BYTES, _CELL_BYTES = 128, 4
"""Bytes that a row counts at least, as if it and its cells stood in a text file."""
_MOST_BYTES = 2**31 - 1
"""Of the texts of a column in one block; Arrow cuts where there are more."""
_INDEX = re.compile(r"__index_level_\d+__")
_SHOWN_BYTES = 40
_SHOWN_TYPE = 60


@dataclass(frozen=True)
class ParquetBlock(Block):
    """Some rows of a Parquet file."""

    file: Path
    first_row: int
    batch: pa.RecordBatch
    read: int
    row_bytes: float
    """Bytes of a row with all columns of the file, about."""
    used: frozenset[str]
    """Columns that are read for themselves; of the others, any bytes are part of a row's text."""

    @property
    def path(self) -> Path:
        """Return the file."""
        return self.file

    @property
    def consumed(self) -> int:
        """Return bytes of the file on disk read so far, in proportion to its rows."""
        return self.read

    @property
    def size(self) -> int:
        """Return bytes of the rows, about: a pass that reads fewer columns gets the same groups."""
        return int(self.batch.num_rows * self.row_bytes)

    def parse(self) -> Parsed:
        """Return every column as text, without the rows of which a cell is not UTF-8."""
        columns, bad, good = self._texts()
        batch = pa.RecordBatch.from_arrays(columns, self.batch.schema.names)
        if bad:
            batch = batch.filter(pa.array(good))
        return Parsed(batch, tuple(bad[row] for row in sorted(bad)))

    def lines_of(self, rows: Sequence[int]) -> list[int]:
        """Return the numbers, from 1, of some good rows in the file."""
        good = np.flatnonzero(self._good())
        return [self.first_row + int(good[row]) + 1 for row in rows]

    def named(self, line: int) -> str:
        """Return the name of the file and the number of the row."""
        return f"{name_of(self.path)}, row {line}"

    def _good(self) -> npt.NDArray[np.bool_]:
        """Return which rows are good."""
        return self._texts()[2]

    def _texts(self) -> tuple[list[pa.Array], dict[int, BadRow], npt.NDArray[np.bool_]]:
        """Return every column as text, the bad rows, and which rows are good."""
        columns, bad = [], dict[int, BadRow]()
        for name, column in zip(self.batch.schema.names, self.batch.columns, strict=True):
            try:
                columns.append(_text(column))
            except pa.ArrowInvalid:
                if name not in self.used and not pa.types.is_primitive(column.type):
                    columns.append(_escaped(column))
                else:
                    columns.append(_text(self._without_broken(name, column, bad)))
        good = np.ones(len(self.batch), np.bool_)
        good[list(bad)] = False
        return columns, bad, good

    def _without_broken(self, name: str, column: pa.Array, bad: dict[int, BadRow]) -> pa.Array:
        """Return the column with nulls for cells that cannot be text, whose rows are bad."""
        if pa.types.is_binary_view(column.type):  # Arrow cannot filter one
            column = column.cast(pa.large_binary())
        cells = column.dictionary_encode()
        values = [cells.dictionary.slice(place, 1) for place in range(len(cells.dictionary))]
        reasons = [_fault(value) for value in values]
        codes = cells.indices.fill_null(-1).to_numpy()
        faulty = np.array([*(reason is not None for reason in reasons), False])[codes]
        for row in np.flatnonzero(faulty).tolist():
            reason = f"column {quoted(name)}: {reasons[codes[row]]}"
            bad.setdefault(row, BadRow(self, partial(int, self.first_row + row + 1), reason))
        return column.filter(pa.array(~faulty)).take(_places_of(~faulty))


def _text(column: pa.Array) -> pa.StringArray:
    """Return a column as text.

    Raises:
        ArrowInvalid: A cell is not UTF-8.
    """
    if _is_list(column.type):
        return _joined(column)
    if pa.types.is_boolean(column.type):
        column = pc.if_else(column, "true", "false")
    text = column.cast(pa.string())
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_floating(kind):
        text = _with_point(text)
    if pa.types.is_decimal(kind):
        text = _without_exponent(text)
    text.validate(full=True)  # a text is believed to be UTF-8 when it is read
    empty = pc.equal(text, "")
    return pc.if_else(empty, None, text) if pc.any(empty).as_py() else text


def _joined(column: pa.Array) -> pa.StringArray:
    """Return lists as the texts of their elements, a mark in front of each."""
    return texts_of_lists(column, _text(column.flatten()).fill_null(""))


def _is_list(kind: pa.DataType) -> bool:
    """Return whether values are lists of plain values."""
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_kind(kind) for is_kind in kinds) and _is_plain(kind.value_type)


def _escaped(column: pa.Array) -> pa.StringArray:
    r"""Return bytes as text, those that are not UTF-8 as their numbers: ``\xff``."""
    cells = column.cast(pa.large_binary()).dictionary_encode()
    texts = [cell.decode("utf-8", "backslashreplace") for cell in cells.dictionary.to_pylist()]
    return _text(pa.array(texts, pa.string()).take(cells.indices))


def _with_point(text: pa.StringArray) -> pa.StringArray:
    """Return numbers with a point, as Python and Spark write them: ``1.0``, where Arrow has 1."""
    is_whole = pc.match_substring_regex(text, r"^-?\d+$")
    if not pc.any(is_whole).as_py():
        return text
    return pc.if_else(is_whole, pc.binary_join_element_wise(text, ".0", ""), text)


def _without_exponent(text: pa.StringArray) -> pa.StringArray:
    """Return decimals with all their digits: ``0.00000010``, where Arrow has 1.0E-7."""
    if not pc.any(pc.match_substring(text, "E")).as_py():
        return text
    cells = text.dictionary_encode()
    texts = [format(Decimal(cell), "f") for cell in cells.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(cells.indices)


def _fault(value: pa.Array) -> str | None:
    """Return why a single value cannot be text; None if it can."""
    try:
        _text(value)
    except pa.ArrowInvalid:
        if pa.types.is_primitive(value.type):
            return "the value cannot be written as text"
        return (
            f"the bytes {value.cast(pa.large_binary())[0].as_py()[:_SHOWN_BYTES]!r} are not UTF-8"
        )
    return None


def _places_of(good: npt.NDArray[np.bool_]) -> pa.Array:
    """Return where each good row stands among the good ones; null for the others."""
    return pa.array(np.cumsum(good) - 1, mask=~good)


def _names(schema: pa.Schema, path: Path, dataset: DatasetSpec) -> tuple[str, ...]:
    """Return the names of the file's columns, without those that are no plain values.

    One that ``dataset.drop`` names is there, whatever its type.

    Raises:
        DataError: A column that is used is no plain value.
    """
    fields = [
        field
        for field in schema
        if field.name in dataset.drop or not _is_index(field.name, dataset)
    ]
    names = [field.name for field in fields]
    nested = {
        name: field.type
        for name, field in zip(names, fields, strict=True)
        if not _is_plain(field.type)
        and not is_dropped(name, dataset)
        and not (name in dataset.lists and _is_list(field.type))
    }
    if nested:
        columns = Columns.of(names, dataset, name_of(path))
        for name in filter(columns.uses, nested):
            what = (
                f"column {quoted(name)} is no plain value ({plain(str(nested[name]), _SHOWN_TYPE)})"
            )
            raise DataError(f"{name_of(path)}: {what}; {columns.way_without(name)}")
    return tuple(name for name in names if name not in nested)


def _unread_names(schema: pa.Schema, dataset: DatasetSpec) -> tuple[str, ...]:
    return tuple(
        field.name
        for field in schema
        if not _is_plain(field.type) and not is_dropped(field.name, dataset)
    )


def _is_index(name: str, dataset: DatasetSpec) -> bool:
    """Return whether a column holds the index of a pandas table, and nobody asks for it."""
    named = (dataset.label, dataset.id, dataset.time, *dataset.numeric)
    return bool(_INDEX.fullmatch(name)) and name not in (*named, *(dataset.categorical or ()))


def _is_plain(kind: pa.DataType) -> bool:
    """Return whether a value is one that has a text."""
    try:
        pa.nulls(1, kind).cast(pa.string())  # looks for the time zone, too
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return not pa.types.is_nested(kind)


def parquet_blocks(portion: Portion, columns: Columns, size: int) -> Iterator[ParquetBlock]:
    """Read some row groups of a file, some rows at a time.

    Raises:
        DataError: The data is broken, or has not the rows that the file says.
    """
    path, wanted = portion.path, columns.read
    used = frozenset(filter(columns.uses, wanted))
    with _explained(path, "the Parquet data is broken"):
        file = _open(path)
        groups = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        chosen = range(file.num_row_groups)[portion.start : portion.end]
        rows, disk = max(1, sum(groups)), path.stat().st_size
        row_bytes = _row_bytes(file.metadata)
        first = sum(groups[: portion.start])
        end = first + sum(groups[group] for group in chosen)
        rows_at_once = max(1, int(size / row_bytes))
        batches = file.iter_batches(rows_at_once, list(chosen), list(wanted))
        for batch in _together(batches, rows_at_once):
            read = disk * (first + batch.num_rows) // rows
            yield ParquetBlock(path, first, batch.select(list(wanted)), read, row_bytes, used)
            first += batch.num_rows
    if first != end:
        what = f"the Parquet data is broken ({end - first:,} rows are missing)"
        raise DataError(f"{name_of(path)}: {what}")


def _row_bytes(about: pq.FileMetaData) -> float:
    """Return the bytes of a row, about: long texts take as many in the file, numbers fewer."""
    in_file = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
    cells = _CELL_BYTES * about.num_columns
    return float(max(_LEAST_ROW_BYTES, cells, in_file / max(1, about.num_rows)))


def _together(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Put together what Arrow cuts apart where a dictionary ends, as at the end of a row group.

    The blocks of a file are then the same whether a column of dictionaries is read or not.
    """
    pieces: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        pieces.append(batch)
        count += batch.num_rows
        if count >= rows:
            yield from _as_one(pieces)
            pieces, count = [], 0
    yield from _as_one(pieces)


def _as_one(pieces: Sequence[pa.RecordBatch]) -> Sequence[pa.RecordBatch]:
    if len(pieces) < 2:
        return pieces
    plain_pieces = [_decoded(piece) for piece in pieces]  # one dictionary may be too small for all
    if sum(piece.nbytes for piece in plain_pieces) > _MOST_BYTES:
        return pieces
    return [pa.concat_batches(plain_pieces)]


def _decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def bytes_of_groups(path: Path) -> list[int]:
    """Return the bytes of each row group, uncompressed.

    Raises:
        DataError: The file is not Parquet.
    """
    about = _open(path).metadata
    return [about.row_group(group).total_byte_size for group in range(about.num_row_groups)]


def _schema(path: Path) -> pa.Schema:
    with _explained(path, "is no Parquet file, or is cut short"):
        schema = _open(path).schema_arrow
        schema.names  # noqa: B018 - looks whether they are text
    return schema


def _open(path: Path) -> pq.ParquetFile:
    if not path.stat().st_size:
        raise DataError(f"{name_of(path)}: the file is empty")
    with _explained(path, "is no Parquet file, or is cut short"):
        return pq.ParquetFile(path)


@contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    """Turn what Arrow raises for a broken file into a `DataError`."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(f"{name_of(path)}: the name of a column is not UTF-8") from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name_of(path)}: {what} ({plain(str(error))})") from error


class ParquetReader(Reader):
    """Row groups of columns."""

    def names(self, path: Path, dataset: DatasetSpec) -> tuple[str, ...]:
        """Return the names in the file's own schema."""
        return _names(_schema(path), path, dataset)

    def index_names(self, path: Path, dataset: DatasetSpec) -> tuple[str, ...]:
        """Return the names that pandas gives to an index without one."""
        return tuple(name for name in _schema(path).names if _is_index(name, dataset))

    def unread_names(self, path: Path, dataset: DatasetSpec) -> tuple[str, ...]:
        """Return the names of nested columns, which nobody asks for."""
        return _unread_names(_schema(path), dataset)

    def blocks(
        self, portion: Portion, dataset: DatasetSpec, columns: Columns, size: int
    ) -> Iterator[Block]:
        """Yield some rows of a row group at a time."""
        path, schema = portion.path, _schema(portion.path)
        names, unread = _names(schema, path, dataset), _unread_names(schema, dataset)
        columns.refuse_other(names, name_of(path), unread)
        yield from parquet_blocks(portion, columns, size)

    def cut(self, path: Path, size: int) -> list[tuple[Portion, int]]:
        """Return row groups that are together about as large as `size`."""
        groups = bytes_of_groups(path)
        if sum(groups) <= size:
            return [(Portion(path), sum(groups))]
        ends = [0, *accumulate(groups)]
        # A group goes to the piece in which its middle lies.
        homes = [(begin + end) // 2 // size for begin, end in pairwise(ends)]
        edges = [place for place, home in enumerate(homes) if not place or homes[place - 1] != home]
        pieces = zip(edges, [*edges[1:], len(groups)], strict=True)
        return [(Portion(path, *edge), sum(groups[slice(*edge)])) for edge in pieces]

    def totals(self, path: Path) -> tuple[int, int]:
        """Return what the file's footer says."""
        metadata = pq.read_metadata(path)
        groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
        return metadata.num_rows, sum(group.total_byte_size for group in groups)
