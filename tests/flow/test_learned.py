"""``transform.learned`` in a flow: a job applies what another job of the flow has yet to learn."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from headrace import CompiledFlow, api, compile_flow, load, targets
from headrace.aws.request import RequestView
from headrace.config.models import JobConfig
from headrace.errors import ConfigError, HeadraceError
from headrace.flow.flow import Flow
from headrace.flow.pipeline import pipeline_of
from headrace.flow.runner import FlowRun
from headrace.flow.step_functions import state_machine
from headrace.job.job import Job
from headrace.prepare import prepare
from headrace.results.result import Result
from headrace.runtime.online import ColumnTransformer
from headrace.runtime.online.run_folder import told
from headrace.runtime.output.outcome import Host, Task
from headrace.runtime.output.seal import sealed
from headrace.runtime.process.execute import execute
from headrace.runtime.spec import LEARNED_INPUT, OUTPUT, JobSpec, under
from headrace.uris import path_of

FLOW = """\
parameters: {day: tuesday}
jobs:
  learn:
    - dataset=csv
    - dataset.path=monday.csv
    - dataset.label=click
    - dataset.id=id
    - dataset.numeric=[price]
    - transform=target
    - transform.steps.target_encode.folds=0
    - output.format=parquet
  apply:
    - transform.learned=${output:learn.report}
    - dataset.path=${param:day}.csv
    - output.format=parquet
  judge:
    - program=script
    - program.path=judge.py
    - inputs.rows=${output:apply.rows}
    - inputs.known=${output:learn.train}
    - outputs=[verdict]
