"""``plan`` writes and shows, ``schema`` describes, ``run`` hands the job to the target."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from omegaconf import DictConfig, OmegaConf

from headrace import targets
from headrace.cli import actions
from headrace.cli.actions import schema
from headrace.config.compose import compose
from headrace.config.models import JobConfig
from headrace.errors import ConfigError
from headrace.job.job import Job
from headrace.results import pages
from headrace.results.result import Channel, Result

Composer = Callable[..., DictConfig]


def test_plan_writes_what_would_be_sent_and_runs_nothing(
    composed: Composer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delattr(targets, "run")
    actions.perform(compose(composed("action=plan", "backend.region=eu-west-1", "job.name=ctr")))
    out = tmp_path / "out"
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert written == {"request.json", "code/entry.pyz", "plan.json"}
    request = json.loads((out / "request.json").read_text())
    assert request["ProcessingJobName"] == "ctr"
    assert zipfile.ZipFile(out / "code" / "entry.pyz").testzip() is None
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    sample = request["ProcessingInputs"][0]["S3Input"]["S3Uri"]
    assert lines == [
        "name from to",
        f"input data {sample} /opt/ml/processing/input/data",
        f"input code file://{out}/code/entry.pyz /opt/ml/processing/input/code",
        f"output train /opt/ml/processing/output/train file://{out}/train",
        f"output validation /opt/ml/processing/output/validation file://{out}/validation",
        f"output report /opt/ml/processing/output/report file://{out}/report",
        "",
        "job ctr",
        f"image {request['AppSpecification']['ImageUri']}",
        "starts python3 /opt/ml/processing/input/code/entry.pyz",
        "chain split → feature_hasher",
        f"request {out}/request.json",
    ]


def test_a_plan_may_be_made_again_in_its_own_folder(composed: Composer, tmp_path: Path) -> None:
    plan = compose(composed("action=plan", "job.name=ctr"))
    actions.perform(plan)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    actions.perform(plan)
    after = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert after == before


def test_a_plan_leaves_a_result_as_it_is(
    composed: Composer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    actions.perform(compose(composed()))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError) as caught:
        actions.perform(compose(composed("action=plan")))
    assert str(caught.value).splitlines()[1:] == [
        f"  output.path: the folder '{out}' holds a result; "
        "choose another or set output.overwrite=true"
    ]
    capsys.readouterr()
    actions.perform(compose(composed("action=plan", "output.overwrite=true")))
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"note     no request is written: '{out}' holds a result, which a plan leaves"
    )
    after = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize("overwrite", ["true", "false"])
def test_a_plan_never_removes_a_users_wheels(
    composed: Composer, tmp_path: Path, overwrite: str
) -> None:
    wheel = tmp_path / "out/packages/mine.whl"
    wheel.parent.mkdir(parents=True)
    wheel.touch()
    with pytest.raises(ConfigError, match=r"is not empty \('packages'\)"):
        actions.perform(compose(composed("action=plan", f"output.overwrite={overwrite}")))
    assert wheel.exists()


def test_every_problem_with_places_is_told_at_once(composed: Composer, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    plan = compose(composed("action=plan", f"dataset.path={tmp_path / 'no.csv'}"))
    with pytest.raises(ConfigError) as caught:
        actions.perform(plan)
    assert [problem.where for problem in caught.value.problems] == ["dataset.path", "output.path"]


def test_a_chain_that_does_not_fit_the_data_is_a_wrong_configuration(composed: Composer) -> None:
    plan = compose(composed("action=plan", "transform.steps.time_features.column=nowhere"))
    with pytest.raises(ConfigError) as caught:
        actions.perform(plan)
    assert [problem.where for problem in caught.value.problems] == ["transform.steps.time_features"]


def test_run_hands_the_job_to_the_target_and_sums_up(
    composed: Composer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken: list[tuple[Job, JobConfig]] = []

    def run(job: Job, config: JobConfig) -> Result:
        taken.append((job, config))
        manifest = {"output_format": "npz", "warnings": [{"text": "odd"}]}
        return Result("/result", manifest, 1.5, (Channel("train", 12, 1, 100),))

    monkeypatch.setattr(targets, "run", run)
    monkeypatch.setattr(pages, "try_run_page", lambda folder, *_: folder / pages.RUN_PAGE)
    actions.perform(compose(composed()))
    [(job, config)] = taken
    assert job.name.startswith("headrace-")
    assert config.target.name == "local"
    assert capsys.readouterr().out.splitlines() == [
        "channel  rows  parts   size",
        "train      12      1  100 B",
        "warning: odd",
        "12 rows in 1.5 s",
        "page     /result/report/report.html",
        "load     headrace.open_result('/result').load('train')",
        "/result",
    ]


def test_the_schema_describes_configuration_and_plugins(
    composed: Composer, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = composed("action=schema")
    actions.perform(compose(cfg))
    printed = json.loads(capsys.readouterr().out)
    assert printed == schema.schema()
    jsonschema.Draft202012Validator.check_schema(printed)
    jsonschema.validate(OmegaConf.to_container(cfg, resolve=True), printed)
    assert {"split", "feature_hasher", "custom_hasher", "time_features"} <= set(
        printed["transforms"]
    )
    for each in printed["transforms"].values():
        jsonschema.Draft202012Validator.check_schema(each)
        assert each["additionalProperties"] is False
