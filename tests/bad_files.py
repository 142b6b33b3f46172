"""Files with a fault, and the message about each."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from tests.runtime.jobs import clicks, gzipped

Content = Mapping[str, bytes | str]
LONG = clicks(20_000, columns=2)
LONG_GZIPPED = gzipped(LONG)


def parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def zstd(content: str) -> bytes:
    return bytes(pa.Codec("zstd").compress(content.encode(), asbytes=True))


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


GOOD = "click,a,b\n1,x,y\n0,x,z\n"
PARQUET = parquet(pa.table({"click": ["1", "0"], "a": ["x", "y"]}))
NUMBER = "expected a number, 0 or 1 for a click"

FAULTS: dict[str, tuple[Content, tuple[str, ...], str]] = {
    "empty file": ({"d.csv": ""}, (), "d.csv: the file is empty"),
    "header only": ({"d.csv": "click,a\n"}, (), "d.csv: there are no rows after the header"),
    "headers only": (
        {"1.csv": "click,a\n", "2.csv": "click,a\n"}, (),
        "the 2 files: there are no rows after the header",
    ),
    "blank lines": ({"d.csv": "\n\n"}, (), "d.csv, line 1: there is no header"),
    "column missing": (
        {"d.csv": GOOD}, ("dataset.label=clicks",),
        "d.csv: there is no column 'clicks'; did you mean 'click'?",
    ),
    "column missing, nothing like it": (
        {"d.csv": GOOD}, ("dataset.id=row",),
        "d.csv: there is no column 'row'; there are: click, a, b",
    ),
    "column missing in a later file": (
        {"1.csv": GOOD, "2.csv": "click,a\n1,x\n"}, (),
        "2.csv: there is no column 'b', unlike in the first file",
    ),
    "column twice": (
        {"d.csv": "click,a,a\n1,x,y\n"}, (),
        "d.csv: the column name 'a' stands twice in the header; name all columns in "
        "dataset.columns, with dataset.header=true",
    ),
    "ragged row, too short": (
        {"d.csv": GOOD + "1,x\n"}, (), "d.csv, line 4: 2 cells, but the header names 3 columns",
    ),
    "ragged row, too long": (
        {"d.csv": GOOD + "\n1,x,y,z\n1\n"}, (),
        "d.csv, line 5: 4 cells, but the header names 3 columns; 1 more bad rows follow closely",
    ),
    "ragged row, far on, behind a cell of several lines": (
        {"d.csv.gz": gzipped('click,a\n1,"x\ny"\n' + "1,x\n" * 9000 + "1\n" + "1,x\n" * 9000)},
        ("runtime.block_bytes=5000",),
        "d.csv.gz, line 9004: 1 cells, but the header names 2 columns",
    ),
    "ragged row in one file of many": (
        {"1.csv": GOOD, "2.csv": GOOD + "1,x\n", "3.csv": GOOD}, (),
        "2.csv, line 4: 2 cells, but the header names 3 columns",
    ),
    "quote left open": (
        {"d.csv": GOOD + '1,"x,y\n0,x,y\n'}, (),
        "d.csv, line 4: a quote opens a cell here and none closes it (a closing quote stands "
        "before a delimiter or a line end)",
    ),
    "gzip cut short": (
        {"d.csv.gz": LONG_GZIPPED[:-3000]}, (), "d.csv.gz: the gzip data is cut short",
    ),
    "gzip cut short in the header": (
        {"d.csv.gz": LONG_GZIPPED[:20]}, (), "d.csv.gz: the gzip data is cut short",
    ),
    "no gzip": (
        {"d.csv.gz": GOOD}, (),
        "d.csv.gz: the gzip data is broken (Not a gzipped file (b'cl'))",
    ),
    "zstd cut short": (
        {"d.csv.zst": zstd(LONG)[:-3000]}, (),
        "d.csv.zst: the zstd data is broken or cut short (Truncated compressed stream)",
    ),
    "header that is not UTF-8": (
        {"d.csv": b"click,caf\xe9\n1,x\n"}, (),
        "d.csv, line 1: the header is not UTF-8; set dataset.encoding to that of the file, such as "
        "utf-16 or cp1252",
    ),
    "row that is not UTF-8": (
        {"d.csv": GOOD.encode() + b"1,caf\xe9,x\n"}, (),
        "d.csv, line 4: column 'a': the bytes b'caf\\xe9' are not UTF-8; "
        "dataset.encoding should be that of the file",
    ),
    "label that is no number": (
        {"d.csv": GOOD + "yes,x,y\n1,x,y\nno,x,y\n"}, (),
        f"d.csv, line 4, column 'click': {NUMBER}, got 'yes'; "
        "1 more such rows follow closely: 'no'",
    ),
    "label that is not finite": (
        {"d.csv": GOOD + "nan,x,y\n"}, (), f"d.csv, line 4, column 'click': {NUMBER}, got 'nan'",
    ),
    "label that is empty": (
        {"d.csv": GOOD + ",x,y\n"}, (),
        f"d.csv, line 4, column 'click': {NUMBER}, got an empty cell",
    ),
    "many bad labels": (
        {"d.csv": GOOD + "".join(f"no{i},x,y\n" for i in range(1000))}, (),
        f"d.csv, line 4, column 'click': {NUMBER}, got 'no0'; "
        "999 more such rows follow closely: 'no1', 'no2', 'no3', 'no4'",
    ),
    "id that is empty": (
        {"d.csv": GOOD + "1,,y\n"}, ("dataset.id=a",),
        "d.csv, line 4, column 'a': expected an id, got an empty cell",
    ),
    "number that is none": (
        {"d.csv": "click,n,a\n1,2.5,x\n0,,x\n0,2;5,x\n"}, ("dataset.numeric=[n]",),
        "d.csv, line 4, column 'n': expected a number, got '2;5'",
    ),
    "number that is infinite": (
        {"d.csv": "click,n,a\n1,inf,x\n"}, ("dataset.numeric=[n]",),
        "d.csv, line 2, column 'n': expected a number, got 'inf'",
    ),
    "hour that is none": (
        {"d.csv": "click,hour\n1,14102100\n0,2014-10-21\n"}, ("transform=time_hashing",),
        "d.csv, line 3, column 'hour': expected an hour as YYMMDDHH, got '2014-10-21'",
    ),
    "every row is bad": (
        {"d.csv": "click,a\nx,1\ny,2\n"}, ("dataset.on_bad_rows=skip",),
        "all 2 rows are bad; nothing is left to write",
    ),
    "JSON that is none": (
        {"d.jsonl": '{"click": 1, "a": "x"}\n{"click": 1,\n'}, (),
        "d.jsonl, line 2: the line is not JSON (Expecting property name enclosed in double "
        "quotes: line 1 column 13 (char 12))",
    ),
    "JSON that is no object": (
        {"d.jsonl": '{"click": 1, "a": "x"}\n[1, 2]\n'}, (),
        "d.jsonl, line 2: the line is not a JSON object",
    ),
    "JSON that is one list": (
        {"d.jsonl": '[{"click": 1, "a": "x"}, {"click": 0, "a": "y"}]'}, (),
        "d.jsonl, line 1: the line is not a JSON object; if the file is one list of objects, "
        "jq -c '.[]' FILE writes each on a line of its own",
    ),
    "CSV that is Parquet": (
        {"d.csv": parquet(pa.table({"click": [1, 0], "a": ["x", "y"]}))}, (),
        "d.csv: is a Parquet file; set dataset.format=parquet",
    ),
    "JSON without the label": (
        {"d.jsonl": '{"click": 1, "a": "x"}\n{"a": "x"}\n'}, (),
        f"d.jsonl, line 2, column 'click': {NUMBER}, got an empty cell",
    ),
    "Parquet with a bad label": (
        {"d.parquet": parquet(pa.table({"click": ["1", "no"], "a": ["x", "y"]}))}, (),
        f"d.parquet, row 2, column 'click': {NUMBER}, got 'no'",
    ),
    "Parquet that is cut short": (
        {"d.parquet": PARQUET[:-9]}, (),
        "d.parquet: is no Parquet file, or is cut short (Parquet magic bytes not found in footer. "
        "Either the file is corrupted or this is not a parquet file.)",
    ),
    "Parquet that is empty": ({"d.parquet": b""}, (), "d.parquet: the file is empty"),
    "name that does not tell the format": (
        {"d.txt": GOOD}, (),
        "d.txt: cannot tell the format from the name; set dataset.format to one of "
        "csv, tsv, parquet, jsonl",
    ),
    "too few rows to shuffle": (
        {"d.csv": "click,a\n1,x\n"}, ("transform.steps.split.method=shuffle",),
        "transform.steps.split: train_fraction=0.8 of 1 rows leaves none to train on",
    ),
}  # fmt: skip
