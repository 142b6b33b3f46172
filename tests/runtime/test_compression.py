"""Compressed files: by what they hold, whatever they are called; and files that hold nothing."""

from __future__ import annotations

import bz2
import io
import lzma
import zipfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from headrace.runtime.errors import DataError
from headrace.runtime.sources.files import format_of
from tests.runtime.jobs import Files, gzipped, job, run
from tests.runtime.test_quotes import OPEN

UNNAMED = (
    "a column in the header has no name; name all columns in dataset.columns, with "
    "dataset.header=true"
)
TEXT = "y,a\n1,x\n0,q\n"
ADVICE = "decompress the file, or use gzip (.gz) or zstd (.zst)"


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("d.csv", TEXT)
    return file.getvalue()


def zstd(text: str) -> bytes:
    return bytes(pa.Codec("zstd").compress(text.encode(), asbytes=True))


UNREAD = {
    ".snappy": ("snappy", b"\xff\x06\x00\x00sNaPpY" + b"\x00" * 20),
    ".7z": ("7z", b"7z\xbc\xaf\x27\x1c" + b"\x00" * 20),
    ".rar": ("rar", b"Rar!\x1a\x07\x01\x00" + b"\x00" * 20),
    ".lzo": ("lzo", b"\x89LZO\x00\r\n\x1a\n" + b"\x00" * 20),
    ".Z": ("compress", b"\x1f\x9d\x90" + b"\x00" * 20),
}
READ = {
    "gzip": gzipped(TEXT),
    "zstd": zstd(TEXT),
    "bzip2": bz2.compress(TEXT.encode()),
    "xz": lzma.compress(TEXT.encode()),
    "lzma": lzma.compress(TEXT.encode(), lzma.FORMAT_ALONE),
    "lz4": bytes(pa.Codec("lz4").compress(TEXT.encode(), asbytes=True)),
    "zip": zipped(),
}


def refused(folder: Path, files: Files, declared: str = "auto") -> str:
    spec = job(label="y")
    with pytest.raises(DataError) as caught:
        run(folder, files, replace(spec, dataset=replace(spec.dataset, format=declared)))
    return str(caught.value)


@pytest.mark.parametrize("suffix", UNREAD)
def test_a_compression_that_is_not_read_is_named(tmp_path: Path, suffix: str) -> None:
    kind, content = UNREAD[suffix]
    what = f"{kind} compression is not read; {ADVICE}"
    assert refused(tmp_path, {f"d.csv{suffix}": content}) == f"d.csv{suffix}: {what}"
    assert refused(tmp_path, {"d.csv": content}) == f"d.csv: {what}"
    assert refused(tmp_path, {"d.jsonl": content}) == f"d.jsonl: {what}"
    assert refused(tmp_path, {"d.csv.gz": content}) == f"d.csv.gz: {what}"
    assert refused(tmp_path, {"data": content}, "tsv") == f"data: {what}"


@pytest.mark.parametrize("name", ["d.csv.br", "d.tsv.deflate", "d.json.sz", "d.tar", "d.tar.gz"])
def test_or_by_its_name_where_the_content_has_no_mark(name: str) -> None:
    with pytest.raises(DataError, match=f"^{name}: [a-z]+ compression is not read; "):
        format_of(Path(name), "auto")


@pytest.mark.parametrize("name", ["d.csv", "d.csv.gz", "d.csv.zst", "d.csv.xz"])
@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_compressions_are_read_under_any_name(tmp_path: Path, name: str, content: bytes) -> None:
    result = run(tmp_path, {name: content}, job(label="y"))
    assert result.manifest["rows"]["written"] == 2


JOINED = [kind for kind in READ if kind not in ("zip", "lzma")]


@pytest.mark.parametrize("kind", JOINED)
def test_several_members_in_one_file(tmp_path: Path, kind: str) -> None:
    """As `cat a.gz a.gz` makes them; the second header is a bad row."""
    content = READ[kind] + READ[kind]
    result = run(tmp_path, {"d.csv": content}, job(label="y", on_bad_rows="skip"))
    assert result.manifest["rows"] == {"read": 5, "written": 4, "rejected": 1}


