"""``transform.learned``: what a run learned, applied to other rows by a job of its own."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headrace import api
from headrace.errors import ConfigError, HeadraceError
from headrace.results.reports import hosts as host_reports
from headrace.runtime.errors import DataError
from headrace.runtime.online import ColumnTransformer, RowTransformer, load
from headrace.runtime.output.outcome import Host, Task
from headrace.runtime.process.execute import execute
from headrace.runtime.process.fused import execute_together
from headrace.runtime.spec import LEARNED_INPUT, OUTPUT, JobSpec, StepSpec, under
from tests.runtime.jobs import Files, Result, clicks, job, laid_out, run
from tests.runtime.learning.test_kit import DATA, HASH, KIT, SPLIT, content
from tests.runtime.online_rows import change

HASHED = [StepSpec("feature_hasher", "feature_hasher", {"n_features": 64})]
SHUFFLE = StepSpec("split", "split", {"method": "shuffle", "train_fraction": 0.5})


def compiled(result: Result, data: Path, *overrides: str) -> JobSpec:
    """The job that the command line makes of it."""
    given = {"transform.learned": result.output, "dataset.path": data}
    spec = api.compile({"output.path": data.parent / "out"}, given, *overrides).job.program.spec
    assert spec is not None
    return JobSpec.from_json(spec.to_json())


def apply(result: Result, files: Files, *overrides: str) -> Result:
    """Do the job in this process, what was learned lying where the request puts it."""
    fresh = laid_out(result.root.parent, files)
    data = fresh / "processing/input/data"
    spec = compiled(result, data, *overrides)
    states = result.output / "report/state"
    if states.exists():
        shutil.copytree(states, under(fresh, LEARNED_INPUT))
    execute(Task(spec, fresh), Host())
    return Result(fresh)


def rows_of(text: str) -> list[dict[str, Any]]:
    return [dict(row) for row in csv.DictReader(io.StringIO(text))]


@pytest.fixture
def dense(tmp_path: Path) -> Result:
    return run(tmp_path, content(), job(steps=KIT, format="parquet", **DATA))


@pytest.fixture
def hashed(tmp_path: Path) -> Result:
    return run(tmp_path, content(), job(steps=[SHUFFLE, *KIT[1:], HASH], **DATA))


def by_id(table: pa.Table) -> dict[str, Any]:
    return {row["id"]: row for row in table.to_pylist()}


def test_the_rows_are_those_of_the_run(dense: Result) -> None:
    """All in one channel; a training row has no fold any more, which only ``c1`` shows."""
    made = apply(dense, content(), "output.format=parquet")
    assert list(made.manifest["channels"]) == ["rows"]
    assert made.manifest["rows"]["written"] == 300
    found = by_id(made.table("rows"))
    assert list(found) == [row["id"] for row in rows_of(content())]
    for channel in ("train", "validation"):
        for key, row in by_id(dense.table(channel)).items():
            if channel == "train":
                row["c1"] = found[key]["c1"]
            assert found[key] == row
    assert "states" not in made.manifest
    assert made.manifest["config_sha256"] != dense.manifest["config_sha256"]


def test_hashed_rows_are_those_of_load(hashed: Result) -> None:
    made, transformer = apply(hashed, content()), load(hashed.output)
    matrix = made.matrix("rows")
    assert isinstance(transformer, RowTransformer)
    sparse = transformer.rows(rows_of(content()))
    assert np.array_equal(matrix.indices, sparse.indices)
    assert np.array_equal(matrix.data, sparse.values)
    assert matrix.shape == (300, 1024)


def test_columns_are_those_of_load(dense: Result) -> None:
    table = apply(dense, content(), "output.format=parquet").table("rows").to_pydict()
    transformer = load(dense.output)
    assert isinstance(transformer, ColumnTransformer)
    for name, cells in transformer.rows(rows_of(content())).items():
        expected = [math.nan if cell is None else cell for cell in table[name]]
        assert np.array_equal(cells, expected, equal_nan=True), name


def test_the_plan_says_what_rows_go_through(tmp_path: Path) -> None:
    result = run(tmp_path, clicks(20), job(steps=[SPLIT, *HASHED], id="id", label="click"))
    data = tmp_path / "tuesday.csv"
    data.write_text(clicks(20))
    shown = repr(api.compile({"transform.learned": result.output, "dataset.path": data}))
    assert "chain    feature_hasher\n" in shown
    assert f"learned  by the run '{result.output}'" in shown


def test_a_chain_that_learned_nothing(tmp_path: Path) -> None:
    plain = run(tmp_path, clicks(60), job(steps=[SPLIT, *HASHED], id="id", label="click"))
    made = apply(plain, clicks(60), "dataset.label=null", "dataset.drop=[click]")
    place = {key: index for index, key in enumerate(made.array("id", "rows"))}
    for channel in ("train", "validation"):
        rows = [place[key] for key in plain.array("id", channel)]
        assert (made.matrix("rows")[rows] != plain.matrix(channel)).nnz == 0


def test_a_label_that_nobody_asks_for_is_left_out(tmp_path: Path) -> None:
    """As in a file of rows to predict, whose cells for it are empty."""
    plain = run(tmp_path, clicks(60), job(steps=[SPLIT, *HASHED], id="id", label="click"))
    rows = [{**row, "click": ""} for row in rows_of(clicks(60))]
    files = {
        "a.csv": "\n".join(",".join(each) for each in (rows[0], *(row.values() for row in rows))),
        "b.jsonl": json.dumps({name: cell for name, cell in rows[0].items() if name != "click"}),
    }
    made = apply(plain, files, "dataset.label=null").matrix("rows")
    expected = apply(plain, clicks(60)).matrix("rows")
    assert (made[:60] != expected).nnz == 0
    assert (made[60] != expected[0]).nnz == 0
    with pytest.raises(HeadraceError, match="column 'click' is numeric here and is the label"):
        apply(plain, files, "dataset.label=null", "dataset.numeric=[click]")


def test_other_rows_in_other_columns_without_a_label(dense: Result) -> None:
    """The order of the columns is the run's, whatever the file's is."""
    names = ["x", "c3", "c2", "id", "c1", "c0"]
    lines = [",".join([row[name] for name in names]) for row in rows_of(content())]
    made = apply(dense, "\n".join([",".join(names), *lines]) + "\n", "output.format=parquet")
    expected = apply(dense, content(), "output.format=parquet").table("rows")
    assert made.table("rows").equals(expected.drop_columns(["click"]))


@pytest.mark.parametrize("overrides", [(), ("dataset.label=null",)])
@pytest.mark.parametrize("has_header", [True, False])
def test_files_that_have_no_label(
    tmp_path: Path, overrides: tuple[str, ...], has_header: bool
) -> None:
    """As those of rows to predict: Criteo's have no header, and Avazu's columns are expected."""
    names = ("click", "c0", "c1")
    lines = [f"{row % 2},v{row % 5},w{row % 3}" for row in range(40)]
    header = [",".join(names)] if has_header else []
    steps = [StepSpec("vocabulary", "vocabulary", {})]
    how: dict[str, Any] = {"columns_expected": names} if has_header else {"columns": names}
    made = run(
        tmp_path,
        "\n".join([*header, *lines]),
        job(steps=steps, format="parquet", label="click", **how),
    )
    text = "\n".join(line.partition(",")[2] for line in [*header, *lines])
    expected = [f"dataset.columns_expected=[{','.join(names)}]"] if has_header else []
    applied = apply(made, text, "output.format=parquet", *expected, *overrides)
    assert applied.table("rows").equals(made.table().drop_columns(["click"]))
    with_label = apply(
        made, "\n".join([*header, *lines]), "output.format=parquet", *expected, *overrides
    )
    assert with_label.manifest["columns"]["label"] == (None if overrides else "click")


def test_files_without_a_header_that_have_other_cells(tmp_path: Path) -> None:
    lines = [f"{row % 2},v{row % 5},w{row % 3}" for row in range(20)]
    steps = [StepSpec("vocabulary", "vocabulary", {})]
    names = ("click", "c0", "c1")
    made = run(tmp_path, "\n".join(lines), job(steps=steps, label="click", columns=names))
    with pytest.raises(ConfigError) as caught:
        apply(made, "v1\nv2\n")
    (problem,) = caught.value.problems
    assert str(problem) == (
        "transform.learned: the rows do not fit the run: data.csv: the first row has 1 cells, but "
        "dataset.columns names 3 columns"
    )
    skipped = apply(made, "v1\n0,v1,w1\nv2,w2\n", "dataset.on_bad_rows=skip")
    assert skipped.manifest["rows"] == {"read": 3, "written": 1, "rejected": 2}


@pytest.mark.parametrize(
    "settings",
    [{"delimiter": ";"}, {"columns": ("id", "click", "c0")}, {"skip_lines": 1, "comment": "#"}],
)
def test_rows_in_files_of_another_format(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Settings of the run's text files mean nothing for these."""
    lines = [f"{row},{row % 2},v{row % 5}" for row in range(40)]
    first = {"columns": [], "skip_lines": ["", "id,click,c0"]}
    text = "\n".join([*first.get(next(iter(settings)), ["id,click,c0"]), *lines])
    steps = [StepSpec("vocabulary", "vocabulary", {})]
    spec = job(steps=steps, format="parquet", id="id", label="click", **settings)
    text = text.replace(",", settings.get("delimiter", ","))
    made = run(tmp_path, text, spec)
    rows = [dict(zip(("id", "click", "c0"), line.split(","), strict=True)) for line in lines]
    files = {"d.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}
    applied = apply(made, files, "output.format=parquet")
    assert applied.table("rows").equals(made.table())
    with pytest.raises(ConfigError) as caught:
        apply(made, files, "output.format=parquet", "dataset.quote=null")
    (problem,) = caught.value.problems
    assert str(problem) == (
        "dataset.quote: Jsonl has no delimited cells, and d.jsonl is read as jsonl: leave it out"
    )


@pytest.mark.parametrize(
    ("text", "overrides", "what"),
    [
        (
            "id,click,c0,c1,c2,x\n1,0,a,b,c,1\n",
            (),
            "there is no column 'c3' here, which is categorical there",
        ),
        (
            "id,click,c0,c1,c2,c3,x,new\n1,0,a,b,c,d,1,n\n",
            (),
            "column 'new' is categorical here and does not exist there",
        ),
        (
            "id,click,c0,c1,c2,c3,x\n1,0,1,b,c,d,1\n",
            ("dataset.numeric=[c0,x]",),
            "column 'c0' is numeric here and categorical there",
        ),
        (
            "id,click,c0,c1,c2,c3,x\n1,0,1,b,c,d,1\n",
            ("dataset.id=null", "dataset.drop=[c0,c2]"),
            "column 'id' is categorical here and is the id there",
        ),
        (
            "click,c0,c1,c2,c3,x\n1,0,1,b,c,1\n",
            (),
            "there is no column 'id'; there are: click, c0, c1, c2, c3, x",
        ),
    ],
)
def test_rows_that_do_not_fit(
    dense: Result, text: str, overrides: tuple[str, ...], what: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        apply(dense, text, "output.format=parquet", *overrides)
    assert "transform.learned: the rows do not fit the run: " in str(caught.value)
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (
            ["transform=hashing"],
            "transform.steps.feature_hasher.n_features: is 1048576 here and 64 in the run {run}",
        ),
        (
            ["transform=custom_hashing"],
            "transform.steps: the run {run} has the steps feature_hasher, and here are "
            "custom_hasher; leave out all keys of transform to take the run's",
        ),
        (
            ["evaluation=logistic"],
            "evaluation: a model is judged on rows that it was not trained on, and "
            "transform.learned does not split the rows; use evaluation=none",
        ),
    ],
)
def test_a_configuration_that_does_not_fit(
    tmp_path: Path, overrides: list[str], problem: str
) -> None:
    result = run(tmp_path, clicks(20), job(steps=[SPLIT, *HASHED], id="id", label="click"))
    data = tmp_path / "tuesday.csv"
    data.write_text(clicks(20))
    with pytest.raises(ConfigError) as caught:
        compiled(result, data, *overrides)
    text = problem.format(run=f"'{result.output}'")
    assert str(caught.value) == f"1 problem in the configuration:\n  {text}"


