"""``headrace init FOLDER``: what it makes, what it refuses, and the other words of the command."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from headrace.cli import console
from headrace.runtime import VERSION
from headrace.runtime.plugins import roots

FILES = {
    ".gitignore",
    ".vscode/settings.json",
    "README.md",
    "conf/transform/mine.yaml",
    "tests/test_mine.py",
    "transforms/mine.py",
}


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["headrace", *arguments])
    monkeypatch.setattr("headrace.cli.startup.prepare", lambda: None)
    return console.main()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert command(monkeypatch, "init", str(tmp_path / "a" / "x")) == 0
    return tmp_path / "a" / "x"


def schema_of(project: Path, group: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / f".vscode/schemas/{group}.json").read_text())
    return found


def test_it_makes_these_files(project: Path) -> None:
    made = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    assert {path for path in made if not path.startswith(".vscode/schemas/")} == FILES


def test_an_empty_folder_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, "init", ".") == 0
    assert (tmp_path / "README.md").is_file()


def test_editors_find_each_schema(project: Path) -> None:
    settings = json.loads((project / ".vscode/settings.json").read_text())
    for file, pattern in settings["yaml.schemas"].items():
        judge = jsonschema.Draft202012Validator(json.loads((project / file).read_text()))
        choices = [*roots.SHIPPED.glob(pattern), *project.glob(pattern)]
        assert choices
        for choice in choices:
            judge.validate(yaml.safe_load(choice.read_text()) or {})


def test_a_file_of_the_project_names_its_schema(project: Path) -> None:
    text = (project / "conf/transform/mine.yaml").read_text()
    (place,) = re.findall(r"^# yaml-language-server: \$schema=(.*)$", text, re.MULTILINE)
    assert (project / "conf/transform" / place).resolve() == (
        project / ".vscode/schemas/transform.json"
    ).resolve()


@pytest.mark.parametrize(
    ("group", "wrong"),
    [
        ("dataset", {"lable": "click"}),
        ("dataset", {"on_bad_rows": "explode"}),
        ("backend", {"name": "sklearn", "base_image": "x"}),
        ("transform", {"n_features": "many"}),
        ("transform", {"steps": {"split": {"train_fractoin": 0.5}}}),
        ("transform", {"steps": {"split": {"train_fraction": 2}}}),
    ],
)
def test_a_schema_refuses_what_is_wrong(project: Path, group: str, wrong: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema_of(project, group)).validate(wrong)


@pytest.mark.parametrize(
    ("group", "right"),
    [
        ("transform", {"defaults": ["hashing"], "n_features": "${oc.env:WIDTH}"}),
        ("transform", {"steps": {"split": None, "mine": {"length": 3}}}),
        ("transform", {"steps": {"split": {"name": "mine", "length": 3}}}),
    ],
)
def test_a_schema_accepts_what_is_right(project: Path, group: str, right: Any) -> None:
    jsonschema.Draft202012Validator(schema_of(project, group)).validate(right)


def test_it_touches_no_folder_that_holds_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes").write_text("mine")
    monkeypatch.chdir(tmp_path)
    for name, what in ((".", "is not empty"), ("notes", "is no folder")):
        assert command(monkeypatch, "init", name) == 2
        assert capsys.readouterr() == (
            "",
            f"1 problem in the configuration:\n  init: '{name}' {what}; name a new folder\n",
        )
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_a_folder_that_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, "init", "file/x") == 2
    assert capsys.readouterr().err == (
        "1 problem in the configuration:\n"
        "  init: 'file/x' cannot be written (Not a directory); name another folder\n"
    )


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("--force",)])
def test_it_takes_one_folder(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "init", *arguments) == 2
    assert capsys.readouterr() == ("", "usage: headrace init FOLDER\n")


def test_a_checkout_takes_the_same_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["/a checkout/run.py"])
    assert console.without_a_job(["init", str(tmp_path / "shop")]) == 0
    assert capsys.readouterr().out.endswith(
        "; change to it and run: python run.py transform=mine\n"
    )
    assert console.without_a_job(["init"]) == 2
    assert capsys.readouterr().err == "usage: python run.py init FOLDER\n"
    assert console.without_a_job(["--version"]) == 0
    assert console.without_a_job(["transform=mine", "--version"]) is None


def test_version_and_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"headrace {VERSION}\n"
    assert command(monkeypatch, "init", "--help") == 0
    assert capsys.readouterr().out.startswith("usage: headrace init FOLDER\n\n")
