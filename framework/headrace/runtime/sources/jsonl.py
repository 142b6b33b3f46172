"""JSON lines: one object a line. Numbers stay the text that they are in the file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from headrace.runtime.chain.columns import BESIDE, Columns
from headrace.runtime.chain.names import is_pattern
from headrace.runtime.errors import DataError
from headrace.runtime.hashing.lists import text_of_list
from headrace.runtime.shown import quoted
from headrace.runtime.sources.base import BadRow, Block, Parsed, Portion, Reader
from headrace.runtime.sources.blocks import Bytes, LinesBlock, blocks, lines_in
from headrace.runtime.sources.files import (
    RIGHT_ENCODING,
    name_of,
    opened,
    refuse_parquet,
    refuse_wide,
)
from headrace.runtime.spec import DatasetSpec

_SAMPLED_ROWS = 1000
_SAMPLED_BYTES = 1 << 20


def read_names(path: Path, dataset: DatasetSpec) -> tuple[str, ...]:
    """Return the keys of the first 1,000 rows, in the order in which they first appear.

    Behind them come those that ``dataset.categorical`` and ``dataset.numeric`` name beside: a key
    may come later, or be in another file.

    Args:
        path: The file.
        dataset: Which columns are used, and whether rows that are no JSON object count.

    Raises:
        DataError: The file is empty, or one of these rows is no JSON object.
    """
    names: dict[str, None] = {}
    seen = 0
    for number, line, data in _sampled_lines(path, dataset):
        try:
            names |= dict.fromkeys(_names_of(_parsed(line), strict=dataset.categorical is None))
        except ValueError as error:
            if not (data.start or number):
                _refuse_other_kinds(path, data.data)
            if dataset.skips_bad_rows:
                continue
            place = f"{name_of(path)}, line {data.first_line() + number}"
            raise DataError(f"{place}: {error}") from error
        seen += 1
        if seen == _SAMPLED_ROWS:
            break
    if not seen:
        raise DataError(f"{name_of(path)}: the file is empty")
    named = [*(dataset.categorical or ()), *dataset.numeric]
    return tuple(names | dict.fromkeys(name for name in named if not is_pattern(name)))


@dataclass(frozen=True)
class JsonLinesBlock(LinesBlock):
    """Some lines of a JSON lines file."""

    columns: Columns

    def parse(self) -> Parsed:
        """Return the block's rows; an absent key is a null."""
        rows: list[list[str | None]] = []
        beside: list[str | None] = []
        bad: list[BadRow] = []
        for number, line in _lines(self.bytes.data):
            try:
                row, rest = self._row(_parsed(line))
            except ValueError as error:
                bad.append(BadRow(self, partial(self.line_number, number), str(error)))
                continue
            rows.append(row)
            beside.append(rest)
        by_name = dict(zip(self.wanted, zip(*rows, strict=True), strict=True)) if rows else {}
        made = {name: pa.array(by_name.get(name, ()), pa.string()) for name in self.wanted}
        if any(beside):
            made[BESIDE] = pa.array(beside, pa.string())
        return Parsed(pa.RecordBatch.from_arrays(list(made.values()), list(made)), tuple(bad))

    def lines_of(self, rows: Sequence[int]) -> list[int]:
        """Return the lines, from 1, on which some good rows of the block begin."""
        lines = list(islice(self._good_lines(), rows[-1] + 1)) if rows else []
        return [self.line_number(lines[row]) for row in rows]

    def _good_lines(self) -> Iterator[int]:
        for number, line in _lines(self.bytes.data):
            with suppress(ValueError):
                self._row(_parsed(line))
                yield number

    def _row(self, values: dict[str, Any]) -> tuple[list[str | None], str | None]:
        """Return the wanted cells, and what else the row's text has to tell, if wanted."""
        rest = {}
        if not values.keys() <= self.columns.known:
            rest = self._unknown(values)
        cells = []
        for name in self.wanted:
            value = values.get(name)
            if type(value) is list and name in self.columns.lists:
                value = _joined(value)
            if type(value) is not str or not value.isascii():
                try:
                    value = _text(value)
                except ValueError as error:
                    if self.columns.uses(name):
                        raise ValueError(
                            f"key {quoted(name)}: {error}{self._hint(value, name)}"
                        ) from None
                    rest[name], value = value, None
            cells.append(value or None)
        return cells, _canonical(rest) if rest and self.columns.wants_row_text else None

    def _unknown(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values whose keys none of the first rows has, unless each key is a column."""
        columns = self.columns
        unknown = {
            key: value
            for key, value in values.items()
            if key not in columns.known and not columns.ignores(key)
        }
        for key in _names_of(unknown, strict=columns.takes_all):
            if columns.takes(key):
                raise ValueError(
                    f"key {quoted(key)} does not stand in the first {_SAMPLED_ROWS} rows; "
                    "name the columns in dataset.categorical"
                )
        return unknown

    def _hint(self, value: Any, name: str) -> str:
        return "" if isinstance(value, str) else f"; {self.columns.way_without(name)}"


def _sampled_lines(path: Path, dataset: DatasetSpec) -> Iterator[tuple[int, bytes, Bytes]]:
    longest, encoding = dataset.max_line_bytes, dataset.encoding
    for data in blocks(Portion(path), _SAMPLED_BYTES, longest, encoding=encoding):
        for number, line in _lines(data.data):
            yield number, line, data


def _refuse_other_kinds(path: Path, start: bytes) -> None:
    """Raise a `DataError` if a file whose first line is no JSON is of another kind."""
    refuse_wide(path, start)
    with opened(path) as (_, file):
        refuse_parquet(path, file)


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield position and content of each line that is not blank."""
    number = 0
    for line in data.split(b"\n"):
        if line.strip():
            yield number, line
        number += 1 if b"\r" not in line else lines_in(line + b"\n")


class _Twins(dict[str, Any]):
    """An object in which a key stands twice."""

    key = ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    twins = _Twins(made)
    [(twins.key, _)] = Counter(key for key, _ in pairs).most_common(1)
    return twins


_FROM_LIST = "if the file is one list of objects, jq -c '.[]' FILE writes each on a line of its own"
_NO_CR = "a CR alone is a blank in JSON, so end each line with LF"
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=str
)


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        value = _DECODER.decode(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"the line is not UTF-8; {RIGHT_ENCODING}") from error
    except json.JSONDecodeError as error:
        way = f"; {_FROM_LIST}" if line.strip() == b"[" else ""
        way = f"; {_NO_CR}" if b"\r" in line.strip() else way
        raise ValueError(f"the line is not JSON ({error}){way}") from error
    except RecursionError as error:
        raise ValueError("the line is nested too deeply") from error
    if not isinstance(value, dict):
        what = "the line is not a JSON object"
        is_all = isinstance(value, list) and any(isinstance(each, dict) for each in value)
        raise ValueError(f"{what}; {_FROM_LIST}" if is_all else what)
    if isinstance(value, _Twins):
        raise ValueError(f"key {quoted(value.key)} stands twice")
    return value