def test_single_keys_are_those_of_the_runs_chain(tmp_path: Path) -> None:
    """Whatever chain ``conf/`` has, here one without a step of this label."""
    steps = [SPLIT, StepSpec("hashed", "feature_hasher", {"n_features": 64})]
    result = run(tmp_path, clicks(20), job(steps=steps, id="id", label="click"))
    data = tmp_path / "tuesday.csv"
    data.write_text(clicks(20))
    left = compiled(result, data)
    split = "transform.steps.split.method=shuffle"
    for same in ("transform.n_features=64", "transform.steps.hashed.n_features=64", split):
        assert compiled(result, data, same).steps[-1] == left.steps[-1]
    problems = {
        "transform.n_features=32": f"n_features: is 32 here and 64 in the run '{result.output}'",
        "transform.steps.hashed.n_featurs=64": "n_featurs: unknown key; did you mean 'n_features'?",
    }
    for other, problem in problems.items():
        with pytest.raises(ConfigError) as caught:
            compiled(result, data, other)
        assert [str(each) for each in caught.value.problems] == [
            f"transform.steps.hashed.{problem}"
        ]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("${nope}", "'${nope}' cannot be resolved: Interpolation key 'nope' not found"),
        ("20141021", "{here}/20141021: holds no result (report/manifest.json is missing)"),
        ("[a]", 'should be text (got ["a"])'),
    ],
)
def test_places_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        api.compile(f"transform.learned={given}")
    assert [str(each) for each in caught.value.problems] == [
        f"transform.learned: {what.replace('{here}', str(tmp_path))}"
    ]


