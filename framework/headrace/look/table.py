"""From a sample to a table of texts, with the keys of the configuration that read it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from headrace.errors import ConfigError, Problem
from headrace.look import sample as samples
from headrace.look.cells import NUMBER
from headrace.look.columns import Column, nulls_in
from headrace.look.dialect import QUOTE, Dialect, Layout, Row, layout_of, rows_of
from headrace.look.encoding import UTF8, Encoding, decoded, encoding_of
from headrace.look.header import has_header
from headrace.look.sample import Sample
from headrace.runtime.chain.columns import Columns
from headrace.runtime.shown import listed, quoted
from headrace.runtime.sources.base import Block, Portion
from headrace.runtime.sources.readers import reader_of
from headrace.runtime.spec import DatasetSpec

ROWS = 10_000
CELLS = 2_000_000
"""In all columns together."""
_DELIMITERS = {"csv": ",", "tsv": "\t"}
_DIALECT_KEYS = ("delimiter", "quote", "escape", "comment", "trim")


@dataclass(frozen=True)
class Table:
    """The first rows.

    Attributes:
        columns: Their columns.
        rows: How many rows there are in the sample.
        settings: Keys of ``dataset`` that are not as they are by default.
        facts: What was found, as name and text.
        notes: What is odd about the rows.
    """

    columns: list[Column]
    rows: int
    settings: dict[str, Any]
    facts: list[tuple[str, str]]
    notes: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)


def table_of(sample: Sample, given: Mapping[str, Any]) -> Table:
    """Return the table that a sample holds.

    Args:
        sample: The beginning of a file.
        given: Keys of ``dataset`` that are known.

    Raises:
        ConfigError: It is no table.
        DataError: It cannot be read.
    """
    if sample.format is not None:
        return _by_reader(sample, sample.format)
    return _delimited(sample, given)


def _by_reader(sample: Sample, format_name: str) -> Table:
    """Return a table in a format that tells its columns itself, as its reader reads it."""
    reader = reader_of(format_name)
    names, nested = _plain_names(sample, format_name)
    spec = DatasetSpec(format=format_name, categorical=names)
    columns = Columns.of(reader.names(sample.path, spec), spec, sample.name)
    blocks = reader.blocks(Portion(sample.path), spec, columns, samples.BYTES // 4)
    rows = _first_of(blocks, _most_rows(len(names)))
    if rows is None:
        raise ConfigError([Problem(samples.WHERE, f"{quoted(sample.name)} has no rows")])
    settings: dict[str, Any] = {}
    if sample.format_by_name != format_name:
        settings["format"] = format_name
    made = [Column.of(name, rows.column(name).to_pylist()) for name in columns.read]
    notes = [f"columns of no plain values, left out: {listed(nested)}"] if nested else []
    if nested:
        settings["drop"] = list(nested)
    named = {"parquet": "Parquet", "jsonl": "JSON lines"}.get(format_name, format_name)
    return Table(made, rows.num_rows, settings, [("format", named)], notes)


def _first_of(blocks: Iterator[Block], most: int) -> pa.Table | None:
    """Return the first rows of some blocks, None if there are none."""
    batches: list[pa.RecordBatch] = []
    for block in blocks:
        batches.append(block.parse().batch)
        if sum(batch.num_rows for batch in batches) >= most:
            break
    return pa.Table.from_batches(batches).slice(0, most) if batches else None


def _plain_names(sample: Sample, format_name: str) -> tuple[tuple[str, ...], list[str]]:
    """Return the names of the columns that have a text, and of those that have none."""
    if format_name != samples.PARQUET:
        names = tuple(reader_of(format_name).names(sample.path, DatasetSpec()))
        nested = _nested_keys(sample.data)
        return tuple(name for name in names if name not in nested), [*nested]
    import pyarrow.parquet as pq

    plain = reader_of(format_name).names(sample.path, DatasetSpec(categorical=()))
    every = pq.read_schema(sample.path).names
    return plain, [name for name in every if name not in plain]


def _nested_keys(content: bytes) -> dict[str, None]:
    """Return the keys of JSON lines that hold a list or an object."""
    found: dict[str, None] = {}
    for line in content.splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue  # told by who reads the rows
        if isinstance(row, dict):
            values = row.items()
            found |= dict.fromkeys(key for key, value in values if isinstance(value, dict | list))
    return found


def _most_rows(width: int) -> int:
    return max(1, min(ROWS, CELLS // max(width, 1)))


def _delimited(sample: Sample, given: Mapping[str, Any]) -> Table:
    encoding = encoding_of(sample.data, is_whole=sample.is_whole)
    if "encoding" in given:
        encoding = Encoding(given["encoding"], "as given")
    text = _whole_lines(decoded(sample.data, encoding.name), is_whole=sample.is_whole)
    _refuse_binary(sample, text)
    dialect, known = _known(given)
    layout = layout_of(text, dialect, known)
    if not layout.rows:
        raise ConfigError([Problem(samples.WHERE, f"{quoted(sample.name)} has no rows")])
    head = _head_of(layout, given)
    body = layout.rows[head.rows :]
    good = [row.cells for row in body if len(row.cells) == layout.width][: _most_rows(layout.width)]
    odd = _odd_rows(body, layout.width)
    notes = [*head.notes, *odd, *_blanks_between(layout)]
    settings: dict[str, Any] = {}
    settings |= _format_keys(sample, layout.dialect)
    if encoding.name != UTF8:
        settings["encoding"] = encoding.name
    settings |= _dialect_keys(layout.dialect)
    settings |= head.settings
    texts = [list(cells) for cells in zip(*good, strict=True)] or [[] for _ in head.names]
    nulls = given.get("nulls") or nulls_in(texts)
    if nulls:
        settings["nulls"] = [text for text in nulls if text]
    if odd:
        settings["on_bad_rows"] = "skip"
    missing = {"", *nulls}
    columns = [
        Column.of(name, [None if cell in missing else cell for cell in cells])
        for name, cells in zip(head.names, texts, strict=True)
    ]
    facts = _facts(layout, encoding, head)
    return Table(columns, len(good), settings, facts, notes, head.unnamed)


def _whole_lines(text: str, *, is_whole: bool) -> str:
    """Return the text without the line that was cut off at its end."""
    if is_whole:
        return text
    end = max(text.rfind("\n"), text.rfind("\r"))
    return text[: end + 1] if end > 0 else text


def _refuse_binary(sample: Sample, text: str) -> None:
    start = text[:4096]
    odd = sum(ord(each) < 32 and each not in "\t\n\r\x0c\x01\x02\x1f\x1e\x1b" for each in start)
    if odd > max(len(start) * 0.02, 8):
        what = f"{quoted(sample.name)} is no text; save it as CSV or Parquet"
        raise ConfigError([Problem(samples.WHERE, what)])


def _known(given: Mapping[str, Any]) -> tuple[Dialect, list[str]]:
    known = {key: given[key] for key in _DIALECT_KEYS if key in given}
    return Dialect(**known), list(known)


@dataclass(frozen=True)
class _Head:
    """Names of the columns.

    Attributes:
        names: The names.
        rows: Rows of the table that they took, 0 or 1.
        settings: Keys of the configuration that say so.
        notes: What is odd about them.
        said: Where they come from, for a person.
        unnamed: Those that the file gives no name, or twice the same.
    """

    names: list[str]
    rows: int
    settings: dict[str, Any]
    said: str
    notes: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)


def _head_of(layout: Layout, given: Mapping[str, Any]) -> _Head:
    cells, skip = [row.cells for row in layout.rows], _lines_before(layout)
    settings: dict[str, Any] = {"skip_lines": skip} if skip else {}
    if given.get("columns"):
        names = list(given["columns"])
        return _Head(names, 0, {**settings, "columns": names}, "as given")
    is_header = given.get("header")
    title = layout.before[-1] if layout.before else None
    if is_header is None and title is not None and _is_short_header(title, layout):
        return _short_header(title, layout)
    if is_header is None and len(cells) > 1 and _is_title(cells[0], cells[1:]):
        titled = Layout(
            layout.dialect,
            layout.rows[1:],
            layout.width,
            [*layout.before, layout.rows[0]],
            layout.comments,
        )
        head = _head_of(titled, given)
        return _Head(head.names, head.rows + 1, head.settings, head.said, head.notes, head.unnamed)
    if is_header is None:
        is_header = has_header([row for row in cells if len(row) == layout.width])
    if is_header:
        return _named(layout, settings)
    if in_comment := _names_in_comment(layout):
        return _Head(in_comment, 0, {**settings, "columns": in_comment}, "the last comment")
    made = [f"c{index}" for index in range(layout.width)]
    return _Head(made, 0, {**settings, "header": False}, "none; made")


def _lines_before(layout: Layout) -> int:
    """Return how many lines stand before the table that are neither blank nor comments."""
    return layout.rows[0].line if layout.before else 0


def _named(layout: Layout, settings: Mapping[str, Any]) -> _Head:
    names = list(layout.rows[0].cells)
    counts = Counter(names)
    gaps = [index for index, name in enumerate(names) if not name]
    twins = [name for name, count in counts.items() if name and count > 1]
    if not twins and not gaps:
        return _Head(names, 1, dict(settings), "the first row")
    if gaps == [0] and not twins:  # what pandas writes for its index, which the reader leaves out
        note = "the first column has no name; it is left out"
        return _Head(["", *names[1:]], 1, dict(settings), "the first row", [note])
    renamed = _renamed(names)
    odd = [new for old, new in zip(names, renamed, strict=True) if old != new]
    keys = {**settings, "header": True, "columns": renamed}
    what = "columns without a name" if not twins else f"the header names {listed(twins)} twice"
    note = f"{what}; named here: {listed(odd)}"
    return _Head(renamed, 1, keys, "the first row, renamed", [note], odd)


def _renamed(names: Sequence[str]) -> list[str]:
    """Return names that are all there and all different."""
    taken, made = set(names), list[str]()
    for index, name in enumerate(names):
        base = name or f"c{index}"
        fresh, number = base, 2
        while (fresh in taken and not (fresh == name and fresh not in made)) or fresh in made:
            fresh, number = f"{base}_{number}", number + 1
        made.append(fresh)
    return made


def _is_short_header(title: Row, layout: Layout) -> bool:
    """Return whether the row before the table names all columns but the first, as R writes it.

    Or all but the last, where each row ends with a delimiter.
    """
    if len(title.cells) != layout.width - 1 or title.line + 1 < layout.rows[0].line:
        return False
    names = ["row", *title.cells]
    rows = [row.cells for row in layout.rows if len(row.cells) == layout.width]
    return all(title.cells) and has_header([names, *rows]) and not has_header(rows)


def _short_header(title: Row, layout: Layout) -> _Head:
    is_last_empty = not any(row.cells[-1] for row in layout.rows if len(row.cells) == layout.width)
    names = [*title.cells, "rest"] if is_last_empty else ["row", *title.cells]
    names = _renamed(names)
    keys = {"skip_lines": title.end, "header": False, "columns": names}
    which = "last" if is_last_empty else "first"
    note = f"the header has no name for the {which} column"
    return _Head(names, 0, keys, "the first row", [note])


def _is_title(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Return whether a row is a title, padded with empty cells as a spreadsheet writes it."""
    filled = [cell for cell in first if cell.strip()]
    if len(filled) > max(1, len(first) // 3) or len(first) < 3 or not first[0].strip():
        return False
    return all(others[0]) and has_header(list(others))


def _names_in_comment(layout: Layout) -> list[str] | None:
    """Return the names that the last comment above the rows holds, if it does."""
    above = [text for number, text in layout.comments if number < layout.rows[0].line]
    mark = layout.dialect.comment or ""
    if not above:
        return None
    line = above[-1].removeprefix(mark).lstrip(mark[:1]).strip()
    if ":" in line.split(" ")[0]:  # as '#Fields: date time' of logs
        line = line.partition(":")[2].strip()
    rows = list(rows_of(line, Dialect(layout.dialect.delimiter, layout.dialect.quote, trim=True)))
    names = rows[0].cells if rows else []
    is_like_names = all(name and not NUMBER.fullmatch(name) for name in names)
    if len(names) == layout.width and is_like_names and len(set(names)) == len(names):
        return names
    return None


def _odd_rows(rows: Sequence[Row], width: int) -> list[str]:
    odd = [row for row in rows if len(row.cells) != width]
    if not odd:
        return []
    count = "1 row has" if len(odd) == 1 else f"{len(odd):,} rows have"
    return [
        f"{count} not {width} cells, the first in line {odd[0].line + 1}; "
        "dataset.on_bad_rows=skip leaves such rows out and counts them"
    ]


def _blanks_between(layout: Layout) -> list[str]:
    """Return a note if columns stand apart by several blanks, for which there is no delimiter."""
    lines = [row.cells[0].split() for row in layout.rows[:100] if layout.width == 1]
    if len(lines) > 1 and len(lines[0]) > 1 and len(set(map(len, lines))) == 1:
        return ["cells seem to stand apart by several blanks; tr -s ' ' < FILE leaves one of them"]
    return []


def _format_keys(sample: Sample, dialect: Dialect) -> dict[str, Any]:
    by_name = sample.format_by_name
    if by_name in _DELIMITERS:
        is_usual = _DELIMITERS[str(by_name)] == dialect.delimiter
        return {} if is_usual else {"delimiter": dialect.delimiter}
    chosen = "tsv" if dialect.delimiter == "\t" else "csv"
    if _DELIMITERS[chosen] == dialect.delimiter:
        return {"format": chosen}
    return {"format": chosen, "delimiter": dialect.delimiter}


def _dialect_keys(dialect: Dialect) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    if dialect.quote != QUOTE:
        keys["quote"] = dialect.quote
    if dialect.escape is not None:
        keys["escape"] = dialect.escape
    if dialect.comment is not None:
        keys["comment"] = dialect.comment
    if dialect.trim:
        keys["trim"] = True
    return keys


def _facts(layout: Layout, encoding: Encoding, head: _Head) -> list[tuple[str, str]]:
    dialect = layout.dialect
    facts = [
        ("format", "delimited text"),
        ("encoding", f"{encoding.name} ({encoding.reason})"),
        ("delimiter", _mark(dialect.delimiter) if layout.width > 1 else "none; one column"),
        ("header", head.said),
    ]
    if dialect.quote != QUOTE:
        facts.append(("quote", "none" if dialect.quote is None else _mark(dialect.quote)))
    if dialect.escape:
        facts.append(("escape", _mark(dialect.escape)))
    if dialect.comment:
        facts.append(("comments", f"begin with {_mark(dialect.comment)}"))
    if dialect.trim:
        facts.append(("blanks", "around cells, which are taken away"))
    return facts


def _mark(mark: str) -> str:
    names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blank"}
    return f"{names[mark]} ({quoted(mark)})" if mark in names else quoted(mark)
