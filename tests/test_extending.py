"""docs/extending.md: all five additions, made by a package, without touching a shipped file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.config.defaults import PROJECT
from tests.conftest import Completed

Runner = Callable[..., Completed]
PAGE = PROJECT / "docs" / "extending.md"
UNCHANGED = '''\
"""Nothing changes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unchanged:
    """Hand the batch on."""

    def output_schema(self, schema):
        return schema

    def apply(self, batch):
        return batch
'''
ENTRIES = """\
[headrace.transforms]
unchanged = acme.unchanged

[headrace.writers]
lines = acme.lines_out

[headrace.readers]
bars = acme.bars

[headrace.backends]
team = acme.team:TeamBackend

[headrace.targets]
loud = acme.loud:LoudTarget
"""
MODULES = ("lines_out", "bars", "team", "loud")
"""In the order of the page's examples."""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package as pip leaves it, whose modules are the page's examples."""
    site = tmp_path / "site"
    (site / "acme").mkdir(parents=True)
    (site / "acme" / "__init__.py").touch()
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for name, text in zip(MODULES, examples, strict=True):
        (site / "acme" / f"{name}.py").write_text(text)
    (site / "acme" / "unchanged.py").write_text(UNCHANGED)
    info = site / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    return site


def _arguments(folder: Path) -> list[str]:
    (folder / "in.txt").write_text("click|colour\n1|red\n0|blue\n")
    return [
        "dataset=csv",
        f"dataset.path={folder / 'in.txt'}",
        "dataset.format=bars",
        "dataset.label=click",
        f"output.path={folder / 'out'}",
        "output.format=lines",
        "~transform.steps.split",
        "+transform.steps.unchanged={}",
    ]


def test_all_five_at_once(headrace: Runner, package: Path, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(package)}
    ended = headrace(
        "backend.name=team", "+backend.flavour=large", "target.name=loud",
        *_arguments(tmp_path), environment=environment,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "done: headrace-" in ended.stdout
    (part,) = (tmp_path / "out" / "train").iterdir()
    assert part.suffix == ".lines"
    first, second = part.read_text().splitlines()
    assert first.endswith("1.0)")
    assert second.endswith("0.0)")
    assert "registry.example/team:large" in (tmp_path / "out" / "request.json").read_text()


def test_a_key_that_the_backend_does_not_have(
    headrace: Runner, package: Path, tmp_path: Path
) -> None:
    ended = headrace(
        "backend.name=team", "+backend.flavor=large", *_arguments(tmp_path),
        environment={"PYTHONPATH": str(package)},
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (
        2,
        "1 problem in the configuration:\n  backend.flavor: unknown key; did you mean 'flavour'?\n",
    )


def test_without_the_package_there_are_no_such_names(headrace: Runner, tmp_path: Path) -> None:
    ended = headrace("target.name=loud", "output.format=lines", "dataset.format=bars")
    assert (ended.returncode, ended.stderr) == (
        2,
        "3 problems in the configuration:\n"
        "  target.name: no target is called 'loud'; allowed: aws, container, local\n"
        "  dataset.format: no input format is called 'bars'; "
        "allowed: auto, csv, jsonl, parquet, tsv\n"
        "  output.format: no output format is called 'lines'; "
        "allowed: csv, libffm, libsvm, npy, npz, parquet, recordio\n",
    )


def test_a_name_that_ships_is_taken(headrace: Runner, package: Path) -> None:
    entries = package / "acme-1.0.dist-info" / "entry_points.txt"
    entries.write_text("[headrace.targets]\naws = acme.loud:LoudTarget\n")
    ended = headrace("target.name=loud", environment={"PYTHONPATH": str(package)})
    assert (ended.returncode, ended.stderr) == (
        2,
        "two targets are called 'aws': headrace.targets.sagemaker.target:AwsTarget and "
        "acme.loud:LoudTarget of the package acme; rename or remove one\n",
    )