def test_the_input_of_what_was_learned_has_its_name_alone(dense: Result) -> None:
    data = dense.root.parent / "tuesday.csv"
    data.write_text(content())
    with pytest.raises(ConfigError) as caught:
        compiled(dense, data, "output.format=parquet", f"inputs.learned={data}")
    what = "an input of headrace's own has this name; choose another one"
    assert [str(each) for each in caught.value.problems] == [f"inputs.learned: {what}"]


def test_the_same_chain_may_be_typed(tmp_path: Path) -> None:
    """How the rows were split makes no difference."""
    result = run(tmp_path, clicks(20), job(steps=[SPLIT, *HASHED], id="id", label="click"))
    data = tmp_path / "tuesday.csv"
    data.write_text(clicks(20))
    left = compiled(result, data)
    for overrides in (
        ["transform=hashing", "transform.n_features=64"],
        ["transform=hashing", "transform.n_features=64", "transform.steps.split.method=shuffle"],
        ["transform=hashing", "transform.n_features=64", "~transform.steps.split"],
    ):
        typed = compiled(result, data, *overrides)
        assert typed.steps[-1] == left.steps[-1]
        assert (
            typed.outputs
            == left.outputs
            == {
                "rows": f"{OUTPUT}/rows",
                "report": f"{OUTPUT}/report",
            }
        )


