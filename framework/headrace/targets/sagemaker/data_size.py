"""How much data there is: its bytes, and about how many rows, by a sample of the first file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.job.inputs import DataInput
from headrace.runtime.errors import DataError
from headrace.runtime.sources.files import format_of, opened, total_bytes
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
        has_header = dataset.columns is None if dataset.header is None else dataset.header
        density = _density(file, format_of(file, dataset.format), has_header)
    rows = round(density.rows * size) - density.headers * count
    return DataSize(count, size, round(density.text * size), max(rows, 0))


@contextmanager
def _first(data: DataInput) -> Iterator[tuple[Path, int, int]]:
    """The first file, how many there are, and the bytes of all."""
    if not data.uri.startswith(S3) or data.files:
        files = [Path(file) for file in data.files]
        yield files[0], len(files), total_bytes(files)
        return
    from headrace.aws.s3 import data_objects  # boto3 takes its time
    from headrace.aws.stand_in import stand_in

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
    text, read = bytearray(), 0
    try:
        with opened(file) as (reader, source):
            while len(text) < MOST_TEXT and read < SAMPLE_BYTES:
                more = reader.read(_READ_BYTES)
                if not more:
                    break
                text += more
                read = source.tell()
    except DataError:  # of an object on S3 only the beginning is there
        if not text:
            raise
    return bytes(text), max(read, 1)
