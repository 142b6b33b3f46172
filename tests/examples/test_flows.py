"""The flows among the examples run on this machine, go on after a kill, and become pipelines."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from pathlib import Path

import pytest
import yaml

from headrace import compile_flow
from headrace.config.defaults import PROJECT
from headrace.targets.local.private_root.access import refusal
from tests import children

EXAMPLES = PROJECT / "examples"
on_this_machine = pytest.mark.skipif(
    refusal() is not None, reason="mount namespaces are forbidden on this machine"
)
SLOW = "import time\n\nprint('at work', flush=True)\ntime.sleep(1000)\n"


@on_this_machine
def test_three_scripts_go_on_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(EXAMPLES / "three_scripts", tmp_path, dirs_exist_ok=True)
    train = tmp_path / "train.py"
    script = train.read_text()
    train.write_text(SLOW)
    command = [sys.executable, str(PROJECT / "run.py"), "flow=churn"]
    log = tmp_path / "log.txt"
    with (
        log.open("w") as stream,
        children.started(command, cwd=tmp_path, stdout=stream, stderr=stream) as process,
    ):
        children.until(lambda: "at work" in log.read_text())
        process.send_signal(signal.SIGKILL)
        process.wait()
    train.write_text(script)
    monkeypatch.chdir(tmp_path)
    states = compile_flow("flow=churn").run()
    assert {label: state.state for label, state in states.items()} == {
        "prepare": "unchanged",
        "train": "done",
        "evaluate": "done",
    }
    result = tmp_path / "outputs/flows/churn"
    judged = json.loads((result / "evaluate/evaluation/evaluation.json").read_text())
    assert judged["metrics"]["accuracy"] > 0.5
    again = compile_flow("flow=churn").run()
    assert {state.state for state in again.values()} == {"unchanged"}


@on_this_machine
@pytest.mark.long
def test_the_click_rate_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES / "ctr")
    place = f"output.path={tmp_path}/out"
    states = compile_flow("flow=ctr", place, "flow.parameters.width=1024").run()
    assert {state.state for state in states.values()} == {"done"}
    assert states["prepare"].rows == 400
    judged = json.loads((tmp_path / "out/judge/evaluation/evaluation.json").read_text())
    assert 0.3 < judged["auc"] < 0.7  # the clicks are made up by chance


@on_this_machine
@pytest.mark.long
def test_the_model_is_judged_on_the_next_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXAMPLES / "ctr")
    place = f"output.path={tmp_path}/out"
    states = compile_flow("flow=next_day", place, "flow.parameters.width=1024").run()
    assert {state.state for state in states.values()} == {"done"}
    assert (states["learn"].rows, states["apply"].rows) == (400, 400)
    judged = json.loads((tmp_path / "out/judge/evaluation/evaluation.json").read_text())
    assert 0.3 < judged["auc"] < 0.7  # the clicks are made up by chance


@pytest.mark.parametrize(
    ("folder", "name"), [("ctr", "ctr"), ("ctr", "next_day"), ("three_scripts", "churn")]
)
def test_a_flow_is_a_pipeline(folder: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES / folder)
    definition = compile_flow(f"flow={name}", "output.path=s3://bucket/x").pipeline()
    stated = yaml.safe_load((EXAMPLES / folder / f"conf/flow/{name}.yaml").read_text())
    labels = {each["Name"] for step in definition["Steps"] for each in inside(step)}
    assert set(stated["jobs"]) <= labels


def inside(step: dict[str, object]) -> list[dict[str, object]]:
    arguments = step["Arguments"]
    held = arguments.get("IfSteps", []) if isinstance(arguments, dict) else []
    return [step, *held]
