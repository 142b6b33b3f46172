"""Compressed files, JSON lines and Parquet, with their right answers."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.corpus.cases import ONE, TEXT, TWO, Case, Cells, case


def zipped(members: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file.getvalue()


def _coded(codec: str, text: str) -> bytes:
    return bytes(pa.Codec(codec).compress(text.encode(), asbytes=True))


PACKERS: dict[str, Callable[[str], bytes]] = {
    "gzip": lambda text: gzip.compress(text.encode()),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "zstd": lambda text: _coded("zstd", text),
    "lz4": lambda text: _coded("lz4", text),
}


def compressions() -> Iterator[Case]:
    for kind, packed in PACKERS.items():
        whole = packed(TEXT)
        yield case(f"{kind}, by its content", whole, TWO)
        yield case(f"{kind}, several members", packed("x,y\n1,") + packed("2\n3,4\n"), TWO)
        empty = packed("") + whole + packed("")
        yield case(f"{kind}, empty members", empty, TWO)
        what = f"d.csv: the {kind} data is "
        yield case(f"{kind}, cut short", whole[:-3], None, error=what)
        yield case(f"{kind}, encoded", packed("\ufeffx,y\n1,2\n"), ONE)
    for kind, magic in {"bzip2": 0, "xz": 1}.items():
        head, rest = PACKERS[kind]("x,y\n1,2\n"), PACKERS[kind]("3,4\n")
        yield case(f"{kind}, zeros between and behind", head + bytes(4) + rest + bytes(8), TWO)
        broken = head + rest[:magic] + b"?" + rest[magic + 1 :]
        what = f"d.csv: the {kind} data is broken"
        yield case(f"{kind}, a broken second member", broken, None, error=what)
    yield case("lzma", lzma.compress(TEXT.encode(), lzma.FORMAT_ALONE), TWO)
    yield case("zip", zipped({"a.csv": TEXT}), TWO, file="d.zip")
    yield case("zip, by its content", zipped({"a.csv": TEXT}), TWO)
    mac = zipped({"a.csv": TEXT, "__MACOSX/._a.csv": "?"})
    yield case("zip with what a Mac adds", mac, TWO, file="d.zip")
    mac = zipped({"in/.DS_Store": "?", "in/a.csv": TEXT})
    yield case("zip with what a Mac's folder has", mac, TWO, file="d.zip")
    yield case("zip of a hidden file", zipped({"_a.csv": TEXT}), TWO, file="d.zip")
    two = "d.zip: the zip archive holds 2 files, and one is read; unpack it"
    yield case("zip of two", zipped({"a.csv": TEXT, "b.csv": TEXT}), None, error=two, file="d.zip")
    tsv = zipped({"in/": "", "in/a.tsv": "x\ty\n1\t2\n"})
    yield case("zip of a tsv", tsv, ONE, file="d.zip")
    yield case("gzip, zeros behind", PACKERS["gzip"](TEXT) + b"\0" * 9, TWO)
    yield case("gzip of utf-16", gzip.compress(TEXT.encode("utf-16")), TWO, encoding="utf-16")
    yield case("gzip in its name alone", TEXT, None, error="d.csv.gz: the gzip", file="d.csv.gz")
    yield case("a suffix for another format", PACKERS["xz"]("x\ty\n1\t2\n"), ONE, file="d.tsv.xz")


def json_lines() -> Iterator[Case]:
    def lines(name: str, text: str | bytes, rows: list[Cells] | None, **more: Any) -> Case:
        return case(name, text, rows, file="d.jsonl", **more)

    yield lines("plain", '{"x":"1","y":"2"}\n', ONE)
    yield lines("numbers as they are", '{"x":1.0,"y":1e5}\n', [["1.0", "1e5"]])
    big = '{"x":14489770110436898243,"y":-0}\n'
    yield lines("large numbers", big, [["14489770110436898243", "-0"]])
    yield lines("booleans and null", '{"x":true,"y":null}\n', [["true", None]])
    yield lines("an empty text", '{"x":"","y":"2"}\n', [[None, "2"]])
    yield lines("another order", '{"x":1,"y":2}\n{"y":4,"x":3}\n', TWO)
    yield lines("an absent key", '{"x":1,"y":2}\n{"y":4}\n', [["1", "2"], [None, "4"]])
    yield lines("blank lines", '\n{"x":1,"y":2}\n\n\n', ONE)
    yield lines("crlf", '{"x":1,"y":2}\r\n{"x":3,"y":4}\r\n', TWO)
    yield lines("a mark", '\ufeff{"x":1,"y":2}\n', ONE)
    yield lines("escapes", '{"x":"\\u00e9\\n","y":"\\""}\n', [["é\n", '"']])
    yield lines("u+2028", '{"x":"a\u2028b","y":2}\n', [["a\u2028b", "2"]])
    yield lines("no object", '{"x":1,"y":2}\n[1]\n', ONE, bad=(2,))
    yield lines("no json", '{"x":1,"y":2}\n{"x":\n{"x":3,"y":4}\n', TWO, bad=(2,))
    yield lines("a key twice", '{"x":1,"y":2}\n{"x":1,"x":2}\n', ONE, bad=(2,))
    yield lines("half a surrogate", '{"x":1,"y":2}\n{"x":"\\ud800","y":1}\n', ONE, bad=(2,))
    yield lines("a list", '{"x":1,"y":2}\n{"x":[1],"y":1}\n', ONE, bad=(2,))
    yield lines("utf-16", '{"x":1,"y":2}\n'.encode("utf-16"), ONE, encoding="utf-16")
    yield lines("nulls", '{"x":"NA","y":-1}\n', [[None, None]], nulls=("NA", "-1"))
    yield lines("trimmed", '{"x":" 1","y":"  "}\n', [["1", None]], trim=True)
    cr = '{"x":1,\r"y":2}\r\n?\n{"x":3,"y":4}'
    yield lines("a cr among blanks", cr, TWO, bad=(3,))
    yield lines("dropped", '{"x":1,"y":2,"z":[3]}\n', ONE, drop=("z",))


def parquet() -> Iterator[Case]:
    def table(name: str, columns: dict[str, Any], rows: list[Cells] | None, **more: Any) -> Case:
        file = io.BytesIO()
        pq.write_table(pa.table(columns), file)
        return case(name, file.getvalue(), rows, file="d.parquet", **more)

    def cells(name: str, column: pa.Array, *texts: str | None) -> Case:
        return table(name, {"x": column}, [[text] for text in texts], names=("x",))

    instant = pa.array([1413896700_000_001], pa.int64())
    yield cells(
        "floats", pa.array([1.0, 0.1, -2.0, 1e20, None]), "1.0", "0.1", "-2.0", "1e+20", None
    )
    yield cells("short floats", pa.array([1.0, 0.1], pa.float32()), "1.0", "0.1")
    yield cells("decimals", pa.array(["1.50", "-2.00"]).cast(pa.decimal128(5, 2)), "1.50", "-2.00")
    small = pa.array(["0.00000010", "0.00000000", None]).cast(pa.decimal128(12, 8))
    yield cells("small decimals", small, "0.00000010", "0.00000000", None)
    yield cells("timestamps", instant.cast(pa.timestamp("us")), "2014-10-21 13:05:00.000001")
    zoned = instant.cast(pa.timestamp("us", "UTC"))
    yield cells("timestamps in UTC", zoned, "2014-10-21 13:05:00.000001Z")
    zoned = instant.cast(pa.timestamp("us", "Europe/Berlin"))
    yield cells("timestamps of a zone", zoned, "2014-10-21 15:05:00.000001+0200")
    yield cells("dates", pa.array([16364], pa.int32()).cast(pa.date32()), "2014-10-21")
    yield cells("times", pa.array([1], pa.int64()).cast(pa.time64("us")), "00:00:00.000001")
    yield cells("booleans", pa.array([True, None]), "true", None)
    yield cells("dictionaries", pa.array(["a", "b", "a"]).dictionary_encode(), "a", "b", "a")
    yield cells("bytes", pa.array([b"a", b""]), "a", None)
    yield cells("large integers", pa.array([2**64 - 1], pa.uint64()), str(2**64 - 1))
    yield cells("nothing", pa.nulls(2), None, None)
    nested = {"x": ["1"], "z": [[1]], "y": ["2"]}
    yield table("a nested column", nested, ONE, categorical=("x", "y"))
    yield table("a nested column, dropped", nested, ONE, drop=("z",))
    yield table("nested columns, dropped by a pattern", nested, ONE, drop=("z*",))
    unknown = {"x": ["1"], "z": pa.array([0], pa.timestamp("us", "Mars/Base")), "y": ["2"]}
    what = "d.parquet: column 'z' is no plain value (timestamp[us, tz=Mars/Base])"
    yield table("a time zone that is not known", unknown, None, error=what)
    yield table("such a column, dropped", unknown, ONE, drop=("z",))
    index = {"x": ["1"], "y": ["2"], "__index_level_0__": [7]}
    yield table("the index of pandas", index, ONE)
    yield table("the index of pandas, dropped", index, ONE, drop=("__index_level_0__",))
    yield table("nulls", {"x": ["NA"], "y": [-1]}, [[None, None]], nulls=("NA", "-1"))
    yield table("trimmed", {"x": [" 1 "], "y": ["2"]}, ONE, trim=True)
    yield table("dropped", {"x": ["1"], "d": [b"\xff"], "y": ["2"]}, ONE, drop=("d",))
    views = {"x": pa.array([b"1", b"\xff"], pa.binary_view()), "y": ["2", "3"]}
    yield table("views of bytes that are no text", views, ONE, bad=(2,))
    yield table("bytes that are no text", {"x": [b"1", b"\xff"], "y": ["2", "3"]}, ONE, bad=(2,))
    yield table("no rows", {"x": pa.array([], pa.string()), "y": pa.array([], pa.int8())}, [])
    broken = json.dumps({"x": 1}).encode()
    what = "d.parquet: is no Parquet file, or is cut short"
    yield case("no parquet at all", broken, None, error=what, file="d.parquet")
