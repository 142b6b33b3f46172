"""README.md and docs/ are true: every command is run, every example too, every key is there."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydantic import BaseModel

from headrace.config import registry
from headrace.config.defaults import PROJECT
from headrace.config.models import JobConfig
from headrace.config.problems import models_of
from headrace.runtime.statistics.distinct import LIMIT
from tests import children
from tests.conftest import Completed
from tests.moto_server import ACCOUNT
from tests.test_testing import CONTRACT
from tests.warm import Warm

Shell = Callable[[str], Completed]

README = (PROJECT / "README.md").read_text(encoding="utf-8")
COMMANDS_PAGE, OWN_PAGE, FILES_PAGE, PYTHON_PAGE, TRANSFORMS_PAGE, SETTINGS, CHOICES = (
    (PROJECT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in (
        *("command-line", "own-transform", "files", "python", "transforms"),
        *("reference/settings", "reference/choices"),
    )
)
SAMPLE = PROJECT / "data" / "avazu_sample.csv"
CHECKOUT = ("run.py", "data", "framework")
PLACES = {"python": "transforms/prefix.py", "yaml": "conf/transform/prefixed.yaml"}
"""Where docs/own-transform.md says that its example is saved."""


def blocks(language: str, *pages: str) -> list[str]:
    text = "\n".join(pages or (README, COMMANDS_PAGE, OWN_PAGE))
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = [
        line.partition("  #")[0].strip() for block in blocks("sh") for line in block.split("\n")
    ]
    return [line for line in dict.fromkeys(lines) if line and not line.startswith("make ")]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder in which the commands run, with the transform of docs/own-transform.md in it."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in CHECKOUT:
        (folder / name).symlink_to(PROJECT / name)
    for language, place in PLACES.items():
        [example] = blocks(language, OWN_PAGE)
        assert f"`{place}`" in OWN_PAGE
        (folder / place).parent.mkdir(parents=True)
        (folder / place).write_text(example, encoding="utf-8")
    (folder / "FILE").symlink_to(SAMPLE)
    return folder


@pytest.fixture
def shell(imported: Warm, checkout: Path) -> Shell:
    """Runs a command there, without a shell where it needs none."""

    def run(command: str) -> Completed:
        python, program, *words = [*shlex.split(command), ""]
        if (python, program) == ("python", "run.py") and "$" not in command:
            return imported(words[:-1], checkout, os.environ)
        return in_a_shell(command, checkout)

    return run


def in_a_shell(command: str, folder: Path) -> Completed:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return children.run(
        ["bash", "-euc", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


ON_AWS = [command for command in commands() if "target=aws" in command]


@pytest.mark.parametrize("command", [each for each in commands() if each not in ON_AWS])
def test_a_command_does_what_it_says(command: str, shell: Shell) -> None:
    ran = shell(command.replace("=FILE", "=data/avazu_sample.csv"))
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.slow
def test_the_commands_for_sagemaker_do_what_they_say(
    aws: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = boto3.resource("s3").create_bucket(Bucket="bucket")
    s3.upload_file(str(SAMPLE), "input/a.csv")
    boto3.client("iam").create_role(RoleName="processing", AssumeRolePolicyDocument="{}")
    monkeypatch.setenv("SAGEMAKER_ROLE", f"arn:aws:iam::{ACCOUNT}:role/processing")
    submit, listing = (shell(each.replace("BUCKET", "bucket")) for each in ON_AWS)
    assert (submit.returncode, listing.returncode) == (0, 0), submit.stderr + listing.stderr
    assert submit.stdout.endswith("\ns3://bucket/output\n")
    assert listing.stdout.splitlines()[1].startswith("headrace-")


def test_there_are_commands() -> None:
    run = [command for command in commands() if command.startswith("python run.py")]
    assert len(run) >= 13
    assert {line for block in blocks("sh") for line in re.findall("^make [a-z]+", block, re.M)} == {
        "make demo",
        "make test",
    }


def test_the_result_is_read_as_shown(checkout: Path, shell: Shell) -> None:
    [example] = [block for block in blocks("python") if "load_npz" in block]
    [folder] = re.findall(r'load_npz\("(\w+)/', example)
    [command] = [line for line in commands() if line.endswith(f"output.path={folder}")]
    assert shell(command).returncode == 0
    ran = children.run(
        [sys.executable, "-c", example], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert ran.stderr == ""
    assert re.fullmatch(r"\(\d+, 1048576\) 0\.1\d+\n", ran.stdout)


def test_the_examples_from_python_run(checkout: Path, shell: Shell) -> None:
    assert shell("python run.py output.path=hashed").returncode == 0
    for example, last in zip(
        blocks("python", README, PYTHON_PAGE),
        [r"\(.*\) 0\.1\d+ 0\.\d+"] * 2 + [r"\d+ \d+", r"\d+"],
        strict=True,
    ):
        ran = children.run(
            [sys.executable, "-c", example],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": "framework"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.stderr == ""
        assert re.fullmatch(last, ran.stdout.splitlines()[-1])


def test_the_example_transform_passes_the_contract_tests(checkout: Path) -> None:
    [name] = [Path(place).stem for place in PLACES.values() if place.endswith(".py")]
    (checkout / "test_it.py").write_text(CONTRACT.format(name=name))
    ran = in_a_shell("python -m pytest -q -p no:cacheprovider test_it.py", checkout)
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert ran.returncode == 0, ran.stdout
    assert passed is not None
    assert int(passed[1]) > 10


# -- every key, parameter and field is described


def keys(model: type[BaseModel], group: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        full = f"{group}.{name}" if group else name
        if models := models_of(field.annotation):
            yield from (key for each in models for key in keys(each, full))
        elif name != "name" or group == "job":  # a group's own choice: backend=sklearn
            yield full


@pytest.mark.parametrize("key", list(dict.fromkeys(keys(JobConfig))))
def test_every_key_is_in_the_reference(key: str) -> None:
    rows = re.findall(rf"^\| `{re.escape(key)}(?:\.NAME\.\w+)?` \|.*\|$", SETTINGS, re.MULTILINE)
    assert rows, f"docs/reference/settings.md says nothing of {key}"
    assert not any(row.endswith("|  |") for row in rows), f"{key} has no meaning there"


def test_every_choice_is_in_the_reference() -> None:
    for choice in (PROJECT / "conf").glob("[!h]*/*.yaml"):
        assert f"\n| `{choice.parent.name}={choice.stem}` | " in CHOICES, choice


@pytest.mark.parametrize("name", list(registry.plugins()))
def test_every_parameter_is_in_the_docs(name: str) -> None:
    _, _, rest = TRANSFORMS_PAGE.partition(f"\n## {name}\n")
    section = rest.partition("\n## ")[0]
    for parameter in fields(registry.plugins()[name].transform):
        what = f"docs/transforms.md says nothing of {name}.{parameter.name}"
        assert f"`{parameter.name}`" in section, what


def test_every_field_of_a_report_is_in_the_docs(checkout: Path, shell: Shell) -> None:
    assert shell("python run.py evaluation=logistic output.path=out").returncode == 0
    for file in ("manifest", "metrics", "evaluation", "timings"):
        section = FILES_PAGE.partition(f"\n## {file}.json\n")[2].partition("\n## ")[0]
        report = json.loads((checkout / "out" / "report" / f"{file}.json").read_text())
        for field in fields_of(report):
            assert f"`{field}`" in section, f"docs/files.md says nothing of {field} in {file}.json"


def fields_of(report: Any) -> set[str]:
    """All keys, except the names of channels, feature columns and settings, and labels."""
    if isinstance(report, list):
        return set().union(*map(fields_of, report))
    if not isinstance(report, dict):
        return set()
    below = set().union(*(fields_of(value) for key, value in report.items() if key != "config"))
    names_of_data = {"train", "validation", "hour", "0"} & report.keys()
    return below if names_of_data else below | report.keys()


def test_the_limit_of_exact_counting_is_told() -> None:
    assert f"Up to {LIMIT:,} distinct values" in FILES_PAGE
