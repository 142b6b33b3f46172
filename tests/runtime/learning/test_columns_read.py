"""The pass that numbers rows reads few columns: the result is the one of a pass that reads all."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

from headrace.runtime.chain.preflight import preflight
from headrace.runtime.errors import DataError
from headrace.runtime.learning.passes import Pass, passes
from headrace.runtime.sources import Group, Parsed
from headrace.runtime.spec import JobSpec, StepSpec
from headrace.runtime.transform import Role
from tests.runtime.jobs import Files, job, parquet_bytes, run
from tests.runtime.learning.test_kit import HASH, content

SHUFFLE = StepSpec("split", "split", {"method": "shuffle"})
NAMED: dict[str, Any] = {"id": "id", "label": "click", "numeric": ("x",)}
NAMELESS: dict[str, Any] = {"id": None, "label": None, "numeric": ()}
"""Every column is a text: one of them is read nevertheless."""


def table() -> pa.Table:
    options = pa_csv.ConvertOptions(column_types={"id": pa.string(), "c0": pa.binary()})
    return pa_csv.read_csv(io.BytesIO(content().encode()), convert_options=options)


def with_bytes(row: int) -> pa.Table:
    """A row is bad in a column that need not be read to number rows."""
    rows = table()
    place = rows.schema.names.index("c0")
    cells = rows.column("c0").to_pylist()
    cells[row] = b"\xff"
    return rows.set_column(place, "c0", pa.array(cells, pa.binary()))


def with_dictionary() -> pa.Table:
    """Arrow cuts what it reads of such a column, and of those beside it, where a row group ends."""
    rows = table()
    place = rows.schema.names.index("c1")
    return rows.set_column(place, "c1", rows.column("c1").cast(pa.string()).dictionary_encode())


def with_label(rows: pa.Table, row: int) -> pa.Table:
    labels = [str(label) for label in rows.column("click").to_pylist()]
    labels[row] = "yes?"
    return rows.set_column(rows.schema.names.index("click"), "click", pa.array(labels))


def grouped(rows: pa.Table) -> Files:
    return {"a.parquet": parquet_bytes(rows, row_group_size=40)}


def json_lines() -> Files:
    rows = pa_csv.read_csv(io.BytesIO(content().encode())).to_pylist()
    return {"a.jsonl": "".join(f"{json.dumps(row)}\n" for row in rows)}


def spec(**settings: Any) -> JobSpec:
    return job(steps=[SHUFFLE, HASH], **{"block_bytes": 9000, **NAMED, **settings})


CASES: dict[str, tuple[Files, dict[str, Any]]] = {
    "CSV": (content(), {}),
    "texts alone": (content(), NAMELESS),
    "JSON lines": (json_lines(), {}),
    "Parquet": (grouped(table()), {}),
    "Parquet, texts alone": (grouped(table()), NAMELESS),
    "Parquet with a dictionary": (grouped(with_dictionary()), {}),
    "bad rows": (grouped(with_bytes(30)), {"on_bad_rows": "skip"}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    files, settings = CASES[name]
    made = run(tmp_path, files, spec(**settings)).bytes()
    monkeypatch.setattr(Pass, "columns", lambda *_: None)
    assert made == run(tmp_path, files, spec(**settings)).bytes()


def test_no_more_is_read_than_can_be_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read: list[set[str]] = []
    parse = Group.parse

    def seen(group: Group) -> Parsed:
        parsed = parse(group)
        read.append(set(parsed.batch.schema.names))
        return parsed

    monkeypatch.setattr(Group, "parse", seen)
    every = set(content().partition("\n")[0].split(","))
    for files, settings, expected in [
        (content(), {}, {"id", "click", "x"}),
        (content(), {"on_bad_rows": "skip"}, every),
        (content(), NAMELESS, {"id"}),
        (grouped(table()), {}, {"id", "click", "x"}),
    ]:
        run(tmp_path, files, spec(**settings))
        middle = len(read) // 2
        assert read == [expected] * middle + [every] * middle
        read.clear()


def test_all_are_read_for_a_step_that_wants_more_than_the_number_of_rows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "data.csv"
    file.write_text(content())
    prepared = preflight(spec(), [file])
    (numbering,) = passes(prepared)
    assert numbering.columns(prepared) is not None
    wanted = (Role.ROW_NUMBER, Role.ROW_TEXT)
    monkeypatch.setattr(type(prepared.links[0].transform), "wants", lambda *_: wanted)
    assert numbering.columns(prepared) is None


def test_the_first_bad_row_is_named_whichever_column_it_is_bad_in(tmp_path: Path) -> None:
    rows = with_label(with_bytes(30), 250)
    with pytest.raises(DataError) as caught:
        run(tmp_path, grouped(rows), spec())
    assert str(caught.value) == ("a.parquet, row 31: column 'c0': the bytes b'\\xff' are not UTF-8")
