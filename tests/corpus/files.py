"""The files: what stands in them, how they are to be read, and what should come out.

Answers are written down by hand, after RFC 4180 and, where that is silent, Python's csv module.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Cells = list[str | None]


@dataclass(frozen=True)
class Case:
    """One file.

    Attributes:
        name: What is nasty.
        content: The bytes.
        rows: The right answer; None where the file is refused.
        bad: Lines with bad rows.
        error: The beginning of the message, where the file is refused.
        names: Of the columns.
        file: Its name.
        keys: How it is read.
    """

    name: str
    content: bytes
    rows: list[Cells] | None
    bad: tuple[int, ...] = ()
    error: str = ""
    names: tuple[str, ...] = ("x", "y")
    file: str = "d.csv"
    keys: dict[str, Any] = field(default_factory=dict)


def case(
    name: str,
    content: str | bytes,
    rows: list[Cells] | None,
    bad: tuple[int, ...] = (),
    error: str = "",
    names: tuple[str, ...] = ("x", "y"),
    file: str = "d.csv",
    **keys: Any,
) -> Case:
    data = content.encode() if isinstance(content, str) else content
    return Case(name, data, rows, bad, error, names, file, keys)


ONE: list[Cells] = [["1", "2"]]
TWO: list[Cells] = [["1", "2"], ["3", "4"]]
TEXT = "x,y\n1,2\n3,4\n"


def line_ends() -> Iterator[Case]:
    for name, end in {"lf": "\n", "crlf": "\r\n", "cr": "\r"}.items():
        text = TEXT.replace("\n", end)
        yield case(name, text, TWO)
        yield case(f"{name}, none at the end", text.removesuffix(end), TWO)
        yield case(f"{name}, blank lines everywhere", (end * 3).join(["", *text.split(end)]), TWO)
        yield case(f"{name}, only a header", f"x,y{end}", [])
        yield case(f"{name}, in quotes", f'x,y{end}"1{end}2",3{end}', [[f"1{end}2", "3"]])
        yield case(f"{name}, at the edges of a cell", f'x,y{end}"{end}","{end}"{end}', [[end, end]])
    yield case("all three", "x,y\r\n1,2\r3,4\n5,6", [*TWO, ["5", "6"]])
    yield case("lfcr", "x,y\n\r1,2\n\r3,4\n\r", TWO)
    yield case("crcrlf", "x,y\r\r\n1,2\r\r\n", ONE)
    yield case("only a header, no end", "x,y", [])
    yield case("crlf in one cell, lf in another", 'x,y\n"a\r\nb","c\nd"\n', [["a\r\nb", "c\nd"]])
    yield case("cr in a cell of a crlf file", 'x,y\r\n"a\rb",2\r\n', [["a\rb", "2"]])
    for name, sign in {
        "ls": "\u2028", "ps": "\u2029", "nel": "\x85", "fs": "\x1c", "gs": "\x1d", "rs": "\x1e",
        "us": "\x1f", "vt": "\v", "ff": "\f", "nul": "\0", "nbsp": "\xa0", "zwsp": "\u200b",
    }.items():  # fmt: skip
        yield case(f"{name} in a cell", f"x,y\na{sign}b,2\n", [[f"a{sign}b", "2"]])
        yield case(f"{name} is a cell", f"x,y\n{sign},2\n", [[sign, "2"]])
        yield case(f"{name} in a name", f"x{sign},y\n1,2\n", ONE, names=(f"x{sign}", "y"))


def quotes() -> Iterator[Case]:
    yield case("doubled", 'x,y\n"a""b","""c"""\n', [['a"b', '"c"']])
    yield case("only quotes", 'x,y\n"""",""""""\n', [['"', '""']])
    yield case("empty in quotes", 'x,y\n"",2\n', [[None, "2"]])
    yield case("the delimiter in quotes", 'x,y\n",",",,"\n', [[",", ",,"]])
    yield case("a quote in an open cell", 'x,y\na"b,c"\n', [['a"b', 'c"']])
    yield case("text behind a quote", 'x,y\n"a"b,2\n', [["ab", "2"]])
    yield case("text and a quote behind one", 'x,y\n"a"b",2\n', [['ab"', "2"]])
    yield case("a blank before a quote", 'x,y\n1, "2"\n', [["1", ' "2"']])
    yield case("a blank behind a quote", 'x,y\n"1" ,2\n', [["1 ", "2"]])
    yield case("a header in quotes", '"x","y"\n1,2\n', ONE)
    yield case("a line end in a name", '"x\na",y\n1,2\n', ONE, names=("x\na", "y"))
    yield case("a quote in a name", '"x""",y\n1,2\n', ONE, names=('x"', "y"))
    yield case("a delimiter in a name", '"x,",y\n1,2\n', ONE, names=("x,", "y"))
    yield case("open at the end", 'x,y\n1,2\n3,"4\n', ONE, bad=(3,))
    yield case("open, rows behind", 'x,y\n1,"2\n3,4\n', [["3", "4"]], bad=(2,))
    yield case("open, closed in the wrong place", 'x,y\n"1\n"2,3\n5,6\n', [["5", "6"]], bad=(2, 3))
    yield case("open in the header", '"x,y\n1,2\n', None, error="d.csv, line 1: a quote opens")
    yield case("four lines in a cell", 'x,y\n"a\n\n\nb",2\n', [["a\n\n\nb", "2"]])
    yield case("a row that looks like one in a cell", 'x,y\n"1,2\n3,4",5\n', [["1,2\n3,4", "5"]])
    yield case("single quotes mean nothing", "x,y\n'1,2'\n", [["'1", "2'"]])
    yield case("single quotes", "x,y\n'1,2',3\n", [["1,2", "3"]], quote="'")
    yield case("double ones then mean nothing", 'x,y\n"1,2"\n', [['"1', '2"']], quote="'")
    yield case("no quotes", 'x,y\n"1,2"\n', [['"1', '2"']], quote=None)
    yield case("no quotes, open ones", 'x,y\n"1,2\n3,"4\n', [['"1', "2"], ["3", '"4']], quote=None)
    yield case("a quote of two bytes", "x,y\n«1,2«,3\n", [["1,2", "3"]], quote="«")
    yield case("backticks", "x,y\n`1\n2`,3\n", [["1\n2", "3"]], quote="`")


