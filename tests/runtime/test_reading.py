"""Which columns are read, and what their cells mean: the keys of ``dataset`` for every format."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.errors import JobFailed
from headrace.runtime.errors import DataError, RowError
from headrace.runtime.online import load
from headrace.runtime.online.transformer import RowTransformer
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import CHANNELS, HASH, SPLIT, Files, Result, gzipped, job, run
from tests.runtime.shards import run_shared

AS_THEY_ARE = StepSpec("split", "split", {"train_fraction": 1.0})


def rows(folder: Path, files: Files, **keys: Any) -> list[dict[str, Any]]:
    """The rows of the data, whatever the format, as the columns of a Parquet file."""
    result = run(folder, files, job(steps=(AS_THEY_ARE,), format="parquet", **keys))
    return list(result.table().to_pylist())


def refused(folder: Path, files: Files, **keys: Any) -> str:
    with pytest.raises(DataError) as caught:
        run(folder, files, job(**keys))
    return str(caught.value)


def parquet(table: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(table), file)
    return file.getvalue()


TABLE: dict[str, list[str | None]] = {
    "y": ["yes", "no", "yes"], "a": ["?", " x ", "q"], "b1": ["1", "2", "3"], "b2": ["4", "", "6"],
}  # fmt: skip
NAMES = list(TABLE)
CELLS = list(zip(*TABLE.values(), strict=True))
FILES: dict[str, bytes | str] = {
    "d.csv": "\n".join(",".join(map(str, row)) for row in [NAMES, *CELLS]),
    "d.tsv": "\n".join("\t".join(map(str, row)) for row in [NAMES, *CELLS]),
    "d.jsonl": "\n".join(json.dumps(dict(zip(NAMES, row, strict=True))) for row in CELLS),
    "d.parquet": parquet(TABLE),
}


@pytest.mark.parametrize("name", FILES)
def test_the_same_keys_for_every_format(tmp_path: Path, name: str) -> None:
    found = rows(
        tmp_path, {name: FILES[name]}, label="y", label_values={"yes": 1, "no": -1}, nulls=("?",),
        trim=True, drop=("b1",), numeric=("b*",),
    )  # fmt: skip
    assert found == [
        {"y": 1.0, "a": None, "b2": 4.0},
        {"y": -1.0, "a": "x", "b2": None},
        {"y": 1.0, "a": "q", "b2": 6.0},
    ]


@pytest.mark.parametrize("name", FILES)
def test_columns_that_are_expected(tmp_path: Path, name: str) -> None:
    keys: dict[str, Any] = {"label": "y", "label_values": {"yes": 1, "no": 0}}
    files = {name: FILES[name]}
    expected = ("a", "b1", "b2", "y")
    assert rows(tmp_path, files, columns_expected=expected, **keys)
    hint = "dataset.columns_expected names the columns (null: any columns will do)"
    assert refused(tmp_path, files, columns_expected=(*expected, "z"), **keys) == (
        f"{name}: there is no column 'z'; {hint}"
    )
    assert refused(tmp_path, files, columns_expected=expected[1:], **keys) == (
        f"{name}: the column 'a' is new; {hint}"
    )
    assert refused(tmp_path, files, columns_expected=("y", "q", "r", "b1"), **keys) == (
        f"{name}: there is no column 'q' and the column 'a' is new, and 2 more differ; {hint}"
    )


LABELS = [
    (["0", "1"], {}, [0, 1]),
    (["true", "False", "TRUE"], {}, [1, 0, 1]),
    (["-1", "1"], {}, [-1, 1]),
    (["-1", "1"], {"-1": 0}, [0, 1]),
    (["-1.0", "1", "+1", "2"], {"-1": 0, "1": 7}, [0, 7, 7, 2]),
    (["1.0", "2e0", "1"], {"1": 0, "1.0": 5, "2": 1}, [5, 1, 0]),
    (["cat", "dog", "bird"], {"bird": 0, "cat": 1, "dog": 2}, [1, 2, 0]),
    (["2.5", "1e3"], {}, [2.5, 1000]),
    (["", "x"], {"": 0, "x": 1}, [0, 1]),
]


@pytest.mark.parametrize(("texts", "values", "labels"), LABELS)
def test_labels(
    tmp_path: Path, texts: list[str], values: dict[str, float], labels: list[float]
) -> None:
    content = "y,a\n" + "".join(f"{text},x\n" for text in texts)
    result = run(tmp_path, content, job(label="y", label_values=values))
    assert result.array("label").tolist() == labels
    assert result.manifest["config"]["dataset"].get("label_values", {}) == values


def test_labels_of_booleans(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "d.parquet": parquet({"y": [True, False], "a": ["p", "q"]}),
        "d.jsonl": '{"y": true, "a": "p"}\n{"y": false, "a": "q"}\n',
    }
    for name, content in files.items():
        assert run(tmp_path, {name: content}, job(label="y")).array("label").tolist() == [1, 0]


def test_a_text_without_a_value_is_a_bad_label(tmp_path: Path) -> None:
    content, values = "y,a\nyes,1\nmaybe,2\n", {"yes": 1, "no": 0}
    assert refused(tmp_path, content, label="y", label_values=values) == (
        "data.csv, line 3, column 'y': expected one of 'yes', 'no' or a number, got 'maybe'"
    )


PATTERNS: list[tuple[dict[str, Any], list[str], list[str]]] = [
    ({"numeric": ("I*",)}, ["I1", "I2"], ["C1", "C2", "x[1]"]),
    ({"categorical": ("C?",)}, [], ["C1", "C2"]),
    ({"numeric": ("I*",), "categorical": ("*",)}, ["I1", "I2"], ["C1", "C2", "x[1]"]),
    ({"numeric": ("*",), "categorical": ("C1",)}, ["I1", "I2", "C2", "x[1]"], ["C1"]),
    ({"numeric": ("x[1]",)}, ["x[1]"], ["I1", "I2", "C1", "C2"]),
    ({"drop": ("I*", "C2")}, [], ["C1", "x[1]"]),
    ({"drop": ("*",), "categorical": ("C1",)}, [], ["C1"]),
    ({"drop": ("[CI]*",), "numeric": ("I2",)}, ["I2"], ["x[1]"]),
]


@pytest.mark.parametrize(("keys", "numeric", "categorical"), PATTERNS)
def test_patterns_of_names(
    tmp_path: Path, keys: dict[str, Any], numeric: list[str], categorical: list[str]
) -> None:
    content = "y,I1,I2,C1,C2,x[1]\n1,2,3,4,5,6\n"
    columns = run(tmp_path, content, job(label="y", **keys)).manifest["columns"]
    assert (columns["numeric"], columns["categorical"]) == (numeric, categorical)


def test_names_that_are_not_there(tmp_path: Path) -> None:
    content = "y,aa,b\n1,2,3\n"
    assert refused(tmp_path, content, label="y", drop=("aa1",)) == (
        "data.csv: dataset.drop names the column 'aa1', which is not there; did you mean 'aa'?"
    )
    assert refused(tmp_path, content, label="y", numeric=("I*",)) == (
        "data.csv: no column matches 'I*'; there are: y, aa, b"
    )
    assert rows(tmp_path, content, label="y", drop=("Unnamed*",))


def test_a_table_without_features(tmp_path: Path) -> None:
    assert rows(tmp_path, {"d.csv": "y\n1\n0\n"}, label="y") == [{"y": 1.0}, {"y": 0.0}]
    dropped = rows(tmp_path, {"d.csv": "y,a\n1,2\n"}, label="y", drop=("*",))
    assert dropped == [{"y": 1.0}]


def test_dropped_columns_may_differ_from_file_to_file(tmp_path: Path) -> None:
    files = {"a.csv": "y,a,d1\n1,2,3\n", "b.csv": "y,a\n1,5\n", "c.csv": "d9,a,y\n0,6,1\n"}
    found = rows(tmp_path, files, label="y", drop=("d?", "d1"))
    assert [row["a"] for row in found] == ["2", "5", "6"]
    lines = {"a.jsonl": '{"y":1,"a":"p"}\n' * 1001 + '{"y":0,"a":"q","d1":[1]}\n'}
    assert rows(tmp_path, lines, label="y", drop=("d1",))[-1] == {"y": 0.0, "a": "q"}


def test_a_late_key_that_matches_a_pattern(tmp_path: Path) -> None:
    lines = {"a.jsonl": '{"y":1,"c1":"p"}\n' * 1000 + '{"y":0,"c2":"q"}\n'}
    assert refused(tmp_path, lines, label="y", categorical=("c*",)) == (
        "a.jsonl, line 1001: key 'c2' does not stand in the first 1000 rows; "
        "name the columns in dataset.categorical"
    )


HIVE = {
    "day=2014-10-21/h=a%20b/p.csv": "y,a\n1,p\n",
    "day=2014-10-22/h=__HIVE_DEFAULT_PARTITION__/p.csv": "y,a\n0,q\n",
}


def test_folders_name_columns(tmp_path: Path) -> None:
    assert rows(tmp_path, HIVE, label="y") == [
        {"y": 1.0, "a": "p", "day": "2014-10-21", "h": "a b"},
        {"y": 0.0, "a": "q", "day": "2014-10-22", "h": None},
    ]
    assert rows(tmp_path, HIVE, label="y", partitions=False)[0] == {"y": 1.0, "a": "p"}
    assert rows(tmp_path, HIVE, label="y", drop=("day",))[0] == {"y": 1.0, "a": "p", "h": "a b",
    }  # fmt: skip
    assert rows(tmp_path, HIVE, label="y", nulls=("2014-10-21",))[0]["day"] is None


def test_the_folder_counts_where_the_file_has_the_column_as_well(tmp_path: Path) -> None:
    files = {"k=1/a.csv": "y,k,a\n1,9,p\n", "k=2/a.csv": "y,a\n0,q\n"}
    found = rows(tmp_path, files, label="y")
    assert found == [{"y": 1.0, "k": "1", "a": "p"}, {"y": 0.0, "k": "2", "a": "q"}]


@pytest.mark.parametrize("name", ["p.parquet", "p.jsonl"])
def test_folders_of_other_formats(tmp_path: Path, name: str) -> None:
    content = {"p.parquet": parquet({"y": [1], "a": ["p"]}), "p.jsonl": b'{"y":1,"a":"p"}'}[name]
    assert rows(tmp_path, {f"k=7/{name}": content}, label="y", numeric=("k",)) == [
        {"y": 1.0, "a": "p", "k": 7.0}
    ]


def test_files_in_other_folders(tmp_path: Path) -> None:
    files = {"a/p.csv": "y,a\n1,p\n", "k=2/p.csv": "y,a\n0,q\n"}
    assert refused(tmp_path, files, label="y") == (
        "k=2/p.csv: the first file is in no folder k=…; dataset.partitions=false reads no columns "
        "of folders"
    )
    files = {"k=2/p.csv": "y,a\n0,q\n", "z/p.csv": "y,a\n1,p\n"}
    assert refused(tmp_path, files, label="y") == (
        "z/p.csv: is in no folder k=…, unlike the first file; dataset.partitions=false reads no "
        "columns of folders"
    )


def test_an_index_of_pandas_is_left_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert rows(tmp_path, ",y,a\n0,1,p\n1,0,q\n", label="y")[1] == {"y": 0.0, "a": "q"}
    assert capfd.readouterr().out.splitlines()[0] == (
        "note: the first column, which has no name, is left out as the index of a pandas table; "
        "name all columns in dataset.columns, with dataset.header=true, to use it"
    )
    indexed = {"d.parquet": parquet({"y": [1], "a": ["p"], "__index_level_0__": [5]})}
    assert rows(tmp_path, indexed, label="y") == [{"y": 1.0, "a": "p"}]
    assert capfd.readouterr().out.splitlines()[0] == (
        "note: '__index_level_0__' is left out as the index of a pandas table; "
        "name it in dataset.categorical to use it"
    )
    assert rows(tmp_path, indexed, label="y", id="__index_level_0__")[0]["__index_level_0__"] == "5"


def test_an_id_that_ends_in_nul(tmp_path: Path) -> None:
    assert refused(tmp_path, "i,a\nx\0,1\n", id="i") == (
        "data.csv, line 2, column 'i': expected an id that does not end in NUL, got 'x\\x00'"
    )


def listed(result: Result) -> list[dict[str, Any]]:
    text = (result.output / "report/rejected.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


BAD = {
    f"p{number}.csv": "y,a,n\n" + "".join(
        f"{'x' if row % 7 == 0 else 1},v,{'' if row % 5 else 'bad'}\n" for row in range(40)
    ) + '1,"open\n1,2\n1,\xff,3\n' + "\n\n1,2,3,4\n"
    for number in range(3)
}  # fmt: skip


def test_rejected_rows_are_listed_in_order(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"label": "y", "numeric": ("n",), "on_bad_rows": "skip"}
    files = {name: text.encode("latin-1") for name, text in BAD.items()}
    result = run(tmp_path, files, job(**keys))
    found = listed(result)
    assert len(found) == result.manifest["rows"]["rejected"]
    assert "report/rejected.jsonl" in result.manifest["files"]
    assert found == sorted(found, key=lambda row: (row["file"], row["line"]))
    assert [row["reason"] for row in found[-4:]] == [
        "a quote opens a cell here and none closes it (a closing quote stands before a delimiter "
        "or a line end)",
        "2 cells, but the header names 3 columns",
        "column 'a': the bytes b'\\xff' are not UTF-8; dataset.encoding should be that of the file",
        "4 cells, but the header names 3 columns",
    ]
    assert [row["line"] for row in found[-4:]] == [42, 43, 44, 47]
    for row in found[:3]:
        cells = BAD[row["file"]].splitlines()[row["line"] - 1].split(",")
        assert "x" in cells or "bad" in cells
    for threads, size in ((1, 10), (2, 100), (3, 1 << 20)):
        assert run(tmp_path, files, job(threads=threads, block_bytes=size, **keys)).bytes() == (
            result.bytes()
        )
    shared = run_shared(tmp_path, files, job(**keys), 2)
    assert listed(shared) == found
    assert "report/rejected.jsonl" in shared.manifest["files"]


def test_rejected_rows_behind_a_step_that_leaves_out_rows(tmp_path: Path) -> None:
    bad = {row: "x" if row % 3 else "0" for row in range(5, 400, 7)}  # a label, else an hour
    lines = [f"{row},{bad.get(row, '1')[:1]},1410210{row % 10}" for row in range(400)]
    lines = [line.replace(",0,", ",0,?") if ",0," in line else line for line in lines]
    steps = [
        StepSpec("downsample", "downsample", {"rate": 0.5}),
        StepSpec("time_features", "time_features", {"column": "hour"}),
    ]
    keys: dict[str, Any] = {"id": "id", "label": "y", "on_bad_rows": "skip", "format": "csv"}
    text = "\n".join(["id,y,hour", *lines]) + "\n"
    for size in (1 << 20, 500, 50):
        result = run(tmp_path, text, job(steps=steps, block_bytes=size, **keys))
        found = [(row["line"] - 2, row["reason"][:12]) for row in listed(result)]
        assert len(found) == result.manifest["rows"]["rejected"]
        assert [row for row, _ in found] == sorted(row for row, _ in found)
        labels = [row for row, reason in found if reason == "column 'y': "]
        assert labels == [row for row in bad if bad[row] == "x"]
        hours = [row for row, reason in found if reason == "column 'hour"]
        left = {row for row in bad if bad[row] == "0"}
        assert set(hours) < left
        assert len(hours) > len(left) / 4
        assert result.manifest["rows"]["left_out"] == len(left) - len(hours)


def test_a_thousand_rejected_rows_are_listed(tmp_path: Path) -> None:
    text = "y,a\n" + "1,p\nx,q\n1\n" * 900
    for size in (64, 4096, 1 << 20):
        found = listed(run(tmp_path, text, job(label="y", on_bad_rows="skip", block_bytes=size)))
        assert [row["line"] for row in found] == [
            line for line in range(2, 2 + 2700) if (line - 2) % 3
        ][:1000]


def test_no_rejected_rows_leave_no_list(tmp_path: Path) -> None:
    result = run(tmp_path, "y,a\n1,p\n", job(label="y", on_bad_rows="skip"))
    assert not (result.output / "report/rejected.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "content", "places"),
    [
        ("d.jsonl", '{"y":1,"a":"p"}\n\n[]\n{"y":"x","a":"q"}\n', [3, 4]),
        ("d.csv.gz", gzipped("y,a\n1,p\n1\nx,q\n"), [3, 4]),
        ("d.parquet", parquet({"y": ["1", "x"], "a": ["p", "q"]}), [2]),
    ],
)
def test_rejected_rows_of_other_formats(
    tmp_path: Path, name: str, content: bytes | str, places: list[int]
) -> None:
    result = run(tmp_path, {name: content}, job(label="y", on_bad_rows="skip"))
    assert [(row["file"], row["line"]) for row in listed(result)] == [(name, n) for n in places]


def test_an_instance_with_nothing_but_empty_files(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"a.csv": "", "b.csv": "y,a\n1,p\n0,q\n", "c.csv.gz": b""}
    alone, shared = (
        run(tmp_path, files, job(label="y")),
        run_shared(tmp_path, files, job(label="y"), 3),
    )
    assert shared.manifest["rows"] == alone.manifest["rows"]
    assert shared.manifest["columns"] == alone.manifest["columns"]
    digests = [each.manifest["channels"]["train"]["digest"] for each in (alone, shared)]
    assert digests[0] == digests[1]
    with pytest.raises(JobFailed, match="there are no good rows in what the 2 instances read"):
        run_shared(tmp_path, {"a.csv": "", "b.csv": ""}, job(label="y"), 2)


def test_keys_in_another_order_on_several_instances(tmp_path: Path) -> None:
    files = {"a.jsonl": '{"y":1,"a":"p","b":"q"}\n', "b.jsonl": '{"b":"r","a":"s","y":0}\n'}
    spec = job(steps=(SPLIT, HASH), label="y")
    ordered = type(spec)(**{**vars(spec), "column_order": ("y", "a", "b")})
    alone, shared = run(tmp_path, files, spec), run_shared(tmp_path, files, ordered, 2)
    for channel in CHANNELS[:2]:
        digests = [each.manifest["channels"][channel]["digest"] for each in (alone, shared)]
        assert digests[0] == digests[1]


def test_rows_of_load_obey_the_same_keys(tmp_path: Path) -> None:
    text = "y,a,b,d1\nyes,?, x ,1\nno,p,,2\n"
    keys: dict[str, Any] = {
        "label": "y", "label_values": {"yes": 1, "no": 0}, "nulls": ("?",), "trim": True,
        "drop": ("d*",),
    }  # fmt: skip
    result = run(tmp_path, text, job(**keys))
    matrix, transformer = result.matrix(), load(result.output)
    assert isinstance(transformer, RowTransformer)
    assert transformer.columns == ("a", "b")
    for row, cells in enumerate(({"a": "?", "b": " x "}, {"a": "p ", "b": "  ", "d7": "3"})):
        indices, values = transformer(cells)
        assert indices.tolist() == matrix[row].indices.tolist()
        assert np.array_equal(values, matrix[row].data)
    with pytest.raises(RowError):
        transformer({"a": "p", "b": "q", "e": "1"})
