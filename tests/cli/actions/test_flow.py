"""Flows on the command line: files, tables, exit statuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.cli.actions.flow import name_of_run
from headrace.targets.local.private_root.access import refusal
from tests.conftest import Completed
from tests.flow.flows import project

Runner = Callable[..., Completed]
SCRIPT = """\
from pathlib import Path

for name in {outputs}:
    Path("/opt/ml/processing/output", name, "x.txt").write_text("x")
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    project(tmp_path)
    for name, outputs in (("prepare", ["train", "test"]), ("fit", ["model"])):
        (tmp_path / f"{name}.py").write_text(SCRIPT.format(outputs=outputs))
    (tmp_path / "judge.py").write_text("raise SystemExit('no')\n")
    return tmp_path


def test_a_plan_writes_the_page_and_the_pipeline(here: Path, headrace: Runner) -> None:
    ran = headrace("flow=ctr", "action=plan")
    assert (ran.returncode, ran.stderr) == (0, "")
    root = here / "outputs/flows/ctr"
    *table, flow, pipeline = ran.stdout.splitlines()
    assert [line.split()[:3] for line in table] == [
        ["job", "state", "rows"], ["prepare", "to", "run"], ["fit", "to", "run"],
        ["judge", "to", "run"],
    ]  # fmt: skip
    assert (flow, pipeline) == (f"flow     {root}/flow.html", f"pipeline {root}/pipeline.json")
    assert json.loads((root / "pipeline.json").read_text())["Version"] == "2020-12-01"
    assert sorted(each.name for each in root.iterdir()) == ["flow.html", "pipeline.json"]
    assert [each.name for each in (here / "outputs").iterdir()] == ["flows"]


@pytest.mark.skipif(refusal() is not None, reason="mount namespaces are forbidden here")
def test_a_failed_job_gives_the_exit_status(here: Path, headrace: Runner) -> None:
    ran = headrace("flow=ctr", "~flow.when.judge")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == "1 of 3 jobs has no result: judge failed"
    states = [line.split()[:2] for line in ran.stdout.splitlines() if not line.startswith("flow")]
    assert states[-3:] == [["prepare", "done"], ["fit", "done"], ["judge", "failed"]]


def test_what_is_wrong_is_told_before_anything_runs(here: Path, headrace: Runner) -> None:
    ran = headrace("flow=ctr", "flow.parameters.depth=deep", "flow.parameters.days=1")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.splitlines() == [
        "2 problems in the configuration:",
        "  flow.parameters.depth: should be a whole number (got 'deep')",
        "  flow.parameters.days: unknown parameter; did you mean 'day'?",
    ]
    assert not (here / "outputs/flows").exists()
    ran = headrace("flow=ctr", "action=push")
    assert ran.stderr.splitlines()[1:] == [
        "  action: is for a single job; leave flow out (a flow has describe, jobs, logs, pipeline, "
        "plan, policy, run, stop)"
    ]
    ran = headrace("flow=ctr", "start=true")
    assert ran.stderr.splitlines()[1:] == ["  start: is for action=pipeline; leave it out"]


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["flow=ctr", "flow.parameters.width=1024"], "width=1024"),
        (["flow=ctr", 'flow.parameters.share="0.7"', "target=local"], "share=0.7,target=local"),
        (["flow=ctr", "flow.parameters.day='a/b'"], "day=a_b-83d84b70"),
    ],
)
def test_a_run_of_a_sweep_has_the_name_of_what_was_typed(overrides: list[str], name: str) -> None:
    assert name_of_run(overrides) == name