"""
JUDGE = "~flow.jobs.judge"
LEARN: list[str] = yaml.safe_load(FLOW)["jobs"]["learn"]
APPLY = ["transform.learned=${output:learn.report}", "output.format=parquet"]
COLUMNS = ("id", "click", "site", "app", "price")


def day(name: str, seed: int = 0) -> None:
    cells = np.random.default_rng([len(name), seed]).integers(0, 99, (120, 4))
    with Path(f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, (click, site, app, price) in enumerate(cells.tolist()):
            texts = [f"s{site % 5}", f"a{app % 9}" if app else ""]
            writer.writerow([f"{name}{number}", click % 2, *texts, price / 4])


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "conf/flow/week.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(FLOW)
    (tmp_path / "judge.py").write_text("")
    day("monday")
    day("tuesday")
    return tmp_path


def in_this_process(job: Job, config: JobConfig) -> Result:
    """Take the place of `headrace.targets.run`: lay out the inputs, do the job, deliver."""
    place, spec = Path(config.output.path), job.program.spec
    assert spec is not None
    root = place.parent.parent / f"ml-{place.name}"
    shutil.rmtree(root, ignore_errors=True)
    for each in job.view.inputs:
        path = path_of(each.uri)
        if path is not None and path.exists():
            folder = under(root, each.container_path)
            folder.mkdir(parents=True)
            shutil.copytree(path, folder, dirs_exist_ok=True) if path.is_dir() else shutil.copy(
                path, folder
            )
    execute(Task(told(JobSpec.from_json(spec.to_json()), root), root), Host())
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(under(root, OUTPUT), place)
    for name, content in {**job.files, "request.json": json.dumps(job.request).encode()}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    manifest = json.loads((place / "report/manifest.json").read_text())
    return Result(str(place), manifest, 1.0, ())


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "run", in_this_process)


def ran(flow: CompiledFlow) -> FlowRun:
    run = FlowRun(flow.flow)
    run.run()
    return run


def said(run: FlowRun) -> dict[str, str]:
    return {label: state.said for label, state in run.states.items()}


def week(*overrides: str) -> CompiledFlow:
    return compile_flow("flow=week", *overrides)


def table(run: FlowRun, label: str, channel: str) -> pa.Table:
    parts = sorted(Path(run.states[label].place, channel).glob("part-*"))
    return pa.concat_tables([pq.ParquetFile(part).read() for part in parts])


def specs(flow: Flow) -> dict[str, JobSpec]:
    """The jobs as they are before any of them has run."""
    found = {}
    for label, job in flow.jobs.items():
        coming = [uri for other in flow.jobs.values() for uri in other.outputs.values()]
        ready = prepare(job.configured, dry=True, coming=coming, checks_output=False)
        if ready.job.program.spec is not None:
            found[label] = ready.job.program.spec
    return found


def test_a_flow_from_its_beginning_to_its_end() -> None:
    """On the target ``local``; beside Tuesday's rows are Monday's, which the run itself had."""
    own = [*APPLY, "dataset.path=[monday.csv,tuesday.csv]"]
    flow = compile_flow("flow=week", JUDGE, {"flow.jobs.apply": own})
    run = ran(flow)
    assert said(run) == {"learn": "done", "apply": "done"}
    applied = table(run, "apply", "rows")
    rows = {row["id"]: row for row in applied.to_pylist()}
    learned = [table(run, "learn", channel) for channel in ("train", "validation")]
    assert [rows[row["id"]] for each in learned for row in each.to_pylist()] == [
        row for each in learned for row in each.to_pylist()
    ]
    transformer = load(run.states["learn"].place)
    assert isinstance(transformer, ColumnTransformer)
    with Path("tuesday.csv").open() as file:
        given = list(csv.DictReader(file))
    tuesday = applied.slice(applied.num_rows - len(given))
    assert tuesday["id"].to_pylist() == [row["id"] for row in given]
    for name, cells in transformer.rows(given).items():
        assert np.array_equal(cells, tuesday[name].to_numpy(), equal_nan=True), name
    assert said(ran(flow)) == {"learn": "unchanged", "apply": "unchanged"}
    place = run.states["learn"].place
    behind = api.compile({"transform.learned": place, "dataset.path": "tuesday.csv"}, APPLY[1])
    assert behind.job.program.spec is not None
    manifest = run.states["apply"].manifest
    assert manifest["config_sha256"] == behind.job.program.spec.sha256


@pytest.mark.usefixtures("here")
def test_what_was_learned_anew_is_applied_anew() -> None:
    flow = week(JUDGE)
    first = table(ran(flow), "apply", "rows")
    assert said(ran(flow)) == {"learn": "unchanged", "apply": "unchanged"}
    day("monday", seed=1)
    planned = {label: state.said for label, state in flow.plan().items()}
    assert planned == {"learn": "to run (data changed)", "apply": "to run"}
    told: list[str] = []
    run = FlowRun(flow.flow, listener=lambda state: told.append(state.said))
    run.run()
    assert told == ["running (data changed)", "done", "running (jobs changed)", "done"]
    assert not table(run, "apply", "rows").equals(first)
    assert said(ran(week(JUDGE, "flow.parameters.day=monday"))) == {
        "learn": "unchanged",
        "apply": "done",
    }


@pytest.mark.usefixtures("here")
def test_rows_that_do_not_fit_are_refused() -> None:
    """By the plan, before and after the other job has learned; and by the job itself."""
    rows = Path("tuesday.csv")
    rows.write_text(rows.read_text().replace("site", "place", 1))
    flow = week(JUDGE)
    what = (
        "transform.learned: the rows do not fit the run: there is no column 'site' here, which is "
        "categorical there; column 'place' is categorical here and does not exist there"
    )
    for state in ("done", "unchanged"):
        with pytest.raises(ConfigError) as caught:
            flow.plan()
        assert [str(each) for each in caught.value.problems] == [f"flow.jobs.apply: {what}"]
        assert said(ran(flow)) == {"learn": state, "apply": f"failed ({what})"}


def test_data_that_another_job_makes_tells_no_columns() -> None:
    """Data in that place may be of an earlier run."""
    day("monday")
    raw = {"flow.jobs.raw": ["program=script", "program.path=judge.py", "outputs=[rows]"]}
    learn = [each for each in LEARN if not each.startswith("dataset.path")]
    learn.append("dataset.path=${output:raw.rows}")
    Path("outputs/flows/week/raw/rows").mkdir(parents=True)
    Path("outputs/flows/week/raw/rows/a.csv").write_text("id,click,other,price\n1,1,a,2\n")
    flow = compile_flow("flow=week", JUDGE, {**raw, "flow.jobs.learn": learn}).flow
    specs(flow)


def test_the_plan_of_a_flow_without_any_result() -> None:
    flow = week()
    assert {label: state.said for label, state in flow.plan().items()} == {
        "learn": "to run",
        "apply": "to run",
        "judge": "to run",
    }
    found = specs(flow.flow)
    learn, apply = found["learn"], found["apply"]
    assert apply.learned is not None
    assert (apply.learned.columns, apply.learned.states) == ((), {})
    assert apply.learned.config_sha256 == learn.sha256
    assert apply.dataset == learn.dataset
    assert apply.steps == learn.steps
    assert set(apply.outputs) == {"rows", "report"}
    assert JobSpec.from_json(apply.to_json()) == apply
    shown = repr(flow.flow.jobs["apply"].configured.learned)
    assert "run=\"the job 'learn'\"" in shown


def test_the_chain_decides_the_code_and_the_data_do_not() -> None:
    flow = week(JUDGE).flow
    first = specs(flow)["apply"].sha256
    day("monday", seed=1)
    assert specs(flow)["apply"].sha256 == first
    assert specs(other_chain())["apply"].sha256 != first


def other_chain(*overrides: str) -> Flow:
    """Return the flow with another parameter of the chain."""
    learn = [each.replace("folds=0", "folds=2") for each in LEARN]
    return compile_flow("flow=week", JUDGE, {"flow.jobs.learn": learn}, *overrides).flow


def inputs(arguments: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    return {each.name: (each.uri, each.container_path) for each in RequestView(arguments).inputs}


REPORT_PATH = f"{LEARNED_INPUT}/report"


def test_a_pipeline_reads_the_report_of_the_step() -> None:
    own = {"flow.jobs.apply": [*APPLY, "dataset.path=s3://logs/${param:day}/"]}
    place = ("output.path=s3://results/week", "job.role=arn:aws:iam::123456789012:role/r")
    flow = compile_flow("flow=week", own, *place).flow
    pipeline = pipeline_of(flow)
    steps = {step["Name"]: step["Arguments"] for step in pipeline.definition["Steps"]}
    report = "Steps.learn.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri"
    assert inputs(steps["apply"])["learned"] == ({"Get": report}, REPORT_PATH)
    values = ["s3://logs/", {"Get": "Parameters.day"}, "/"]
    assert inputs(steps["apply"])["data"][0] == {"Std:Join": {"On": "", "Values": values}}
    assert not pipeline.fixed
    assert inputs(steps["judge"])["rows"][0] == {
        "Get": "Steps.apply.ProcessingOutputConfig.Outputs['rows'].S3Output.S3Uri"
    }
    assert "/learn/report" in json.dumps(state_machine(pipeline, flow))


NOT_THE_REPORT = (
    "transform.learned: names the report of a job, which has what it learned, as in "
    "transform.learned=${output:learn.report} "
)


def test_what_does_not_fit_is_told_together() -> None:
    said = ["program=script", "program.path=judge.py", "inputs={}", "outputs=[report]"]
    target = ["transform=target", "transform.steps.target_encode.folds=0"]
    rows = "dataset.path=tuesday.csv"
    jobs = {
        "said": said,
        "again": ["transform.learned=${output:apply.report}", rows],
        "program": ["transform.learned=${output:said.report}", rows],
        "rows": ["transform.learned=${output:learn.train}", rows],
        "below": ["transform.learned='${output:learn.report}/state'", rows],
        "chain": [*APPLY, rows, "transform=hashing"],
        "parameter": [*APPLY, rows, *target, "transform.steps.target_encode.smooth=3"],
        "judged": [*APPLY, rows, "evaluation=logistic"],
    }
    with pytest.raises(ConfigError) as caught:
        week(JUDGE, *(f"+flow.jobs.{label}={json.dumps(each)}" for label, each in jobs.items()))
    assert [str(each).removeprefix("flow.jobs.") for each in caught.value.problems] == [
        "again: transform.learned: the job 'apply' itself applies what the job 'learn' learned; "
        "name that",
        "program: transform.learned: the job 'said' runs a program; name a job that runs a chain "
        "of transforms",
        f"rows: {NOT_THE_REPORT}(got ${{output:learn.train}})",
        f"below: {NOT_THE_REPORT}(got '${{output:learn.report}}/state')",
        "chain: transform.steps: the job 'learn' has the steps target_encode, and here are "
        "feature_hasher; leave out all keys of transform to take the run's",
        "parameter: transform.steps.target_encode.smooth: is 3.0 here and 10.0 in the job 'learn'",
        "judged: evaluation: a model is judged on rows that it was not trained on, and "
        "transform.learned does not split the rows; use evaluation=none",
    ]


@pytest.mark.usefixtures("here")
def test_reports_that_a_job_is_told_by(tmp_path: Path) -> None:
    """One of another configuration, which only a mistake by hand brings; those of instances."""
    spec, other = specs(week(JUDGE).flow)["apply"], specs(other_chain())["apply"]
    run = ran(week(JUDGE, "~flow.jobs.apply"))
    manifest, folder = run.states["learn"].manifest, under(tmp_path, LEARNED_INPUT)
    # Nobody puts them together in a pipeline. The first that has read rows says enough.
    nothing = sealed({**manifest, "input_columns": []}, manifest["files"])
    for name, each in {"algo-1": nothing, "algo-2": manifest}.items():
        report = under(tmp_path, f"{REPORT_PATH}/{name}")
        report.mkdir(parents=True)
        (report / "manifest.json").write_text(json.dumps(each))
    made = told(spec, tmp_path).learned
    assert made is not None
    assert made.columns == COLUMNS
    assert told(replace(spec, learned=made), tmp_path).learned is made
    shutil.copytree(
        Path(run.states["learn"].place, "report"), folder / "report", dirs_exist_ok=True
    )
    assert told(spec, tmp_path).learned == made
    with pytest.raises(HeadraceError) as caught:
        told(other, tmp_path)
    assert other.learned is not None
    assert str(caught.value) == (
        f"transform.learned: {folder}: is of another configuration than the one that this job was "
        f"compiled for (config_sha256 is {manifest['config_sha256']}, not "
        f"{other.learned.config_sha256})"
    )


@pytest.mark.usefixtures("here", "aws")
def test_a_report_on_s3_is_looked_at() -> None:
    run, s3 = ran(week(JUDGE, "~flow.jobs.apply")), boto3.client("s3")
    learned = Path(run.states["learn"].place)
    s3.create_bucket(Bucket="mine")
    for file in (each for each in learned.rglob("*") if each.is_file()):
        s3.upload_file(str(file), "mine", f"week/learn/{file.relative_to(learned)}")
    apply = week(JUDGE, "output.path=s3://mine/week").flow.jobs["apply"].configured
    ready = prepare(apply, dry=True, checks_output=False)
    assert ready.inputs["learned"].uri == "s3://mine/week/learn/report"
    Path("monday.csv").write_text("id,click,place,price\n")  # the report counts, not what is here
    prepare(apply, dry=True, checks_output=False)
    other = other_chain("output.path=s3://mine/week").jobs["apply"].configured
    with pytest.raises(ConfigError, match=r"transform\.learned: s3://mine/week/learn: is of anoth"):
        prepare(other, dry=True, checks_output=False)
    Path("tuesday.csv").write_text("id,click,site,price\n1,1,a,2\n")
    with pytest.raises(ConfigError) as caught:
        prepare(apply, dry=True, checks_output=False)
    assert [str(each) for each in caught.value.problems] == [
        "transform.learned: the rows do not fit the run: there is no column 'app' here, which is "
        "categorical there"
    ]
