"""Kinds of files that people have, each made by a function, with the right answer.

The rows are the same in most kinds: an id, a label, a number, a town with accents, a date. What
differs is how they are written.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import random
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

NAMES = ["id", "click", "price", "city", "day"]
CITIES = ["Köln", "Paris", "Málaga", "Oslo", "Zürich", "Łódź"]
LATIN = ["Köln", "Paris", "Málaga", "Oslo", "Zürich", "Orléans"]
Rows = list[list[Any]]


@dataclass(frozen=True)
class Kind:
    """One file and what a look should say.

    Attributes:
        content: The file.
        settings: Keys of ``dataset``, without path and roles.
        names: Columns that the reader gives, in order.
        rows: Their cells, None for null.
        roles: Keys of ``dataset`` that give roles.
        file: Its name.
    """

    content: bytes
    settings: dict[str, Any]
    names: list[str]
    rows: Rows
    roles: dict[str, Any] = field(default_factory=dict)
    file: str = "mine.csv"


KINDS: dict[str, Callable[[], Kind]] = {}


def kind(make: Callable[[], Kind]) -> Callable[[], Kind]:
    KINDS[make.__name__] = make
    return make


def clicks(count: int = 60, cities: Sequence[str] = CITIES) -> Rows:
    chance = random.Random(7)  # noqa: S311 (the same rows in every run)
    return [
        [
            str(1000 + 7 * number),
            str(chance.randrange(2)),
            f"{chance.randrange(1, 9999) / 100:.2f}",
            chance.choice(cities),
            f"2024-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
        ]
        for number in range(count)
    ]


ROLES = {"label": "click", "id": "id", "time": "day", "numeric": ["price"]}


def written(rows: Rows, names: Sequence[str] = NAMES, **dialect: Any) -> str:
    file = io.StringIO()
    writer = csv.writer(file, **{"lineterminator": "\n", **dialect})
    if names:
        writer.writerow(names)
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    return file.getvalue()


def plain(text: str | bytes, rows: Rows, settings: dict[str, Any], **others: Any) -> Kind:
    content = text if isinstance(text, bytes) else text.encode()
    return Kind(content, settings, list(NAMES), rows, **{"roles": dict(ROLES), **others})


@kind
def commas() -> Kind:
    return plain(written(clicks()), clicks(), {})


@kind
def semicolons() -> Kind:
    return plain(written(clicks(), delimiter=";"), clicks(), {"delimiter": ";"})


@kind
def semicolons_and_decimal_commas() -> Kind:
    rows = [[a, b, str(c).replace(".", ","), d, e] for a, b, c, d, e in clicks()]
    roles = {key: value for key, value in ROLES.items() if key != "numeric"}
    return plain(written(rows, delimiter=";"), rows, {"delimiter": ";"}, roles=roles)


@kind
def tabs() -> Kind:
    return plain(written(clicks(), delimiter="\t"), clicks(), {}, file="mine.tsv")


@kind
def tabs_in_a_text_file() -> Kind:
    return plain(written(clicks(), delimiter="\t"), clicks(), {"format": "tsv"}, file="mine.txt")


@kind
def bars() -> Kind:
    settings = {"format": "csv", "delimiter": "|"}
    return plain(written(clicks(), delimiter="|"), clicks(), settings, file="mine.dat")


@kind
def hive() -> Kind:
    rows = [
        [cell if number % 3 else None, *others] for number, (cell, *others) in enumerate(clicks())
    ]
    rows = [[*others[:3], *others[3:], first] for first, *others in rows]
    text = "\n".join("\x01".join(r"\N" if cell is None else cell for cell in row) for row in rows)
    settings = {
        "format": "csv", "delimiter": "\x01", "header": False, "nulls": [r"\N"],
    }  # fmt: skip
    names = [f"c{index}" for index in range(5)]
    roles = {"label": "c0", "time": "c3", "numeric": ["c1"]}
    return Kind(text.encode() + b"\n", settings, names, rows, roles, "000000_0.txt")


@kind
def cp1252() -> Kind:
    rows = clicks(cities=[*LATIN, "L\u2019Œuvre \u2013 5 €"])
    return plain(written(rows).encode("cp1252"), rows, {"encoding": "cp1252"})


@kind
def utf16() -> Kind:
    return plain(written(clicks()).encode("utf-16"), clicks(), {"encoding": "utf-16"})


@kind
def utf16_without_a_mark() -> Kind:
    rows = clicks(cities=LATIN)
    return plain(written(rows).encode("utf-16-le"), rows, {"encoding": "utf-16-le"})


@kind
def utf8_with_a_mark() -> Kind:
    return plain(b"\xef\xbb\xbf" + written(clicks()).encode(), clicks(), {})


@kind
def cyrillic() -> Kind:
    rows = clicks(cities=["Москва", "Санкт-Петербург", "Новосибирск", "Екатеринбург", "Казань"])
    return plain(written(rows).encode("cp1251"), rows, {"encoding": "cp1251"})


@kind
def carriage_returns() -> Kind:
    return plain(written(clicks(), lineterminator="\r\n"), clicks(), {})


@kind
def every_cell_in_quotes() -> Kind:
    rows = [[a, b, c, f'{d}, the "old" town', e] for a, b, c, d, e in clicks()]
    return plain(written(rows, quoting=csv.QUOTE_ALL), rows, {})


@kind
def line_ends_in_cells() -> Kind:
    rows = [[a, b, c, f"{d}\nEurope", e] for a, b, c, d, e in clicks()]
    return plain(written(rows), rows, {})


@kind
def single_quotes() -> Kind:
    rows = [[a, b, c, f"{d}, Europe", e] for a, b, c, d, e in clicks()]
    return plain(written(rows, quotechar="'"), rows, {"quote": "'"})


@kind
def quotes_that_mean_nothing() -> Kind:
    rows = [[a, b, c, f'"{d} 5" wide' if int(a) % 3 else d, e] for a, b, c, d, e in clicks()]
    text = "\n".join("\t".join(map(str, row)) for row in [NAMES, *rows]) + "\n"
    return plain(text, rows, {"quote": None}, file="mine.tsv")


@kind
def escaped_quotes() -> Kind:
    rows = [[a, b, c, f'{d} "old", town', e] for a, b, c, d, e in clicks()]
    text = written(rows, doublequote=False, escapechar="\\", quoting=csv.QUOTE_ALL)
    return plain(text, rows, {"escape": "\\"})


@kind
def blanks_after_commas() -> Kind:
    text = "\n".join(", ".join(map(str, row)) for row in [NAMES, *clicks()]) + "\n"
    return plain(text, clicks(), {"trim": True})


@kind
def blanks_before_quotes() -> Kind:
    rows = [[a, b, c, f"{d}, Europe", e] for a, b, c, d, e in clicks()]
    lines = [", ".join(f'"{cell}"' for cell in row) for row in [NAMES, *rows]]
    return plain("\n".join(lines) + "\n", rows, {"trim": True})


@kind
def comments_above() -> Kind:
    text = "# made by a tool, in 2024\n# do not edit\n" + written(clicks())
    return plain(text, clicks(), {"comment": "#"})


@kind
def comments_between() -> Kind:
    header, *lines = written(clicks()).splitlines(keepends=True)
    lines[20:20] = ["# the second batch\n"]
    return plain("".join([header, *lines]), clicks(), {"comment": "#"})


@kind
def a_title_above() -> Kind:
    text = "Report of all clicks\nmade in 2024\n\n" + written(clicks(), delimiter=";")
    return plain(text, clicks(), {"delimiter": ";", "skip_lines": 3})


@kind
def no_header() -> Kind:
    names = [f"c{index}" for index in range(5)]
    roles = {"label": None, "time": "c4", "numeric": ["c2"], "drop": ["c0"]}
    return Kind(written(clicks(), []).encode(), {"header": False}, names, clicks(), roles)


@kind
def nulls_of_several_kinds() -> Kind:
    rows = clicks()
    texts = clicks()
    for number, mark in enumerate(["?", "NA", "-", "NULL"] * 3):
        rows[number][2], texts[number][2] = None, mark
    return plain(written(texts), rows, {"nulls": ["-", "?", "NA", "NULL"]})


@kind
def index_of_pandas() -> Kind:
    rows = [[str(number), *row] for number, row in enumerate(clicks())]
    text = written(rows, ["", *NAMES])
    return plain(text, clicks(), {})


@kind
def index_with_a_name() -> Kind:
    rows = [[str(number), *row] for number, row in enumerate(clicks())]
    text = written(rows, ["Unnamed: 0", *NAMES])
    return plain(text, clicks(), {}, roles={**ROLES, "drop": ["Unnamed: 0"]})


@kind
def yes_and_no() -> Kind:
    rows = [[a, {"0": "no", "1": "yes"}[str(b)], c, d, e] for a, b, c, d, e in clicks()]
    roles = {"label": "click", "label_values": {"no": 0, "yes": 1}, **ROLES}
    return plain(written(rows), rows, {}, roles=roles)


@kind
def minus_one_and_one() -> Kind:
    rows = [[a, {"0": "-1", "1": "1"}[str(b)], c, d, e] for a, b, c, d, e in clicks()]
    roles = {"label": "click", "label_values": {"-1": 0, "1": 1}, **ROLES}
    return plain(written(rows), rows, {}, roles=roles)


@kind
def several_classes() -> Kind:
    names = ["sepal_length", "sepal_width", "species"]
    chance = random.Random(3)  # noqa: S311
    rows: Rows = [
        [
            str(chance.random()),
            str(chance.random()),
            chance.choice(["setosa", "virginica", "versicolor"]),
        ]
        for _ in range(60)
    ]
    values = {"setosa": 0, "versicolor": 1, "virginica": 2}
    roles = {"label": "species", "label_values": values, "numeric": names[:2]}
    return Kind(written(rows, names).encode(), {}, names, rows, roles)


@kind
def twice_the_same_name() -> Kind:
    names = ["id", "click", "price", "price", "day"]
    rows = [[a, b, c, f"{len(str(d))}.5", e] for a, b, c, d, e in clicks()]
    renamed = ["id", "click", "price", "price_2", "day"]
    settings = {"header": True, "columns": renamed}
    roles = {**ROLES, "numeric": ["price", "price_2"]}
    return Kind(written(rows, names).encode(), settings, renamed, rows, roles)


@kind
def ragged_rows() -> Kind:
    lines = written(clicks()).splitlines(keepends=True)
    lines.insert(30, "broken,row\n")
    return plain("".join(lines), clicks(), {"on_bad_rows": "skip"})


@kind
def gzipped() -> Kind:
    return plain(gzip.compress(written(clicks()).encode()), clicks(), {}, file="mine.csv.gz")


@kind
def gzipped_without_saying_so() -> Kind:
    return plain(gzip.compress(written(clicks()).encode()), clicks(), {})


@kind
def bzip2() -> Kind:
    return plain(bz2.compress(written(clicks()).encode()), clicks(), {}, file="mine.csv.bz2")


@kind
def xz() -> Kind:
    return plain(lzma.compress(written(clicks()).encode()), clicks(), {}, file="mine.csv.xz")


@kind
def zipped() -> Kind:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.csv", written(clicks()))
    return plain(file.getvalue(), clicks(), {}, file="mine.csv.zip")


@kind
def json_lines() -> Kind:
    rows = clicks()
    lines = [
        json.dumps(dict(zip(NAMES, [int(str(a)), int(str(b)), c, d, e], strict=True)))
        for a, b, c, d, e in rows
    ]
    return plain("\n".join(lines) + "\n", rows, {}, file="mine.jsonl")


@kind
def json_lines_with_nested_keys() -> Kind:
    rows = clicks()
    lines = [
        json.dumps({**dict(zip(NAMES, row, strict=True)), "user": {"age": 3}, "tags": []})
        for row in rows
    ]
    text = "\n".join(lines)
    return plain(text, rows, {}, file="mine.jsonl", roles={**ROLES, "drop": ["user", "tags"]})


@kind
def parquet_with_a_list() -> Kind:
    rows = clicks()
    columns = dict(zip(NAMES, map(list, zip(*rows, strict=True)), strict=True))
    file = io.BytesIO()
    pq.write_table(pa.table({**columns, "tags": [["a"]] * len(rows)}), file)
    roles = {**ROLES, "drop": ["tags"]}
    return plain(file.getvalue(), rows, {}, file="mine.parquet", roles=roles)


@kind
def json_lines_under_another_name() -> Kind:
    made = json_lines()
    return plain(made.content, made.rows, {"format": "jsonl"}, file="mine.log")


@kind
def parquet() -> Kind:
    rows = clicks()
    a, b, c, d, e = zip(*rows, strict=True)
    table = pa.table(
        {
            "id": pa.array(map(int, map(str, a))),
            "click": pa.array([cell == "1" for cell in b]),
            "price": pa.array(map(float, map(str, c))),
            "city": pa.array(d),
            "day": pa.array(e).cast(pa.date32()),
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file)
    said: Rows = [
        [a, {"0": "false", "1": "true"}[str(b)], str(float(str(c))), d, e] for a, b, c, d, e in rows
    ]
    return plain(file.getvalue(), said, {}, file="mine.parquet")
