"""The files of an input: which there are, what they hold, how their bytes are read."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import pyarrow as pa

from headrace.runtime.data_files import is_data
from headrace.runtime.errors import DataError
from headrace.runtime.plugins.formats import AUTO, READERS, UNNAMED, format_by_suffix
from headrace.runtime.shown import plain
from headrace.runtime.spec import DATA_INPUT, ML_ROOT

COMPRESSIONS = {
    ".gz": "gzip",
    ".zst": "zstd",
    ".zstd": "zstd",
    ".bz2": "bzip2",
    ".xz": "xz",
    ".lzma": "lzma",
    ".lz4": "lz4",
    ".zip": "zip",
}
_UNREAD = {
    ".snappy": "snappy",
    ".sz": "snappy",
    ".br": "brotli",
    ".lzo": "lzo",
    ".deflate": "deflate",
    ".z": "compress",
    ".7z": "7z",
    ".rar": "rar",
    ".tar": "tar",
    ".tgz": "tar",
}
_BEGINNINGS = (
    (re.compile(rb"\x1f\x8b\x08"), "gzip"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "zstd"),
    (re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)"), "zip"),
    (re.compile(rb"BZh[1-9](1AY&SY|\x17\x72\x45\x38\x50\x90)"), "bzip2"),
    (re.compile(rb"\xfd7zXZ\x00"), "xz"),
    (re.compile(rb"\x5d\x00\x00"), "lzma"),
    (re.compile(rb"\x04\x22\x4d\x18"), "lz4"),
    (re.compile(rb"\x02\x21\x4c\x18"), "old lz4"),
    (re.compile(rb"\xff\x06\x00\x00sNaPpY"), "snappy"),
    (re.compile(rb"\x82SNAPPY\x00"), "snappy"),
    (re.compile(rb"\x89LZO\x00"), "lzo"),
    (re.compile(rb"\x1f\x9d"), "compress"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "7z"),
    (re.compile(rb"Rar!\x1a\x07"), "rar"),
)
"""The beginnings of compressed data: no text has them, and no name is to be trusted."""
_PARQUET = b"PAR1"
_MAGIC = 10
_PIECE = 1 << 16
BOM = b"\xef\xbb\xbf"
UTF_8 = "utf-8"
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""The longer ones first: one of them begins with another."""
_WIDE_ZEROS = 0.3
"""Of the bytes at odd, or even, positions that are zero in UTF-16 of mostly ASCII text."""
RIGHT_ENCODING = "dataset.encoding should be that of the file"
BROKEN = "\udfff"
"""Stands in decoded text for bytes that are not of the encoding: in UTF-8, bytes of no text."""
_INPUT = DATA_INPUT.removeprefix(ML_ROOT) + "/"


class Reader(Protocol):
    """Bytes, some at a time."""

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes; none at the end."""


def name_of(path: Path) -> str:
    """Return how messages name a file: by its path below ``dataset.path``."""
    return plain(below_input(path))


def below_input(path: Path) -> str:
    """Return a file's path below ``dataset.path``, as far as where a job reads it tells."""
    _, _, below = str(path).partition(_INPUT)
    return below or path.name


def format_of(path: Path, declared: str) -> str:
    """Return how a file is to be read.

    Raises:
        DataError: Neither the configuration nor the file's name tells, or the name ends like one of
            a compression that is not read.
    """
    if declared != AUTO:
        return declared
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_compressed = bool(suffixes) and suffixes[-1] in COMPRESSIONS
    if is_compressed:
        suffixes.pop()
        if not suffixes and path.suffix.lower() == ".zip" and path.exists():
            suffixes = [suffix.lower() for suffix in Path(_name_in_zip(path)).suffixes[-1:]]
            is_compressed = not suffixes or format_by_suffix(suffixes[-1]) is None
            suffixes = [] if is_compressed else suffixes
    if suffixes and (found := format_by_suffix(suffixes[-1])):
        return found
    if is_compressed and not suffixes:
        return UNNAMED
    if suffixes and suffixes[-1] in _UNREAD:
        raise _unread(path, _UNREAD[suffixes[-1]])
    raise DataError(
        f"{name_of(path)}: cannot tell the format from the name; set dataset.format to one of "
        f"{', '.join(READERS.names())}"
    )