def escapes() -> Iterator[Case]:
    yield case("a quote", 'x,y\n"a\\"b",2\n', [['a"b', "2"]], escape="\\")
    yield case("a delimiter", "x,y\na\\,b,2\n", [["a,b", "2"]], escape="\\")
    yield case("itself", "x,y\n\\\\,2\n", [["\\", "2"]], escape="\\")
    yield case("itself before a quote", 'x,y\n"\\\\",2\n', [["\\", "2"]], escape="\\")
    yield case("a letter", "x,y\n\\n,2\n", [["n", "2"]], escape="\\")
    yield case("a line end", "x,y\na\\\nb,2\n", [["a\nb", "2"]], escape="\\")
    yield case("a line end in quotes", 'x,y\n"a\\\nb",2\n', [["a\nb", "2"]], escape="\\")
    yield case("the first quote", 'x,y\n\\"a,b"\n', [['"a', 'b"']], escape="\\")
    yield case("doubled quotes as well", 'x,y\n"a""b",2\n', [['a"b', "2"]], escape="\\")
    yield case("another escape", 'x,y\n"a~"b",~,\n', [['a"b', ","]], escape="~")
    yield case("the quote itself", 'x,y\n"a""b",2\n', [['a"b', "2"]], escape='"')
    yield case("none without the key", "x,y\na\\,b\n", [["a\\", "b"]])
    yield case("without quotes", 'x,y\n\\",\\,\n', [['"', ","]], quote=None, escape="\\")
    yield case("in a header", "x\\,,y\n1,2\n", ONE, names=("x,", "y"), escape="\\")
    yield case("before two bytes", "x,y\n\\é,2\n", [["é", "2"]], escape="\\")


def delimiters() -> Iterator[Case]:
    for mark in [*";|\t:^~ \x01\x1f\0!§¦→", "😀", "a", "."]:
        text = f"x{mark}y\n1{mark}2\n'{mark}'\n"
        rows: list[Cells] = [["1", "2"], ["'", "'"]]
        yield case(f"{mark!r}", text, rows, delimiter=mark)
        quoted = f'x{mark}y\n"1{mark}"{mark}"\n"\n'
        yield case(f"{mark!r} in quotes", quoted, [[f"1{mark}", "\n"]], delimiter=mark)
    yield case("a semicolon and decimal commas", "x;y\n1,5;2,5\n", [["1,5", "2,5"]], delimiter=";")
    yield case("tsv", "x\ty\n1\t2\n", ONE, file="d.tsv")
    yield case("tsv with blanks", "x\ty\n 1\t2 \n", [[" 1", "2 "]], file="d.tsv")
    yield case("tsv, another delimiter", "x|y\n1|2\n", ONE, file="d.tsv", delimiter="|")
    yield case("tab, by its ending", "x\ty\n1\t2\n", ONE, file="d.tab")
    yield case("empty cells", "x,y\n,\n", [[None, None]])
    yield case("one column", "x\n1\n\n2\n", [["1"], ["2"]], names=("x",))
    yield case("one column, quoted null", 'x\n1\n""\n', [["1"], [None]], names=("x",))


