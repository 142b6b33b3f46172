"""docs/programs.md is true: every command plans, every example of Python runs."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.api import CompiledJob
from headrace.cli import actions
from headrace.config import defaults
from headrace.config.compose import compose
from headrace.config.defaults import PROJECT
from headrace.config.hydra import session
from headrace.config.program.models import ScriptProgram
from tests.programs.jobs import script
from tests.tiny_wheels import make_wheel

PAGE = (PROJECT / "docs" / "programs.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


COMMANDS = [
    shlex.split(line)
    for block in blocks("bash")
    for line in block.replace("\\\n", " ").splitlines()
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the files that the page names."""
    monkeypatch.chdir(tmp_path)
    script(tmp_path)
    script(tmp_path, name="scripts/churn/preprocess.py")
    script(tmp_path, "name,age\nsomebody,42\n", "data/customers.csv")
    script(tmp_path, "pillow==13.0.0\n", "requirements.txt")
    named = [(re.search(r"^# (conf/.*)$", block, re.MULTILINE), block) for block in blocks("yaml")]
    choices = {name[1]: block for name, block in named if name}
    assert list(choices) == ["conf/program/churn.yaml", "conf/program/churn_job.yaml"]
    for name, choice in choices.items():
        script(tmp_path, choice, name)
    return tmp_path


@pytest.fixture
def planned(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[list[str], Path]]:
    """Perform an action in the project; what it prints, and the run folder."""

    def perform(*overrides: str) -> tuple[list[str], Path]:
        with defaults.run_folder_is(str(folder / "out")):
            actions.perform(compose(session.composed(overrides)))
        return capsys.readouterr().out.splitlines(), folder / "out"

    return perform


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[1:])[:50])
def test_every_command_plans(
    command: list[str], planned: Callable[..., tuple[list[str], Path]], pip_index: Path
) -> None:
    make_wheel(pip_index, "pillow", "13.0.0")
    program, *overrides = command
    assert program == "headrace"
    lines, out = planned(*overrides, "action=plan")
    assert lines[-1] == f"request  {out}/request.json"


def test_what_a_plan_shows(planned: Callable[..., tuple[list[str], Path]], folder: Path) -> None:
    lines, out = planned(
        *("action=plan", "job.name=churn-1", "backend=script", "backend.image_uri=mine:1"),
        *("program=script", "program.path=prepare.py", "program.arguments.name='a b'"),
        *("inputs.customers=data/customers.csv", "outputs=[train]"),
    )
    inside = "/opt/ml/processing"
    assert [re.sub(" +", " ", line) for line in lines if "digest" not in line] == [
        " name from to",
        f"input customers file://{folder}/data/customers.csv {inside}/input/customers",
        f"input code file://{out}/code/prepare.py {inside}/input/code",
        f"output train {inside}/output/train file://{out}/train",
        "",
        "job churn-1",
        "image mine:1",
        f"starts python3 {inside}/input/code/prepare.py --name 'a b'",
        f"program {folder}/prepare.py",
        "entry prepare.py",
        f"request {out}/request.json",
    ]
    assert re.fullmatch(r"digest +SHA-256 [0-9a-f]{64}, 15 B", lines[-2])
    assert sorted(path.name for path in out.rglob("*") if path.is_file()) == [
        "plan.json",
        "prepare.py",
        "request.json",
    ]


def test_the_policy_covers_inputs_and_outputs(
    planned: Callable[..., tuple[list[str], Path]],
) -> None:
    lines, _ = planned(
        *("action=policy", "backend.region=eu-west-1", "output.path=s3://bucket/out"),
        *("program=script", "program.path=prepare.py", "outputs=[train]"),
        *("inputs.customers=data/customers.csv", "inputs.logs=s3://logs/day/"),
        "outputs.other.path=s3://other/place",
    )
    statements = {each["Sid"]: each for each in json.loads("\n".join(lines))["Statement"]}
    assert statements["ReadInputs"]["Resource"] == [
        "arn:aws:s3:::bucket/out/input/customers/*",
        "arn:aws:s3:::logs/day/*",
        "arn:aws:s3:::bucket/out/code/prepare.py*",
    ]
    assert statements["WriteOutputs"]["Resource"] == [
        "arn:aws:s3:::bucket/out/train/*",
        "arn:aws:s3:::other/place/*",
    ]


def test_the_example_in_python_compiles(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("python")
    variables: dict[str, object] = {}
    exec(compile(example, "docs/programs.md", "exec"), variables)  # noqa: S102 - the page's own
    job = variables["job"]
    assert isinstance(job, CompiledJob)
    assert job.job.view.arguments == ("--split", "0.8")
    assert [row[:2] for row in job.mapping] == [
        ("input", "customers"),
        ("input", "code"),
        ("output", "train"),
        ("output", "validation"),
    ]
    assert "prepare.py --split 0.8" in capsys.readouterr().out


def test_a_sweep_over_an_argument_is_a_job_for_each_value(folder: Path) -> None:
    configs = [
        compose(
            session.composed(
                ["program=churn", f"program.arguments.split={split}", "output.path=out"]
            )
        )
        for split in ("0.7", "0.8")
    ]
    programs = [config.config.program for config in configs]
    assert [program.words for program in programs] == [
        ("--split", "0.7", "--verbose"),
        ("--split", "0.8", "--verbose"),
    ]
    assert all(isinstance(program, ScriptProgram) for program in programs)
