"""All files of the corpus; those of delimited text stand here.

Answers are written down by hand, after RFC 4180 and, where that is silent, Python's csv module.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.corpus.cases import ONE, TEXT, TWO, Case, Cells, case
from tests.corpus.formats import compressions, json_lines, parquet


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
    yield case("a tab before quotes", 'x,y\n1,\t"2, 3"\n', [["1", "2, 3"]], trim=True)
    yield case(
        "tabs, lines in quotes", 'x,y\n\t "1\n,\t",\t"a""\t\nb"\n', [["1\n,", 'a"\t\nb']], trim=True
    )
    yield case("tabs in quotes", 'x,y\n"1,\t""2""",3\n', [['1,\t"2"', "3"]], trim=True)
    yield case(
        "a tab behind an escaped delimiter",
        'x,y\n1\\,\t"2",3\n',
        [['1,\t"2"', "3"]],
        escape="\\",
        trim=True,
    )
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


FAMILIES = (
    line_ends, quotes, escapes, delimiters, ragged, comments, skipped_lines, headers,
    blanks_and_nulls, sizes, encodings, compressions, json_lines, parquet,
)  # fmt: skip