def ragged() -> Iterator[Case]:
    yield case("too few", "x,y\n1\n3,4\n", [["3", "4"]], bad=(2,))
    yield case("too many", "x,y\n1,2,3\n3,4\n", [["3", "4"]], bad=(2,))
    yield case("a delimiter too many at the end", "x,y\n1,2,\n", [], bad=(2,))
    yield case("behind a blank line", "x,y\n\n\n1\n", [], bad=(4,))
    yield case(
        "behind a cell of three lines", 'x,y\n"a\nb\nc",2\n1\n', [["a\nb\nc", "2"]], bad=(5,)
    )
    yield case("all of them", "x,y\n1\n2\n3\n", [], bad=(2, 3, 4))
    yield case("between good ones", "x,y\n1,2\n1\n3,4\n1,2,3\n", TWO, bad=(3, 5))
    yield case("the last, without an end", "x,y\n1,2\n3", ONE, bad=(3,))
    yield case("a blank", "x,y\n1,2\n \n", ONE, bad=(3,))
    yield case("twice a name", "x,x\n1,2\n", None, error="d.csv: the column name 'x' stands twice")
    what = "d.csv, line 1: a column in the header has no name"
    yield case("a column without a name", "x,,y\n1,2,3\n", None, error=what)
    yield case("the last without a name", "x,y,\n1,2,\n", None, error=what)
    yield case("the first without a name", ",x,y\n0,1,2\n", ONE)
    yield case("names of blanks", "x, ,y\n1,2,3\n", [["1", "2", "3"]], names=("x", " ", "y"))


def comments() -> Iterator[Case]:
    keys: dict[str, Any] = {"comment": "#"}
    yield case("at the top", "# a\n#b,c\nx,y\n1,2\n", ONE, **keys)
    yield case("between rows", "x,y\n1,2\n# a\n3,4\n", TWO, **keys)
    yield case("at the end", "x,y\n1,2\n# a", ONE, **keys)
    yield case("with quotes", 'x,y\n# don\'t "do\n1,2\n#"\n3,4\n', TWO, **keys)
    yield case("in quotes", 'x,y\n"a\n# b\nc",2\n', [["a\n# b\nc", "2"]], **keys)
    yield case("in a cell", "x,y\nred,#f00\n", [["red", "#f00"]], **keys)
    yield case("a quoted one", 'x,y\n"# a",2\n', [["# a", "2"]], **keys)
    yield case("behind a blank", "x,y\n #,2\n", [[" #", "2"]], **keys)
    yield case("behind a blank, trimmed", "x,y\n # a\n1,2\n", ONE, trim=True, **keys)
    yield case("two characters", "x,y\n// a\n/1,2\n", [["/1", "2"]], comment="//")
    yield case("a percent sign", "% a\nx,y\n1,2\n", ONE, comment="%")
    yield case("crlf", "# a\r\nx,y\r\n# b\r\n1,2\r\n", ONE, **keys)
    yield case(
        "nothing else", "# a\n# b\n", None, error="d.csv, line 1: there is no header", **keys
    )
    yield case("bad rows behind", "# a\nx,y\n# b\n1\n# c\n1,2\n", ONE, bad=(4,), **keys)
    yield case("none without the key", "x,y\n#,2\n", [["#", "2"]])
    yield case("with an escape", "x,y\n# \\\n1\\,,2\n", [["1,", "2"]], escape="\\", **keys)


def skipped_lines() -> Iterator[Case]:
    yield case("one", "a title\nx,y\n1,2\n", ONE, skip_lines=1)
    yield case("with a quote", 'a "title\nx,y\n1,2\n', ONE, skip_lines=1)
    yield case("blank ones count", "\n\nx,y\n1,2\n", ONE, skip_lines=2)
    yield case("of every kind", "a\rb\r\nc\nx,y\n1,2\n", ONE, skip_lines=3)
    yield case("before comments", "a\n# b\nx,y\n1,2\n", ONE, skip_lines=1, comment="#")
    yield case("behind a mark", "\ufeffa\nx,y\n1,2\n", ONE, skip_lines=1)
    yield case("no header", "a\n1,2\n", ONE, names=("c0", "c1"), skip_lines=1, header=False)
    yield case("bad rows behind", "a\nx,y\n1\n", [], bad=(3,), skip_lines=1)
    what = "d.csv: the file has no more than the 5 lines that dataset.skip_lines leaves out"
    yield case("more than there are", TEXT, None, error=what, skip_lines=5)


