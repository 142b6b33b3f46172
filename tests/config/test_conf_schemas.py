"""The JSON Schemas of files in ``conf/``: each shipped file has one, and validates against it."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import pytest
import yaml

from headrace.cli.actions import schema
from headrace.cli.actions.schema import file_schemas
from headrace.config.defaults import PROJECT
from headrace.config.models import CONF_FILES
from headrace.look import conf_file
from headrace.look.conf_file import MODELINE, with_modeline
from tools.generate import PROJECT as INIT
from tools.generate import generated

FILES = [*sorted((PROJECT / "conf").rglob("*.yaml")), *sorted((INIT / "conf").rglob("*.yaml"))]
EXAMPLES = sorted((PROJECT / "examples").glob("*/conf/*/*.yaml"))


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    return file_schemas()


def _validate(content: Any, schema: Any) -> None:
    """Validate without checking the schema itself each time, which takes a second."""
    jsonschema.Draft202012Validator(schema).validate(content)


def _name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def _schema_of(path: Path) -> str:
    """The name of the schema that the file's own modeline leads to."""
    (line,) = [line for line in path.read_text().splitlines() if line.startswith(MODELINE)]
    place = (path.parent / line.removeprefix(MODELINE)).resolve()
    root = next(each for each in path.parents if each.name == "conf").parent
    assert place.parent == root.resolve() / ".vscode" / "schemas"
    return place.stem


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_shipped_file_validates_against_the_schema_that_it_names(
    path: Path, schemas: dict[str, Any]
) -> None:
    _validate(yaml.safe_load(path.read_text()), schemas[_schema_of(path)])


@pytest.mark.parametrize("path", EXAMPLES, ids=_name)
def test_an_example_validates_against_the_schema_of_its_folder(
    path: Path, schemas: dict[str, Any]
) -> None:
    _validate(yaml.safe_load(path.read_text()), schemas[path.parent.name])


def test_what_is_generated_is_up_to_date() -> None:
    made = dict(generated())
    stale = [
        path.relative_to(PROJECT).as_posix()
        for path, text in made.items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]
    assert stale == [], "run `make generated` and commit what it writes"
    for folder in (PROJECT / ".vscode" / "schemas", PROJECT / "docs" / "reference"):
        assert set(folder.iterdir()) <= set(made), "nothing makes it any more"


def test_every_folder_of_conf_has_a_schema(schemas: dict[str, Any]) -> None:
    folders = {path.name for path in (PROJECT / "conf").iterdir() if path.is_dir()}
    assert folders - {"hydra"} <= set(CONF_FILES)
    assert set(schemas) == {*CONF_FILES, "hydra"}
    # It holds all the others.
    jsonschema.Draft202012Validator.check_schema(schemas["program"])


@pytest.mark.parametrize("kind", ["dataset", "flow"])
def test_the_schema_of_a_kind_is_printed(
    kind: str, schemas: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    class Plan:
        class config:  # noqa: N801 - the name of a field
            schema_of = kind

    schema.perform(Plan())  # type: ignore[arg-type]
    assert json.loads(capsys.readouterr().out) == schemas[kind]


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("config", {"resources": {"instance_cout": 2}}),
        ("experiment", {"dataset": {"lable": "click"}}),
        ("flow", {"jobs": {"fit": {"overides": []}}}),
        ("output", {"format": "xlsx"}),
        ("program", {"name": "script", "pth": "a.py"}),
        ("program", {"program": {"name": "script", "path": "a.py"}, "input": {}}),
        ("target", {"name": "mars"}),
    ],
)
def test_a_schema_refuses_a_wrong_file(kind: str, wrong: Any, schemas: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        _validate(wrong, schemas[kind])


@pytest.mark.parametrize(
    ("kind", "right"),
    [
        ("config", {"inputs": {"a": "data/a.csv"}, "outputs": ["train"], "hydra": {}}),
        ("experiment", {"defaults": [{"override /dataset": "csv"}], "job": {"wait": "${x}"}}),
        ("transform", {"steps": {"split": {"after": "impute"}, "impute": {"value": 0}}}),
        ("flow", {"jobs": {"fit": ["program=fit"], "judge": None}, "parameters": {"day": 1}}),
        ("program", {"name": "script", "path": "a.py", "arguments": {"split": 0.8}}),
        ("program", {"program": {"name": "image"}, "outputs": {"train": None}}),
    ],
)
def test_a_schema_accepts_a_right_file(kind: str, right: Any, schemas: dict[str, Any]) -> None:
    _validate(right, schemas[kind])


def test_a_parameter_is_described_as_its_docstring_says(schemas: dict[str, Any]) -> None:
    steps = schemas["transform"]["$defs"]["TransformConfig"]["properties"]["steps"]
    parameters = steps["properties"]["split"]["anyOf"][0]["properties"]
    assert parameters["seed"]["anyOf"][0]["description"] == "Seed of the hash or of the shuffle."
    assert all(
        each["anyOf"][0].get("description")
        for step in steps["properties"].values()
        for each in step["anyOf"][0]["properties"].values()
        if "anyOf" in each  # and not the keys that each step has
    )


def test_a_modeline_stands_below_the_opening_comment() -> None:
    text = "# @package _global_\n# headrace\n\nname: x\n"
    once = with_modeline(PurePosixPath("conf/program/x.yaml"), text)
    assert once.splitlines() == [
        "# @package _global_",
        "# headrace",
        "# yaml-language-server: $schema=../../.vscode/schemas/experiment.json",
        "",
        "name: x",
    ]
    assert with_modeline(PurePosixPath("conf/program/x.yaml"), once) == once


def test_a_file_that_is_made_names_the_schema_that_its_project_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = '# headrace dataset=a\npath: "a\u2028b"\n'
    assert conf_file.write("dataset", "a", text).read_text("utf-8") == text
    schema = tmp_path / ".vscode" / "schemas" / "dataset.json"
    schema.parent.mkdir(parents=True)
    schema.touch()
    path = conf_file.write("dataset", "b", text)
    assert path.read_text("utf-8").replace("\n", "|") == (
        "# headrace dataset=a|"
        "# yaml-language-server: $schema=../../.vscode/schemas/dataset.json|"
        'path: "a\u2028b"|'
    )
    assert conf_file.write("dataset", "b", text) == path  # the same file once more