@pytest.mark.parametrize("content_of", ["nothing", "a program", "a file"])
def test_what_is_no_result(tmp_path: Path, content_of: str) -> None:
    folder = tmp_path / "run"
    if content_of == "a file":
        folder.write_text("")
    elif content_of == "a program":
        (folder / "report").mkdir(parents=True)
        (folder / "report/manifest.json").write_text('{"program": {}, "outputs": {}}')
    with pytest.raises(ConfigError) as caught:
        api.compile({"transform.learned": folder})
    what = (
        "holds the files of a program, not the rows of a chain"
        if content_of == "a program"
        else "holds no result (report/manifest.json is missing)"
    )
    assert str(caught.value) == (
        f"1 problem in the configuration:\n  transform.learned: {folder}: {what}"
    )


def test_several_instances(tmp_path: Path, dense: Result) -> None:
    """Where steps have learned already, instances have nothing to tell each other."""
    header, *lines = content().splitlines()
    files = {f"{number}.csv": "\n".join([header, *lines[number::3]]) + "\n" for number in range(3)}
    folder = laid_out(tmp_path, files)
    data = folder / "processing/input/data"
    spec = compiled(dense, data, "output.format=parquet", "resources.instance_count=3")
    names, reports = [f"algo-{number + 1}" for number in range(3)], Result(tmp_path / "together")
    for number, name in enumerate(names):
        root = laid_out(tmp_path, {f"{number}.csv": files[f"{number}.csv"]})
        shutil.copytree(dense.output / "report/state", under(root, LEARNED_INPUT))
        execute(Task(spec, root), Host(name, 3))
        shutil.copytree(under(root, OUTPUT), reports.output, dirs_exist_ok=True)

    def read(file: str) -> bytes | None:
        path = reports.output / "report" / file
        return path.read_bytes() if path.exists() else None

    merged = host_reports.merged(names, read)["manifest.json"]
    assert isinstance(merged, dict)
    expected = apply(dense, content(), "output.format=parquet").manifest["channels"]["rows"]
    assert merged["channels"]["rows"]["digest"] == expected["digest"]