@contextmanager
def opened(path: Path, encoding: str = UTF_8) -> Iterator[tuple[Reader, IO[bytes]]]:
    """Open a file: its bytes, decompressed and in UTF-8, and the file, whose position is known.

    Args:
        path: The file.
        encoding: Of its text. Bytes that are not of the encoding come out as such that are not
            UTF-8, so that the row in which they stand is bad.

    Raises:
        DataError: The file cannot be read, its compression is not one that is read, or its
            compressed data is broken or cut short.
    """
    compression = None
    try:
        with path.open("rb") as file:
            compression = _compression(path, file)
            reader = _decompressed(path, file, compression)
            yield (reader if is_utf_8(encoding) else _Decoded(path, reader, encoding)), file
    except EOFError as error:
        raise DataError(f"{name_of(path)}: the {compression} data is cut short") from error
    except (gzip.BadGzipFile, zipfile.BadZipFile, lzma.LZMAError, zlib.error) as error:
        what = f"the {compression} data is broken ({plain(str(error))})"
        raise DataError(f"{name_of(path)}: {what}") from error
    except OSError as error:
        if error.errno is None and compression:
            what = f"the {compression} data is broken or cut short ({plain(str(error))})"
            raise DataError(f"{name_of(path)}: {what}") from error
        reason = error.strerror or plain(str(error))
        raise DataError(f"{name_of(path)}: cannot be read ({reason})") from error


def is_utf_8(encoding: str) -> bool:
    """Return whether text of an encoding is read as it is."""
    return encoding == UTF_8 or codecs.lookup(encoding).name == UTF_8


class _Decoded:
    """Text of an encoding, as UTF-8."""

    def __init__(self, path: Path, reader: Reader, encoding: str) -> None:
        self._path, self._reader, self._encoding = path, reader, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)(_replaced.__name__)
        self._waiting = b""
        self._is_done = False

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes of UTF-8; none at the end."""
        while not self._waiting and not self._is_done:
            data = self._reader.read(size)
            self._is_done = not data
            try:
                text = self._decoder.decode(data, final=self._is_done)
            except UnicodeError as error:  # of the file as a whole, such as no byte order mark
                what = f"cannot be read as {self._encoding} ({plain(str(error))})"
                raise DataError(f"{name_of(self._path)}: {what}") from error
            self._waiting = text.encode("utf-8", "surrogatepass")
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        return taken


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Return what stands in the text for bytes that cannot be decoded."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return BROKEN, error.end


codecs.register_error(_replaced.__name__, _replaced)


def can_be_cut(path: Path) -> bool:
    """Return whether reading can begin anywhere in a file: it is not compressed."""
    try:
        with path.open("rb") as file:
            return _compression(path, file) is None
    except OSError as error:
        raise DataError(f"{name_of(path)}: cannot be read ({error.strerror})") from error


def is_empty(path: Path, encoding: str = UTF_8) -> bool:
    """Return whether a file of lines has no content, decompressed and without a byte order mark.

    Raises:
        DataError: It cannot be read.
    """
    with opened(path, encoding) as (reader, _):
        start = b""
        while len(start) <= len(BOM) and (data := reader.read(len(BOM) + 1)):
            start += data
    return start in (b"", BOM)


def refuse_parquet(path: Path, file: IO[bytes]) -> None:
    """Raise a `DataError` if a file of lines is a Parquet file, whatever its name.

    Args:
        path: The file.
        file: The same, opened; its position stays.
    """
    position = file.tell()
    file.seek(0)
    if file.read(len(_PARQUET)) == _PARQUET:
        file.seek(-len(_PARQUET), os.SEEK_END)
        if file.read() == _PARQUET:
            raise DataError(f"{name_of(path)}: is a Parquet file; set dataset.format=parquet")
    file.seek(position)


def wide_encoding(data: bytes) -> tuple[str, str] | None:
    """Return an encoding with several bytes for a letter, and what speaks for it; None if nothing.

    Args:
        data: The beginning of a text.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name, "byte order mark"
    even, odd = data[::2], data[1::2]
    zeros = "every other byte is zero"
    if odd.count(0) > len(odd) * _WIDE_ZEROS and not even.count(0):
        return "utf-16-le", zeros
    if even.count(0) > len(even) * _WIDE_ZEROS and odd and not odd.count(0):
        return "utf-16-be", zeros
    return None


