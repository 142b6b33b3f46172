"""The beginning of the first file that ``dataset.path`` names, decompressed, and its format."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from headrace.errors import ConfigError, DataError, Problem
from headrace.job import inputs
from headrace.job.sources import objects_of
from headrace.runtime.plugins.formats import format_by_suffix
from headrace.runtime.shown import plain, quoted
from headrace.runtime.sources.files import opened
from headrace.uris import S3

WHERE = "dataset.path"
BYTES = 4 << 20
"""Of the text of a file that are looked at."""
_PIECE = 1 << 18
_ROWS = 10_000
"""Of a Parquet file on S3."""
_PARQUET = b"PAR1"
_NO_TABLES = (
    (b"\x89HDF", "an HDF5 file"),
    (b"ORC", "an ORC file"),
    (b"ARROW1", "an Arrow (Feather) file"),
    (b"Obj\x01", "an Avro file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"\x80\x04", "a pickle"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"%PDF", "a PDF file"),
)
_EXCEL = b"[Content_Types].xml"
PARQUET, JSON_LINES = "parquet", "jsonl"


@dataclass(frozen=True)
class Sample:
    """The beginning of a file that is looked at.

    Attributes:
        path: The file, or what stands in for an object of S3.
        name: The file's or object's own name.
        data: The beginning of its text, decompressed.
        is_whole: Whether that is all of it.
        format: The format that its content has, None for delimited text.
        files: How many files there are.
        below: Its path below the folder that was named; empty if that is not known.
    """

    path: Path
    name: str
    data: bytes
    is_whole: bool
    format: str | None
    files: int
    below: str = ""

    @property
    def format_by_name(self) -> str | None:
        """Return the format that the reader takes by the file's name."""
        from headrace.runtime.errors import DataError
        from headrace.runtime.plugins.formats import AUTO
        from headrace.runtime.sources.files import format_of

        try:
            return format_of(Path(self.name), AUTO)
        except DataError:
            return None


@contextmanager
def sample_of(paths: Sequence[str]) -> Iterator[Sample]:
    """Read the beginning of the first file that is not empty.

    Args:
        paths: A file, a folder, a glob or ``s3://…``; or several.

    Raises:
        ConfigError: There is nothing, or it is no table.
        DataError: It cannot be read.
    """
    if any(path.startswith(S3) for path in paths):
        from headrace.aws.clients import has_credentials

        has_credentials(required=True)
    data = inputs.resolve(*paths)
    with _files(data, paths[0]) as (files, is_cut, on_s3):
        for file in files:
            content, is_whole = _beginning(file, is_cut=is_cut)
            if content.strip():
                name = PurePosixPath(file.name).name
                found = _format(content, name, is_whole=is_whole)
                count = max(len(files), len(data.files))
                below = on_s3 or file.relative_to(data.folder).as_posix()
                yield Sample(file, name, content, is_whole, found, count, below)
                return
    what = f"{quoted(paths[0], 400)} holds no data: every file is empty"
    raise ConfigError([Problem(WHERE, what)])


@contextmanager
def _files(data: inputs.DataInput, path: str) -> Iterator[tuple[list[Path], bool, str]]:
    """Yield the files to look at, whether they are only beginnings, and an object's path below."""
    if not path.startswith(S3):
        yield [Path(file) for file in data.files], False, ""
        return
    from headrace.aws.clients import explained
    from headrace.aws.reading import ObjectFile, beginning

    objects = objects_of(data)
    first = next((each for each in objects if each.size), objects[0])
    below = first.uri.removeprefix(f"{data.uri.rstrip('/')}/").removeprefix(S3)
    with explained(), beginning(first, BYTES) as file:
        if not file.read_bytes().startswith(_PARQUET):
            yield [file], first.size > BYTES, below
            return
        _keep_first_rows(ObjectFile(first), file)
        yield [file], True, below


def _keep_first_rows(source: io.RawIOBase, file: Path) -> None:
    """Write a Parquet file with the first rows of another one, of which no more is read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        reader = pq.ParquetFile(source, buffer_size=_PIECE, pre_buffer=False)
        batches = list(islice(reader.iter_batches(_ROWS), 1))
        table = pa.Table.from_batches(batches, reader.schema_arrow)
    except (pa.ArrowException, OSError) as error:
        what = f"{quoted(file.name)} is no Parquet file, or is cut short ({plain(str(error))})"
        raise DataError(what) from error
    pq.write_table(table, file)


def _beginning(path: Path, *, is_cut: bool) -> tuple[bytes, bool]:
    """Return the first bytes of a file, decompressed, and whether they are all of it."""
    content = b""
    try:
        with opened(path) as (reader, _):
            while len(content) < BYTES and (piece := reader.read(_PIECE)):
                content += piece
            return content[:BYTES], len(content) < BYTES and not is_cut
    except DataError:
        if not (is_cut and content):
            raise
        return content, False  # beyond what was fetched


def _format(content: bytes, name: str, *, is_whole: bool) -> str | None:
    """Return the format of the content, None for delimited text.

    Raises:
        ConfigError: It is no table that can be read.
    """
    if content.startswith(_PARQUET):
        return PARQUET
    for beginning, what in _NO_TABLES:
        if content.startswith(beginning):
            raise _refused(name, f"is {what}")
    if content.startswith(b"PK\x03\x04") and _EXCEL in content[:4096]:
        raise _refused(name, "is an Excel workbook")
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{") and _is_object(start.splitlines()[0]):
        return JSON_LINES
    suffix = format_by_suffix(PurePosixPath(name).suffix)
    if start.startswith((b"[", b"{")) and (suffix == JSON_LINES or _is_json(start, is_whole)):
        what = "is one JSON value; JSON lines have an object in each line"
        jq = "." if start.startswith(b"{") else "'.[]'"
        raise _refused(name, what, f"jq -c {jq} FILE writes them")
    return None


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _is_json(content: bytes, is_whole: bool) -> bool:
    if not is_whole:
        return content.lstrip(b"[ \r\n\t").startswith(b'{"')
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def _refused(name: str, what: str, way: str = "save it as CSV or Parquet") -> ConfigError:
    return ConfigError([Problem(WHERE, f"{quoted(name)} {what}; {way}")])