def test_jobs_in_one_go(tmp_path: Path, hashed: Result) -> None:
    fresh = laid_out(tmp_path, content())
    spec = compiled(hashed, fresh / "processing/input/data")
    shutil.copytree(hashed.output / "report/state", under(fresh, LEARNED_INPUT))
    execute_together([Task(spec, fresh)], Host())
    assert (Result(fresh).matrix("rows") != apply(hashed, content()).matrix("rows")).nnz == 0


def test_a_state_that_is_not_the_runs(hashed: Result) -> None:
    fresh = laid_out(hashed.root.parent, content())
    spec = compiled(hashed, fresh / "processing/input/data")
    path = hashed.output / "report/state/ids.arrow"
    path.write_bytes(path.read_bytes()[:-1])
    what = "is not the file that the manifest means (sha256 differs)"
    with pytest.raises(ConfigError) as refused:
        compiled(hashed, fresh / "processing/input/data")
    assert str(refused.value) == (
        f"1 problem in the configuration:\n  transform.learned: {path}: {what}"
    )
    shutil.copytree(path.parent, under(fresh, LEARNED_INPUT))
    with pytest.raises(DataError) as caught:
        execute(Task(spec, fresh), Host())
    assert str(caught.value).endswith(f"learned/ids.arrow: {what}")


def test_a_state_that_is_not_there(hashed: Result) -> None:
    path = hashed.output / "report/state/ids.arrow"
    path.unlink()
    with pytest.raises(ConfigError) as refused:
        api.compile({"transform.learned": hashed.output})
    what = "report/state/ids.arrow cannot be read (No such file or directory)"
    assert refused.value.problems[0].what == f"{hashed.output}: {what}"


def test_a_run_that_did_not_keep_what_it_learned(dense: Result) -> None:
    data = laid_out(dense.root.parent, content()) / "processing/input/data"
    change(dense.output, states=None)
    with pytest.raises(ConfigError) as refused:
        compiled(dense, data, "output.format=parquet")
    (problem,) = refused.value.problems
    assert str(problem) == "transform.steps.filled: the run did not keep what it learned"


def test_a_result_of_what_was_learned(hashed: Result) -> None:
    """The states are in the run that learned, and nowhere else."""
    made = apply(hashed, content())
    what = f"{made.output}: is itself a result of transform.learned; name the run that learned"
    with pytest.raises(ConfigError) as caught:
        api.compile({"transform.learned": made.output})
    assert str(caught.value) == f"1 problem in the configuration:\n  transform.learned: {what}"
    with pytest.raises(HeadraceError) as refused:
        load(made.output)
    assert str(refused.value) == what


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_chain_that_is_empty_without_its_split(tmp_path: Path, format: str) -> None:
    plain = run(tmp_path, clicks(20), job(steps=[SPLIT], format=format, id="id", label="click"))
    made = apply(plain, clicks(20), f"output.format={format}")
    assert made.manifest["rows"]["written"] == 20