def refuse_wide(path: Path, data: bytes) -> None:
    """Raise a `DataError` if a file that cannot be read has an encoding of more bytes than it says.

    Args:
        path: The file.
        data: The beginning of its text.
    """
    if found := wide_encoding(data):
        name, reason = found
        what = f"the text is {name} ({reason}); set dataset.encoding={name}"
        raise DataError(f"{name_of(path)}: {what}")


def total_bytes(files: Sequence[Path]) -> int:
    """Return bytes on disk of all files together."""
    return sum(file.stat().st_size for file in files)


def _compression(path: Path, file: IO[bytes]) -> str | None:
    """Return the compression of a file: what its first bytes say, then what its name says."""
    magic = file.read(_MAGIC)
    file.seek(0)
    found = next((name for beginning, name in _BEGINNINGS if beginning.match(magic)), None)
    compression = found or COMPRESSIONS.get(path.suffix.lower())
    if compression not in (None, *COMPRESSIONS.values()):
        raise _unread(path, str(compression))
    return compression


def _unread(path: Path, compression: str) -> DataError:
    return DataError(
        f"{name_of(path)}: {compression} compression is not read; decompress the file, or use "
        "gzip (.gz) or zstd (.zst)"
    )


def _decompressed(path: Path, file: IO[bytes], compression: str | None) -> Reader:
    match compression:
        case None:
            return file
        case "gzip":
            return gzip.GzipFile(fileobj=file)
        case "bzip2":
            return _Members(file, bz2.BZ2Decompressor)
        case "xz" | "lzma":
            return _Members(file, lzma.LZMADecompressor)
        case "zip":
            return _unzipped(path, file)
    if not file.read(1):
        raise EOFError
    file.seek(0)
    stream: Reader = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), compression)
    return stream


class _Members:
    """Streams of bzip2 or xz, one behind the other, with zeros between them.

    Python's own readers take whatever else comes behind a stream for its end, without a word.
    """

    def __init__(
        self, file: IO[bytes], made: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]
    ) -> None:
        self._file, self._made = file, made
        self._member = made()

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes; none at the end."""
        found = b""
        while not found:
            member, data = self._member, b""
            if member.eof:
                data = member.unused_data.lstrip(b"\0")
                while not data:
                    if not (piece := self._file.read(_PIECE)):
                        return b""
                    data = piece.lstrip(b"\0")
                member = self._member = self._made()
            elif member.needs_input and not (data := self._file.read(_PIECE)):
                raise EOFError
            found = member.decompress(data, size)
        return found


def _unzipped(path: Path, file: IO[bytes]) -> Reader:
    archive = zipfile.ZipFile(file)
    member = _only_member(path, archive)
    if member.flag_bits & 1:
        raise DataError(f"{name_of(path)}: the zip archive is encrypted; unpack it")
    try:
        return archive.open(member)
    except NotImplementedError as error:
        what = f"the zip archive cannot be read ({plain(str(error))}); unpack it"
        raise DataError(f"{name_of(path)}: {what}") from error


def _only_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    files = [each for each in archive.infolist() if not each.is_dir()]
    # What macOS adds, as __MACOSX/ and .DS_Store, is hidden. A hidden file alone is the content.
    members = [each for each in files if is_data(each.filename)] or files
    if len(members) != 1:
        what = f"the zip archive holds {len(members)} files, and one is read; unpack it"
        raise DataError(f"{name_of(path)}: {what}")
    return members[0]


def _name_in_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            return _only_member(path, archive).filename
    except (OSError, zipfile.BadZipFile):
        return ""  # told when it is opened
