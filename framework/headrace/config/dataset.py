"""The model of ``dataset``: marks of delimited text, and the settings that exclude each other."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, Len
from pydantic import AfterValidator, BeforeValidator, Field, FiniteFloat

from headrace.config.model import MAX_BYTES, Location, Model, Text, listed_in_schema, named_in
from headrace.config.problems import got
from headrace.errors import Problem
from headrace.runtime.plugins.formats import AUTO, READERS
from headrace.runtime.shown import listed, quoted
from headrace.runtime.spec import DatasetSpec

_ESCAPES = {r"\t": "\t", r"\\": "\\", r"\0": "\0"}
_CODE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})")
_BOOLEANS = {True: ("true", "yes", "on"), False: ("false", "no", "off")}


def _character(given: Any) -> Any:
    r"""Return the character that is meant by ``\t`` or ``\x01``, also with a second backslash."""
    if isinstance(given, bool) or not isinstance(given, str | int):
        return given
    text = str(given)
    text = text[1:] if text.startswith(r"\\") and len(text) > len(r"\\") else text
    return chr(int(text[2:], 16)) if _CODE.fullmatch(text) else _ESCAPES.get(text, text)


def _single(mark: str) -> str:
    if len(mark) != 1:
        what = r"should be one character, or written as \t or \x01"
        raise ValueError(f"{what} (got {quoted(mark)})")
    if mark in "\r\n":
        raise ValueError(f"should be no line end (got {quoted(mark)})")
    return mark


def _quote(given: Any) -> Any:
    return None if given in ("", "none") else _character(given)


def _known(encoding: str) -> str:
    try:
        io.TextIOWrapper(io.BytesIO(), encoding)
        # Bytes that are not of the encoding are marked, which some codecs of no files cannot do.
        codecs.getincrementaldecoder(encoding)("backslashreplace").decode(b"a")
    except (LookupError, ValueError):
        what = "should be an encoding of text by its name in Python, such as utf-16 or cp1252"
        raise ValueError(f"{what} (got {quoted(encoding)})") from None
    return encoding


def _label_values(given: Any) -> Any:
    """Return the texts, also where YAML has read ``yes`` and ``no`` as true and false.

    Hydra's grammar quotes no key, so that ``{<=50K: 1}`` cannot be typed; ``[["<=50K", 1]]`` can.
    """
    if isinstance(given, list | tuple) and given:
        if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in given):
            pairs = '[["<=50K", 0], [">50K", 1]]'
            raise ValueError(f"should be a mapping, or pairs as in {pairs} (got {got(given)})")
        return dict(given)
    if not isinstance(given, Mapping):
        return given
    texts: dict[Any, Any] = {}
    for text, number in given.items():
        for word in _BOOLEANS[text] if isinstance(text, bool) else ():
            texts |= dict.fromkeys((word, word.title(), word.upper()), number)
    return {**texts, **{key: value for key, value in given.items() if not isinstance(key, bool)}}


PAIRS = frozenset({"dataset.label_values"})
"""Keys whose mapping may also be a list of pairs."""
Character = Annotated[str, BeforeValidator(_character), AfterValidator(_single)]
Quote = Annotated[Character | None, BeforeValidator(_quote)]
Texts = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)
]
Encoding = Annotated[str, AfterValidator(_known)]
LabelValues = Annotated[dict[str, FiniteFloat], BeforeValidator(_label_values)]


class DatasetConfig(Model):
    """The data: its place, its columns and the format of its files."""

    path: Location | Annotated[tuple[Location, ...], Len(1)] = Field(
        description="a file, a folder, a glob or s3://…; or a list of files, folders and globs"
    )
    format: Annotated[str, named_in(READERS, AUTO)] = Field(
        AUTO,
        description="auto: by the files' extensions",
        json_schema_extra=listed_in_schema(READERS, AUTO),
    )
    label: Text | None = Field(description="the column to predict; null for data without one")
    id: Text | None = Field(None, description="the column that names the row, never a feature")
    time: Text | None = Field(
        None, description="the column that says when, for counts by time; also a feature, as before"
    )
    numeric: tuple[Text, ...] = Field(
        (), description="columns whose value is a number; patterns such as I* as well"
    )
    categorical: tuple[Text, ...] | None = Field(
        None,
        description="columns whose value is text; patterns as well; default: every other column",
    )
    drop: Texts = Field((), description="columns to leave out; patterns as well")
    columns: Annotated[tuple[Text, ...], Len(1)] | None = Field(
        None, description="names of the columns, for CSV and TSV files without a header"
    )
    columns_expected: Annotated[tuple[Text, ...], Len(1)] | None = Field(
        None, description="all columns that a file has to have: a missing or new one is an error"
    )
    header: bool | None = Field(
        None,
        description="whether the first row names the columns; default: unless dataset.columns does",
    )
    delimiter: Character | None = Field(
        None, description="the character between cells; default: that of the format"
    )
    quote: Quote = Field(DatasetSpec.quote, description="the character around cells; null: none")
    escape: Character | None = Field(
        None, description="the character that takes its meaning from the next one; default: none"
    )
    comment: Annotated[str, Field(pattern=r"^[^\r\n\s]+$")] | None = Field(
        None, description="how a line begins that is no row, such as #; default: no line"
    )
    skip_lines: Annotated[int, Ge(0), Le(MAX_BYTES)] = Field(
        DatasetSpec.skip_lines, description="lines at the beginning of each file that are left out"
    )
    trim: bool = Field(
        DatasetSpec.trim, description="leave out blanks at both ends of cells and names"
    )
    encoding: Encoding = Field(
        DatasetSpec.encoding, description="encoding of the text, by its name in Python"
    )
    nulls: Texts = Field(
        DatasetSpec.nulls, description="texts that mean null, as an empty cell always does"
    )
    label_values: LabelValues = Field({}, description="text of the label → the number it means")
    partitions: bool = Field(
        DatasetSpec.partitions, description="whether folders such as day=2014-10-21 are columns"
    )
    on_bad_rows: Literal["error", "skip"] = Field(
        "error", description="what to do with a row that cannot be used; skipped rows are counted"
    )
    max_line_bytes: Annotated[int, Ge(1), Le(MAX_BYTES)] = Field(
        DatasetSpec.max_line_bytes,
        description="bytes of the longest line, and of the longest row with line ends in cells",
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the paths, of which there is mostly one."""
        return (self.path,) if isinstance(self.path, str) else self.path


