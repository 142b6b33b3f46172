"""How much data there is: its bytes, and about how many rows, by a sample of the first file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from headrace.job.inputs import DataInput
from headrace.runtime.sources.files import COMPRESSIONS, format_of, total_bytes
from headrace.runtime.sources.readers import reader_of
from headrace.uris import S3

if TYPE_CHECKING:
    from headrace.config.models import DatasetConfig

SAMPLE_BYTES = 1 << 20
MOST_TEXT = 16 << 20
"""Of a sample, decompressed: enough, even if it goes on for gigabytes."""
_READ_BYTES = 1 << 16


@dataclass(frozen=True)
class DataSize:
    """The extent of an input."""

    files: int
    bytes: int
    """As they lie on the disk or on S3."""
    text_bytes: int
    """The same decompressed, about."""
    rows: int
    """About."""


@dataclass(frozen=True)
class _Density:
    """What a byte of the first file holds on the average."""

    text: float
    rows: float
    headers: int
    """Lines in each file that are no rows."""


def measure(data: DataInput, dataset: DatasetConfig) -> DataSize:
    """Look at the sizes of all files, and into the first one.

    Args:
        data: What the job reads.
        dataset: What it looks like.

    Raises:
        DataError: The format cannot be told.
        OSError: A file cannot be read.
        pyarrow.ArrowInvalid: It is not what its name says.
        botocore.exceptions.ClientError: Nor can an object.
    """
    with _first(data) as (file, count, size):
        density = _density(file, format_of(file, dataset.format), dataset.columns is None)
    rows = round(density.rows * size) - density.headers * count
    return DataSize(count, size, round(density.text * size), max(rows, 0))


@contextmanager
def _first(data: DataInput) -> Iterator[tuple[Path, int, int]]:
    """The first file, how many there are, and the bytes of all."""
    if not data.uri.startswith(S3) or data.files:
        files = [Path(file) for file in data.files]
        yield files[0], len(files), total_bytes(files)
        return
    from headrace.aws.reading import stand_in
    from headrace.aws.s3 import data_objects  # boto3 takes its time

    objects = data_objects(data.uri, "dataset.path")
    with stand_in(objects[0]) as file:
        yield file, len(objects), sum(each.size for each in objects)


def _density(file: Path, form: str, has_header: bool) -> _Density:
    size = file.stat().st_size
    if not size:
        return _Density(1, 0, 0)
    reader = reader_of(form)
    if (totals := reader.totals(file)) is not None:
        rows, bytes_of_text = totals
        return _Density(bytes_of_text / size, rows / size, 0)
    text, read = _sample(file)
    lines = text.count(b"\n") + (read == size and not text.endswith(b"\n"))
    headers = int(has_header and reader.delimiter is not None)
    return _Density(len(text) / read, lines / read, headers)


def _sample(file: Path) -> tuple[bytes, int]:
    """The beginning of a file's text, and how many bytes of the file hold it."""
    with file.open("rb") as opened:
        head = opened.read(SAMPLE_BYTES)
    compression = COMPRESSIONS.get(file.suffix.lower())
    return (head, len(head)) if compression is None else _decompressed(head, compression)


def _decompressed(head: bytes, compression: str) -> tuple[bytes, int]:
    source, text = pa.BufferReader(head), bytearray()
    stream = pa.CompressedInputStream(source, compression)
    try:
        while len(text) < MOST_TEXT and (more := stream.read(_READ_BYTES)):
            text += more
    except OSError:  # it was cut, after all
        if not text:
            raise
    return bytes(text), source.tell()
