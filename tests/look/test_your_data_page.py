"""docs/your-data.md: the way from a file to training data, each step tried in its order."""

from __future__ import annotations

import random
import re
import shlex
import sys
from pathlib import Path

import pytest

from headrace.cli import main as cli
from headrace.config.defaults import PROJECT
from tests.look.test_action import door

PAGE = (PROJECT / "docs" / "your-data.md").read_text(encoding="utf-8")
WALK = PAGE.partition("## From a file")[2].partition("\n## ")[0]
KINDS = PAGE.partition("## Warnings")[2].partition("\n## ")[0]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", WALK, re.MULTILINE | re.DOTALL)


def test_each_step_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    sample, written = blocks("text")
    header, *rows = sample.splitlines()
    chance = random.Random(1)  # noqa: S311 (the same rows in every run)
    columns = list(zip(*(row.split(";") for row in rows), strict=True))
    lines = [header]
    for number in range(101, 701):
        lines.append(";".join([str(number), *map(chance.choice, columns[1:])]))
    (tmp_path / "bank.csv").write_bytes(("\n".join(lines) + "\n").encode("cp1252"))
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) == 4
    for command in commands:
        program, *words = shlex.split(command)[1:]
        assert (command.split()[0], program) == ("python", "run.py")
        monkeypatch.setattr(sys, "argv", ["run.py", *words])
        assert cli.main(door, words) == 0, command
    assert (tmp_path / "bank/report/manifest.json").is_file()
    yaml = (tmp_path / "conf/dataset/bank.yaml").read_text("utf-8")
    assert yaml.replace(f"{tmp_path}/", "/home/me/") == written
    (python,) = blocks("python")
    exec(compile(python, "your-data.md", "exec"), {})  # noqa: S102 (the page's own example)
    assert capfd.readouterr().out.splitlines()[-1].startswith("(")


def test_every_kind_of_warning_is_on_the_page() -> None:
    source = PROJECT / "framework/headrace/runtime/statistics/warnings.py"
    kinds = re.findall(r'yield "(\w+)", ', source.read_text("utf-8"))
    assert set(kinds) == set(re.findall(r"^\| `(\w+)` ", KINDS, re.MULTILINE))
