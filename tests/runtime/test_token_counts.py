"""The tokens behind each index: all of them, whatever the threads, and a sample of very many."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.feature_extraction import FeatureHasher

from headrace import open_result
from headrace.results.explain import Token
from headrace.results.reports.hosts import merged
from headrace.results.result import RowsError
from headrace.runtime.chain import typed
from headrace.runtime.chain.chain import ChainError
from headrace.runtime.output.outcome import Host, Task
from headrace.runtime.process.execute import execute
from headrace.runtime.spec import StepSpec
from headrace.runtime.statistics import token_counts
from tests.runtime.jobs import HASH, SPLIT, clicks, job, laid_out, run

CONTENT = clicks(500).replace(",v", ",")
JOB: dict[str, Any] = {"id": "id", "label": "click", "numeric": ("c1",)}
TOKENS = {"tokens": True}


def expected(width: int) -> list[dict[str, Any]]:
    counts: Counter[tuple[str, str | None]] = Counter()
    for row in csv.DictReader(io.StringIO(CONTENT)):
        for name in ("c0", "c1", "c2", "c3"):
            if row[name] and (name != "c1" or float(row[name])):
                counts[name, None if name == "c1" else row[name]] += 1
    made = []
    for (column, value), rows in counts.items():
        token = column if value is None else f"{column}={value}"
        hashed = FeatureHasher(width).transform([{token: 1}])
        made.append(
            {
                "index": int(hashed.indices[0]),
                "column": column,
                "value": value,
                "sign": int(hashed.data[0]),
                "rows": rows,
                "one_in": 1,
            }
        )
    return sorted(made, key=lambda each: (each["index"], each["column"], each["value"] or ""))


@pytest.mark.parametrize("block_bytes", [1 << 20, 999])
def test_every_token_has_its_index(tmp_path: Path, block_bytes: int) -> None:
    spec = job(steps=[SPLIT, HASH], output=TOKENS, block_bytes=block_bytes, **JOB)
    result = run(tmp_path, CONTENT, spec)
    table = pq.read_table(result.output / "report/tokens.parquet")
    assert table.to_pylist() == expected(64)
    assert "report/tokens.parquet" in result.manifest["files"]
    plain = run(tmp_path, CONTENT, job(steps=[SPLIT, HASH], **JOB))
    assert result.manifest["config_sha256"] == plain.manifest["config_sha256"]


def test_an_index_is_explained(tmp_path: Path) -> None:
    result = open_result(run(tmp_path, CONTENT, job(output=TOKENS, **JOB)).output)
    tokens = [
        Token(*(row[key] for key in Token._fields)) for row in expected(64) if row["index"] == 11
    ]
    found = result.explain(11)
    assert sorted(found) == sorted(tokens)
    assert result.explain(True) == result.explain(1)
    assert [each.rows for each in found] == sorted((each.rows for each in found), reverse=True)
    assert {str(Token("a", "b", 1, 2, 1)), str(Token("n", None, 1, 2, 1))} == {"a=b", "n"}
    wrong: tuple[Any, ...] = (64, -1, 2.5, "x", None)
    for index in wrong:
        with pytest.raises(RowsError) as caught:
            result.explain(index)
        assert str(caught.value) == (
            f"{result.output}: explain(): index should be an integer from 0 to 63 (got {index!r})"
        )
    plain = open_result(run(tmp_path, CONTENT, job(**JOB)).output)
    with pytest.raises(RowsError) as caught:
        plain.explain(1)
    assert str(caught.value) == (
        f"{plain.output}: explain() needs the tokens of the job; set output.tokens=true"
    )


def test_an_index_of_other_rows(tmp_path: Path) -> None:
    steps = [StepSpec("vocabulary", "vocabulary", {})]
    result = open_result(run(tmp_path, CONTENT, job(steps=steps, format="npy", **JOB)).output)
    with pytest.raises(RowsError) as caught:
        result.explain(1)
    assert str(caught.value) == (
        f"{result.output}: explain() is for hashed rows; report/feature_map.json names the columns "
        "of others"
    )


def test_very_many_values_are_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_counts, "LIMIT", 10)
    one, other = (
        run(tmp_path, CONTENT, job(output=TOKENS, block_bytes=size, threads=threads, **JOB))
        for size, threads in ((1 << 20, 1), (777, 3))
    )
    assert one.bytes() == other.bytes()
    rows = pq.read_table(one.output / "report/tokens.parquet").to_pylist()
    of_column = [row for row in rows if row["column"] == "c0"]
    assert 0 < len(of_column) <= 10
    assert {row["one_in"] for row in of_column} == {4}
    all_rows = {(row["column"], row["value"]): row["rows"] for row in expected(64)}
    assert all(all_rows[row["column"], row["value"]] == row["rows"] for row in rows)


def test_hosts_are_merged(tmp_path: Path) -> None:
    lines = CONTENT.splitlines(keepends=True)
    report: dict[str, bytes] = {}
    for number, share in enumerate((lines[1:200], lines[200:])):
        host = Host(f"algo-{number + 1}", 2)
        root = laid_out(tmp_path, lines[0] + "".join(share))
        execute(Task(job(output=TOKENS, format="libffm", **JOB), root), host)
        for path in root.rglob("report/*/*"):
            report["/".join(path.parts[-2:])] = path.read_bytes()
    together = merged(["algo-1", "algo-2"], report.get)
    single = run(tmp_path, CONTENT, job(output=TOKENS, format="libffm", **JOB))
    assert together["tokens.parquet"] == (single.output / "report/tokens.parquet").read_bytes()
    assert together["feature_map.json"] == single.manifest["feature_map"]
    manifest = together["manifest.json"]
    assert isinstance(manifest, dict)
    assert {"report/tokens.parquet", "report/feature_map.json"} <= set(manifest["files"])


def test_nothing_is_hashed(tmp_path: Path) -> None:
    vocabulary = StepSpec("vocabulary", "vocabulary", {})
    with pytest.raises(ChainError) as caught:
        run(tmp_path, CONTENT, job(steps=[vocabulary], output=TOKENS, **JOB))
    assert str(caught.value) == (
        "output.tokens: lists what a hasher makes indices of, but no step of the chain hashes; "
        "leave it out"
    )


def test_more_text_than_an_array_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed, "MOST_TEXT", 100)
    result = run(tmp_path, CONTENT, job(steps=[SPLIT, HASH], output=TOKENS, **JOB))
    table = pq.read_table(result.output / "report/tokens.parquet")
    assert table.schema.field("value").type == pa.large_string()
    assert table.to_pylist() == expected(64)
    assert open_result(result.output).explain(11)
