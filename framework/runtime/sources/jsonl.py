"""JSON lines: one object a line. Numbers stay the text that they are in the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from framework.runtime.columns import Columns
from framework.runtime.errors import DataError
from framework.runtime.sources.base import BadRow, Parsed, Portion
from framework.runtime.sources.blocks import LinesBlock, blocks

_SAMPLED_ROWS = 1000
_SAMPLED_BYTES = 1 << 20


def read_names(path: Path, *, skip_bad_rows: bool = False) -> tuple[str, ...]:
    """The keys of the first 1,000 rows, in the order in which they first appear.

    Args:
        path: The file.
        skip_bad_rows: Do not count rows that are no JSON object.

    Raises:
        DataError: The file is empty, or one of these rows is no JSON object.
    """
    names: dict[str, None] = {}
    seen = 0
    for data in blocks(Portion(path), _SAMPLED_BYTES):
        for number, line in _lines(data.data):
            try:
                names |= dict.fromkeys(_parsed(line))
            except ValueError as error:
                if skip_bad_rows:
                    continue
                place = f"{path.name}, line {data.first_line() + number}"
                raise DataError(f"{place}: {error}") from error
            seen += 1
            if seen == _SAMPLED_ROWS:
                return tuple(names)
    if not seen:
        raise DataError(f"{path.name}: the file is empty")
    return tuple(names)


def json_blocks(portion: Portion, columns: Columns, size: int) -> Iterator[JsonLinesBlock]:
    """Cut a portion of a file into blocks that can be parsed on their own."""
    for data in blocks(portion, size):
        yield JsonLinesBlock(data, columns.names, columns.read, columns.closed)


@dataclass(frozen=True)
class JsonLinesBlock(LinesBlock):
    """Some lines of a JSON lines file. ``closed``: a key that is not in `names` is an error."""

    closed: bool

    def parse(self) -> Parsed:
        """The block's rows; an absent key is a null."""
        cells: dict[str, list[str | None]] = {name: [] for name in self.wanted}
        bad: list[BadRow] = []
        for number, line in _lines(self.bytes.data):
            try:
                row = self._row(_parsed(line))
            except ValueError as error:
                bad.append(BadRow(partial(self.line, number), str(error)))
                continue
            for name, column in cells.items():
                column.append(row[name])
        columns = [pa.array(column, pa.string()) for column in cells.values()]
        return Parsed(pa.RecordBatch.from_arrays(columns, list(cells)), tuple(bad))

    def place(self, row: int) -> str:
        """Name of the file and number of the line."""
        for position, (number, _) in enumerate(_lines(self.bytes.data)):
            if position == row:
                return self.line(number)
        raise IndexError(row)

    def _row(self, values: dict[str, Any]) -> dict[str, str | None]:
        if self.closed and not values.keys() <= set(self.names):
            new = next(key for key in values if key not in self.names)
            raise ValueError(
                f"key {new!r} does not stand in the first {_SAMPLED_ROWS} rows; "
                "name the columns in dataset.categorical"
            )
        return {name: _text(name, values.get(name)) for name in self.wanted}


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Position and content of each line that is not blank."""
    for number, line in enumerate(data.split(b"\n")):
        if line.strip():
            yield number, line


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except UnicodeDecodeError as error:
        raise ValueError("the line is not UTF-8") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"the line is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ValueError("the line is not a JSON object")
    return value


def _text(name: str, value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise ValueError(f"key {name!r}: a list or an object is no cell")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"key {name!r}: the text is not valid Unicode") from error
    return value
