"""`join` against pandas, and the way of its table from the job's input to `load()`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import compile
from headrace.runtime.chain import typed
from headrace.runtime.chain.chain import ChainError
from headrace.runtime.errors import DataError, HeadraceError
from headrace.runtime.online import load
from headrace.runtime.online.transformer import RowTransformer
from headrace.runtime.output.outcome import Host, Task
from headrace.runtime.process.execute import execute
from headrace.runtime.process.fused import execute_together
from headrace.runtime.spec import INPUT, JobSpec, StepSpec, under
from headrace.runtime.transform import Role
from tests.runtime.jobs import HASH, SPLIT, Result, job, laid_out
from tests.transforms.batches import UNICODE, batch_of
from transforms.join import Join

KEYS = st.one_of(st.none(), st.sampled_from(["a", "b", "é", "1", "01"]), UNICODE)
CELLS = st.one_of(st.none(), UNICODE)
NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
LOOKUP = {"input": "sites", "key": "site", "columns": ["topic", "visits"], "numeric": ["visits"]}
SITES = "site,topic,visits,more\na,news,120,x\nb,games,7,\nc,,2.5,\n"
ROWS = "id,click,site\n1,0,a\n2,1,z\n3,1,\n4,0,b\n5,0,c\n"


@given(
    st.lists(KEYS, max_size=12),
    st.dictionaries(KEYS, st.tuples(CELLS, NUMBERS), max_size=8),
)
def test_pandas_merges_the_same(keys: list[Any], table: dict[Any, tuple[Any, Any]]) -> None:
    known = {key: cells for key, cells in table.items() if key is not None}
    texts = [None if number is None else repr(number) for _, number in table.values()]
    given_table = pa.table(
        {
            "k": pa.array(list(table), pa.string()),
            "topic": pa.array([text for text, _ in table.values()], pa.string()),
            "visits": pa.array(texts, pa.string()),
        }
    )
    step = Join("t", "site", ("topic", "visits"), "k", ("visits",), "site_")
    rows = batch_of({"site": ["a", *keys], "c": ["x"] * (len(keys) + 1)}).slice(1)
    made = step.with_state(step.state_of(given_table)).apply(rows)
    right = pd.DataFrame(
        [(key, *cells) for key, cells in known.items()], columns=["k", "site_topic", "site_visits"]
    ).astype(object)
    left = pd.DataFrame({"site": keys, "c": ["x"] * len(keys)}).astype(object)
    merged = left.merge(right, how="left", left_on="site", right_on="k").drop(columns="k")
    expected = merged.astype(object).where(merged.notna(), None)
    assert made.to_pydict() == expected.to_dict("list")


def brought(tmp_path: Path, spec: JobSpec, **tables: bytes | str) -> Path:
    """The root of a job, with a table in its place."""
    root = laid_out(tmp_path, ROWS)
    folder = under(root, f"{INPUT}/sites")
    folder.mkdir(parents=True)
    for name, content in tables.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def spec_of(*steps: StepSpec, **lookup: Any) -> JobSpec:
    step = StepSpec("join", "join", {**LOOKUP, **lookup})
    made = job(steps=[*(steps or (SPLIT,)), step, HASH], id="id", label="click")
    return replace(made, inputs={"sites": f"{INPUT}/sites"})


def as_parquet() -> bytes:
    columns = {"site": ["a", "b", "c"], "topic": ["news", "games", None], "visits": [120, 7, 2.5]}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue().to_pybytes())


def test_a_whole_job_and_its_single_rows(tmp_path: Path) -> None:
    spec = spec_of()
    root = brought(tmp_path, spec, sites_csv=SITES)
    execute(Task(spec, root), Host())
    result = Result(root)
    assert result.metrics["columns"]["topic"]["distinct"] == 2
    assert result.manifest["states"]["join"]["file"] == "report/state/join.arrow"
    transformer = load(result.output)
    assert isinstance(transformer, RowTransformer)
    sites = {"1": "a", "2": "z", "3": None, "4": "b", "5": "c"}
    for channel in ("train", "validation"):
        for name, row in zip(result.array("id", channel), result.matrix(channel), strict=True):
            indices, values = transformer({"site": sites[name.decode()]})
            assert (indices.tolist(), values.tolist()) == (row.indices.tolist(), row.data.tolist())


@pytest.mark.parametrize(
    "tables",
    [
        {"a_parquet": as_parquet()},
        {"1_csv": SITES[:36], "2_csv": "site,topic,visits,more\nb,games,7,\nc,,2.5,\n"},
        {"t_jsonl": '{"site":"a","topic":"news","visits":120}\n{"site":"b","topic":"games",'
         '"visits":7}\n{"site":"c","topic":null,"visits":2.5}\n'},
    ],
)  # fmt: skip
def test_tables_in_other_formats_and_in_pieces(tmp_path: Path, tables: dict[str, Any]) -> None:
    spec = spec_of()
    roots = [brought(tmp_path, spec, sites_csv=SITES), brought(tmp_path, spec, **tables)]
    for root in roots:
        execute(Task(spec, root), Host())
    one, other = (Result(root).manifest["channels"] for root in roots)
    assert one == other


def test_jobs_of_several_widths_and_hosts(tmp_path: Path) -> None:
    spec = spec_of()
    wider = replace(
        spec,
        steps=(*spec.steps[:2], StepSpec("feature_hasher", "feature_hasher", {"n_features": 128})),
    )
    roots = [brought(tmp_path, spec, sites_csv=SITES) for _ in range(4)]
    execute_together([Task(spec, roots[0]), Task(wider, roots[1])], Host())
    execute(Task(wider, roots[2]), Host())
    assert Result(roots[1]).bytes() == Result(roots[2]).bytes()
    execute(Task(spec, roots[3]), Host("algo-2", 2))
    report = Result(roots[3]).output / "report/algo-2"
    assert (report / "state/join.arrow").is_file()
    assert '"report/algo-2/state/join.arrow"' in (report / "manifest.json").read_text()


@pytest.mark.parametrize(
    ("table", "lookup", "message"),
    [
        (SITES + "a,again,1,\n", {}, "inputs.sites: the key 'a' stands twice in 'site'"),
        (SITES, {"table_key": "sit"},
         "transform.steps.join: inputs.sites: there is no column 'sit'; did you mean 'site'?"),
        (SITES, {"columns": ["visits", "topics"]},
         "transform.steps.join: inputs.sites: there is no column 'topics'; did you mean 'topic'?"),
        (SITES, {"numeric": ["topic"]},
         "inputs.sites: column 'topic' should hold numbers (got 'news')"),
        ("site,topic,visits\na,x,inf\n", {},
         "inputs.sites: column 'visits' should hold numbers (got 'inf')"),
        (SITES, {"key": "where"},
         "transform.steps.join: there is no column 'where' at this point of the chain"),
        (SITES, {"key": "click"},
         "transform.steps.join: column 'click' should be text, or the id, to be looked up"),
        (SITES, {"columns": ["site", "visits"], "prefix": ""},
         "transform.steps.join: there is a column 'site' already"),
        ("site,topic,visits\na,x\n", {},
         "inputs.sites: sites.csv, line 2: 2 cells, but the header names 3 columns"),
        ("", {}, "inputs.sites: sites.csv: the file is empty"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit(
    tmp_path: Path, table: str, lookup: dict[str, Any], message: str
) -> None:
    spec = spec_of(**lookup)
    with pytest.raises(HeadraceError) as caught:
        execute(Task(spec, brought(tmp_path, spec, sites_csv=table)), Host())
    assert str(caught.value) == message
    assert isinstance(caught.value, ChainError if message.startswith("transform") else DataError)


def test_the_id_may_be_the_key() -> None:
    step = Join("t", "id", ("c",))
    rows = batch_of({"id": ["1", "2"]}, {"id": Role.ID})
    table = pa.table({"id": ["2"], "c": ["x"]})
    assert step.with_state(step.state_of(table)).apply(rows).column("c").to_pylist() == [None, "x"]


def test_a_plan_reads_the_files_of_a_table_that_the_job_reads(tmp_path: Path) -> None:
    """Unfinished work in a hidden folder is none of them."""
    for name, text in (("sites/a.csv", SITES), ("sites/_temporary/0/a.csv", "broken\n")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "rows.csv").write_text("click,site\n1,a\n0,b\n")
    compiled = compile(
        {"dataset": "csv", "dataset.path": tmp_path / "rows.csv", "dataset.label": "click"},
        {"inputs.sites": str(tmp_path / "sites"), "output.path": tmp_path / "out"},
        "+transform.steps.join={input: sites, key: site, columns: [topic], before: feature_hasher}",
    )
    assert compiled.notes == ()


def test_a_table_with_too_much_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed, "MOST_TEXT", 30)
    text = SITES.replace("news", "n" * 31)
    with pytest.raises(DataError) as caught:
        execute(Task(spec_of(), brought(tmp_path, spec_of(), sites_csv=text)), Host())
    what = "column 'topic' holds more than 30 bytes of text; a table is read whole"
    assert str(caught.value) == f"inputs.sites: {what}"