def _names_of(values: dict[str, Any], *, strict: bool) -> Iterator[str]:
    """Yield the keys that can name a column; one that cannot is an error if each has to."""
    for key in values:
        if _is_unicode(key):
            yield key
        elif strict:
            raise ValueError(f"key {quoted(key)}: the name is not valid Unicode")


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None if value is None else "true" if value else "false"
    if not isinstance(value, str):
        raise ValueError("a list or an object is no cell")
    if not _is_unicode(value):
        raise ValueError("the text is not valid Unicode")
    return value


def _joined(values: list[Any]) -> Any:
    """Return a list as the text of its elements; itself if one is a list or an object."""
    try:
        return text_of_list([_text(each) or "" for each in values])
    except ValueError:
        return values


def _is_unicode(text: str) -> bool:
    """Return whether there is no half of a surrogate pair in it, which JSON can escape."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _canonical(values: dict[str, Any]) -> str:
    """Return one text for equal values, whatever their order; ASCII, which may hold any text."""
    try:
        return json.dumps(values, sort_keys=True)
    except RecursionError as error:
        raise ValueError("the line is nested too deeply") from error


class JsonLinesReader(Reader):
    """A JSON object in each line."""

    has_lines = True
    has_all_names = False

    def names(self, path: Path, dataset: DatasetSpec) -> tuple[str, ...]:
        """Return the keys of the first lines."""
        return read_names(path, dataset)

    def blocks(
        self, portion: Portion, dataset: DatasetSpec, columns: Columns, size: int
    ) -> Iterator[Block]:
        """Yield whole lines."""
        for data in blocks(
            portion,
            size,
            dataset.max_line_bytes,
            encoding=dataset.encoding,
            counted=dataset.skips_bad_rows,
        ):
            yield JsonLinesBlock(data, columns.names, columns.read, columns)