@pytest.mark.parametrize("kind", READ)
def test_data_that_is_cut_short(tmp_path: Path, kind: str) -> None:
    message = refused(tmp_path, {"d.csv": READ[kind][:-5]})
    assert message.startswith(f"d.csv: the {kind} data is "), message


def test_a_name_that_promises_too_much(tmp_path: Path) -> None:
    message = refused(tmp_path, {"d.csv.gz": TEXT})
    assert message == "d.csv.gz: the gzip data is broken (Not a gzipped file (b'y,'))"


NOTHING: dict[str, bytes | str] = {
    "b.csv": "",
    "c.csv": b"\xef\xbb\xbf",
    "d.csv.gz": b"",
    "e.csv.gz": gzipped(""),
    "f.csv.gz": gzipped("") + gzipped(""),
    "g.csv.gz": gzipped("\ufeff"),
    "h.csv.zst": b"",
    "i.csv.zst": zstd(""),
    "j.csv.zst": zstd("\ufeff"),
    "k.tsv": "",
    "l.jsonl": "",
    "m.jsonl": b"\xef\xbb\xbf",
    "n.json.gz": gzipped(""),
    "o.parquet": b"",
    "p": b"",
}


@pytest.mark.parametrize("name", NOTHING)
@pytest.mark.parametrize("prefix", ["a", "z"])
def test_an_empty_part_has_no_rows(tmp_path: Path, name: str, prefix: str) -> None:
    """Whether it comes first or last; Spark, Hive and EMR leave such parts."""
    files = {f"{prefix}/{name}": NOTHING[name], "part.csv": TEXT}
    result = run(tmp_path, files, job(label="y"))
    assert result.manifest["rows"] == {"read": 2, "written": 2, "rejected": 0}
    assert result.bytes() == run(tmp_path, {"part.csv": TEXT}, job(label="y")).bytes()


def test_an_input_of_empty_parts(tmp_path: Path) -> None:
    assert refused(tmp_path, {"d.csv": ""}) == "d.csv: the file is empty"
    assert refused(tmp_path, NOTHING) == "all 15 files of the input are empty"


def test_errors_name_the_path_below_the_input(tmp_path: Path) -> None:
    """Parts in folders are all called the same."""
    good = {"day=1/part-0.csv": TEXT}
    cases: list[tuple[str, bytes | str, str]] = [
        ("day=2/part-0.csv", "y,a\n1\n", ", line 2: 1 cells, but the header names 2 columns"),
        ("day=2/part-0.csv", "y,a\nx,1\n",
         ", line 2, column 'y': expected a number, 0 or 1 for a click, got 'x'"),
        ("day=2/part-0.csv", "y,b\n1,1\n", ": there is no column 'a', unlike in the first file"),
        ("day=2/part-0.csv", 'y,a\n1,"x\n', f", line 2: {OPEN}"),
        ("day=2/part-0.csv", "y,a,\n1,1,\n", f", line 1: {UNNAMED}"),
        ("day=2/part-0.csv", UNREAD[".7z"][1], f": 7z compression is not read; {ADVICE}"),
        ("day=2/part-0.csv.gz", gzipped(TEXT)[:-9], ": the gzip data is cut short"),
        ("day=2/part-0.log", "x", ": cannot tell the format from the name; set dataset.format to "
         "one of csv, tsv, parquet, jsonl"),
        ("day=2/part-0.jsonl", "[1]\n", ", line 1: the line is not a JSON object"),
        ("day=2/\x1b[31m.csv", "y,a\n1\n", ""),
    ]  # fmt: skip
    for name, content, what in cases[:-1]:
        assert refused(tmp_path, {**good, name: content}) == f"{name}{what}"
    shown = refused(tmp_path, {**good, cases[-1][0]: cases[-1][1]})
    assert shown == r"day=2/\x1b[31m.csv, line 2: 1 cells, but the header names 2 columns"