def headers() -> Iterator[Case]:
    made = ("c0", "c1")
    yield case("none", "1,2\n3,4\n", TWO, names=made, header=False)
    yield case("none, names given", "1,2\n3,4\n", TWO, columns=("x", "y"))
    yield case("replaced", "a,b\n1,2\n3,4\n", TWO, header=True, columns=("x", "y"))
    yield case("none, blank lines first", "\n\n1,2\n", ONE, names=made, header=False)
    yield case("none, quoted", '"1\n",2\n', [["1\n", "2"]], names=made, header=False)
    yield case("none, one row", "1,2", ONE, names=made, header=False)
    yield case("none, ragged", "1,2\n1\n", ONE, bad=(2,), names=made, header=False)
    yield case("none, but a mark", "\ufeff1,2\n", ONE, names=made, header=False)
    what = "d.csv, line 1: the header has 3 cells, but dataset.columns names 2 columns"
    yield case("too few names", "a,b,c\n1,2,3\n", None, error=what, header=True, columns=("x", "y"))
    yield case("blanks around names", " x , y \n1,2\n", ONE, names=(" x ", " y "))
    yield case("blanks around names, trimmed", " x , y \n1,2\n", ONE, trim=True)
    yield case("nothing but blank lines", "\n\n", None, error="d.csv, line 1: there is no header")
    yield case("numbers as names", "1,2\n3,4\n", [["3", "4"]], names=("1", "2"))
    yield case("names of another script", "名,ж\n1,2\n", ONE, names=("名", "ж"))
    yield case(
        "not UTF-8",
        b"x\xff,y\n1,2\n",
        None,
        error="d.csv, line 1: the header is not UTF-8; "
        "set dataset.encoding to that of the file, such as utf-16 or cp1252",
    )


def blanks_and_nulls() -> Iterator[Case]:
    yield case("kept", "x,y\n 1 ,\t2\n", [[" 1 ", "\t2"]])
    yield case("trimmed", "x,y\n 1 ,\t2\t\n", ONE, trim=True)
    yield case("trimmed to nothing", "x,y\n  ,2\n", [[None, "2"]], trim=True)
    yield case("trimmed before quotes", 'x,y\n1,  "2, 3"\n', [["1", "2, 3"]], trim=True)
    yield case("trimmed behind quotes", 'x,y\n"1,"  ,2\n', [["1,", "2"]], trim=True)
    yield case("trimmed, lines in quotes", 'x,y\n1, "a\nb"\n', [["1", "a\nb"]], trim=True)
    yield case("trimmed, a line of blanks", "x,y\n1,2\n   \n", ONE, trim=True)
    yield case("trimmed, one column", "x\n 1\n  \n2 \n", [["1"], ["2"]], names=("x",), trim=True)
    yield case(
        "trimmed, an escaped line end",
        "x\n1\\\n\n2\n",
        [["1\n"], ["2"]],
        names=("x",),
        escape="\\",
        trim=True,
    )
    yield case("other blanks stay", "x,y\n\xa01,2\u2003\n", [["\xa01", "2\u2003"]], trim=True)
    yield case("nulls", "x,y\nNA,?\n", [[None, None]], nulls=("NA", "?"))
    yield case("nulls are whole cells", "x,y\nNAN,na\n", [["NAN", "na"]], nulls=("NA",))
    yield case("nulls in quotes", 'x,y\n"NA",2\n', [[None, "2"]], nulls=("NA",))
    yield case("nulls, trimmed", "x,y\n NA ,2\n", [[None, "2"]], nulls=("NA",), trim=True)
    yield case("an empty cell as ever", "x,y\n,NA\n", [[None, None]], nulls=("NA",))
    yield case("a backslash and N", "x,y\n\\N,2\n", [[None, "2"]], nulls=("\\N",))
    words: list[Cells] = [["null", "NaN"], ["None", "NULL"]]
    yield case("nothing else is one", "x,y\nnull,NaN\nNone,NULL\n", words)
    yield case("a null with a delimiter", 'x,y\n"a,b",2\n', [[None, "2"]], nulls=("a,b",))


