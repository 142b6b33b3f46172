"""The files of an input: which there are, what they hold, how their bytes are read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import pyarrow as pa

from framework.runtime.errors import DataError

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}


class Reader(Protocol):
    """Bytes, some at a time."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""


def format_of(path: Path, declared: str) -> str:
    """How a file is to be read.

    Raises:
        DataError: Neither the configuration nor the file's name tells.
    """
    if declared != "auto":
        return declared
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_compressed = bool(suffixes) and suffixes[-1] in COMPRESSIONS
    if is_compressed:
        suffixes.pop()
    if suffixes and suffixes[-1] in FORMATS:
        return FORMATS[suffixes[-1]]
    if is_compressed and not suffixes:  # Kaggle calls Avazu's log train.gz
        return "csv"
    raise DataError(
        f"{path.name}: cannot tell the format from the name; set dataset.format to one of "
        "csv, tsv, parquet, jsonl"
    )


@contextmanager
def opened(path: Path) -> Iterator[tuple[Reader, IO[bytes]]]:
    """A file's bytes, decompressed, and the file itself, whose position tells the progress.

    Raises:
        DataError: The file cannot be read, or its compressed data is broken or cut short.
    """
    compression = COMPRESSIONS.get(path.suffix.lower())
    try:
        with path.open("rb") as file:
            yield _decompressed(file, compression), file
    except EOFError as error:
        raise DataError(f"{path.name}: the {compression} data is cut short") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path.name}: the {compression} data is broken ({error})") from error
    except OSError as error:
        if error.errno is None and compression:
            what = f"the {compression} data is broken or cut short"
            raise DataError(f"{path.name}: {what} ({error})") from error
        reason = error.strerror or str(error)
        raise DataError(f"{path.name}: cannot be read ({reason})") from error


def total_bytes(files: Sequence[Path]) -> int:
    """Bytes on disk of all files together."""
    return sum(file.stat().st_size for file in files)


def _decompressed(file: IO[bytes], compression: str | None) -> Reader:
    if compression == "gzip":
        return gzip.GzipFile(fileobj=file)
    if compression == "zstd":
        stream: Reader = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
        return stream
    return file