def problems_of(dataset: DatasetConfig) -> Iterator[Problem]:
    """Find settings of a dataset that contradict each other."""
    marks = {
        "delimiter": dataset.delimiter,
        "quote": dataset.quote,
        "comment": dataset.comment,
    }
    if dataset.escape != dataset.quote:  # a quote that escapes itself is a doubled one
        marks["escape"] = dataset.escape
    given = [(key, mark) for key, mark in marks.items() if mark is not None]
    for (key, mark), (other, twin) in combinations(given, 2):
        if twin == mark:
            yield Problem(f"dataset.{other}", f"{quoted(twin)} is dataset.{key} already")
    if dataset.trim and " " in (dataset.delimiter, dataset.quote, dataset.escape):
        yield Problem("dataset.trim", "leaves out blanks, which mean something else here")
    yield from _columns(dataset)


def _columns(dataset: DatasetConfig) -> Iterator[Problem]:
    for key in ("label", "id", "time"):
        column = getattr(dataset, key)
        if column is not None and column in dataset.drop:
            yield Problem("dataset.drop", f"the column {quoted(column)} is the {key} already")
        expected = dataset.columns_expected
        if expected is not None and column is not None and column not in expected:
            what = f"the {key} {quoted(column)} is not among them: {listed(expected)}"
            yield Problem("dataset.columns_expected", what)
    for role in ("numeric", "categorical"):
        for column in getattr(dataset, role) or ():
            if column in dataset.drop:
                yield Problem("dataset.drop", f"the column {quoted(column)} is {role} already")
    if dataset.label_values and dataset.label is None:
        yield Problem("dataset.label_values", "has no effect without dataset.label; leave it out")