def sizes() -> Iterator[Case]:
    long = "é" * 70_000
    yield case("a huge cell", f"x,y\n{long},2\n3,4\n", [[long, "2"], ["3", "4"]])
    yield case("a huge cell in quotes", f'x,y\n"{long}\n",2\n', [[f"{long}\n", "2"]])
    yield case("a huge name", f"{long},y\n1,2\n", ONE, names=(long, "y"))
    yield case("a huge comment", f"#{long}\nx,y\n#{long}\n1,2\n", ONE, comment="#")
    names = tuple(f"n{index}" for index in range(3000))
    text = ",".join(names) + "\n" + ",".join("1" * 3000) + "\n"
    yield case("many columns", text, [["1"] * 3000], names=names)
    yield case("many rows", "x,y\n" + "1,2\n" * 5000, ONE * 5000)
    yield case("many quotes", 'x,y\n"' + '""' * 9000 + '",2\n', [['"' * 9000, "2"]])
    yield case("many open quotes", "x,y\n" + '1,"2\n' * 300, [], bad=tuple(range(2, 302)))
    what = "d.csv, line 3: the line has more than 20 bytes"
    text = f"x,y\n1,2\n{'a' * 40},2\n"
    yield case("a line too long", text, None, error=what, max_line_bytes=20)
    text = f'x,y\n"{"a" * 15}\n{"b" * 15}",2\n'
    rest: list[Cells] = [["b" * 15 + '"', "2"]]
    yield case("rows too long", text, rest, bad=(2,), max_line_bytes=24)


def encodings() -> Iterator[Case]:
    for width in (16, 32):
        what = f"d.csv: cannot be read as utf-{width} (UTF-{width} stream does not start with BOM)"
        yield case(f"utf-{width}, no mark", TEXT * 2, None, error=what, encoding=f"utf-{width}")
    texts = {
        "cp1252": "€é", "latin-1": "é\x85", "utf-16": "日\u2028", "utf-16-le": "日",
        "utf-16-be": "日", "utf-32": "😀", "utf-8-sig": "é", "shift_jis": "表ソ", "euc_jp": "日本",
        "gb18030": "中😀",
        "big5": "中", "cp037": "a", "koi8-r": "ж", "iso2022_jp": "日本", "cp437": "é", "utf-7": "é",
    }  # fmt: skip
    for encoding, text in texts.items():
        content = f'x,y\n"{text}\n",{text}\n'.encode(encoding)
        yield case(encoding, content, [[f"{text}\n", text]], encoding=encoding)
    yield case("a mark", "\ufeffx,y\n1,2\n", ONE)
    yield case("a mark and quotes", '\ufeff"x","y"\n1,2\n', ONE)
    yield case("a mark later", "x,y\n\ufeff1,2\n", [["\ufeff1", "2"]])
    yield case(
        "a mark of utf-16-le", "\ufeffx,y\n1,2\n".encode("utf-16-le"), ONE, encoding="utf-16-le"
    )
    for bits in (16, 32):
        yield case(
            f"utf-{bits}, and nobody says so",
            "\ufeffx,y\n1,2\n".encode(f"utf-{bits}"),
            None,
            error=f"d.csv: the text is utf-{bits} (byte order mark); "
            f"set dataset.encoding=utf-{bits}",
        )
    stars = "x,z*,y\n1,3,2\n"
    yield case("a name that looks like a pattern", stars, ONE, drop=("z*",))
    yield case("such a name is none", "x,y,y*\n1,2,3\n", ONE, drop=("y*",))
    yield case("two byte order marks", "\ufeff\ufeffx,y\n1,2\n", ONE)
    yield case("bytes that are not UTF-8", b"x,y\n1,\xe9\n3,4\n", [["3", "4"]], bad=(2,))
    yield case("half a character", b"x,y\n1,\xe2\x82\n3,4\n", [["3", "4"]], bad=(2,))
    yield case("a surrogate", b"x,y\n1,\xed\xa0\x80\n3,4\n", [["3", "4"]], bad=(2,))
    yield case("an overlong slash", b"x,y\n1,\xc0\xaf\n3,4\n", [["3", "4"]], bad=(2,))
    yield case("not cp1252", b"x,y\n1,\x81\n3,4\n", [["3", "4"]], bad=(2,), encoding="cp1252")
    yield case("not ascii", "x,y\n1,é\n3,4\n", [["3", "4"]], bad=(2,), encoding="ascii")
    odd = TEXT.encode("utf-16-le") + b"5"
    yield case("half of utf-16", odd, TWO, bad=(4,), encoding="utf-16-le")
    quoted = '"x";"y"\n"1;";"é"\n'.encode("utf-16")
    yield case("utf-16, semicolons", quoted, [["1;", "é"]], encoding="utf-16", delimiter=";")


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


FAMILIES = (
    line_ends, quotes, escapes, delimiters, ragged, comments, skipped_lines, headers,
    blanks_and_nulls, sizes, encodings, compressions, json_lines, parquet,
)  # fmt: skip
