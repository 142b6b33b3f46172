"""The tutorials: each command and each program is run, in the order of the page."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.cli import init
from headrace.config.defaults import PROJECT
from headrace.config.hydra import session
from headrace.targets.local.private_root.access import refusal
from tests.warm import Warm

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^# ([\w/]+\.(?:py|yaml))$", re.MULTILINE)
Walk = Callable[[str], list[str]]


@pytest.mark.parametrize("page", ["tutorial-data.md", "tutorial-script.md"])
def test_each_command_composes(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without running anything, which takes its time."""
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall((PROJECT / "docs" / page).read_text("utf-8"))
    for _, text in blocks:
        if (name := FILE.search(text)) is not None:
            Path(name[1]).parent.mkdir(parents=True, exist_ok=True)
            Path(name[1]).write_text(text, "utf-8")
    Path("conf/dataset").mkdir(parents=True, exist_ok=True)
    Path("conf/dataset/customers.yaml").write_text("path: customers.csv\nlabel: churned\n")
    lines = [line for language, text in blocks if language == "sh" for line in text.splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("headrace ")]
    assert len(commands) > 4
    for words in commands:
        if words[0] != "init":
            session.composed([_single(each) for each in words if each != "-m"])


def _single(override: str) -> str:
    """An override with the first of the values that a sweep tries."""
    return override if "[" in override else override.partition(",")[0]


@pytest.fixture
def walk(
    imported: Warm,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Walk:
    """Do what a page says, from an empty folder; returns what was printed, piece by piece."""
    monkeypatch.chdir(tmp_path)

    def command(line: str) -> str:
        program, *words = shlex.split(line)
        if program == "cd":
            monkeypatch.chdir(words[0])
            return ""
        assert program == "headrace", line
        if words[0] == "init":
            return init.make_project(words[1])
        ran = imported(words, Path.cwd(), os.environ)
        assert ran.returncode == 0, (line, ran.stderr)
        return ran.stdout

    def program(text: str) -> str:
        capsys.readouterr()
        exec(compile(text, "tutorial", "exec"), {})  # noqa: S102 (the page's own)
        return capsys.readouterr().out

    def walk(page: str) -> list[str]:
        printed = []
        for language, text in BLOCK.findall((PROJECT / "docs" / page).read_text("utf-8")):
            if language == "sh":
                printed += [command(line) for line in text.splitlines()]
            elif (name := FILE.search(text)) and name[1] != "make.py":
                Path(name[1]).parent.mkdir(parents=True, exist_ok=True)
                Path(name[1]).write_text(text, "utf-8")
            elif language == "python":
                printed.append(program(text))
        return printed

    return walk


@pytest.mark.slow
@pytest.mark.long
def test_from_a_file_to_a_model(walk: Walk) -> None:
    page = (PROJECT / "docs" / "tutorial-data.md").read_text("utf-8")
    _, looked, trained, _, model, _ = [each for each in walk("tutorial-data.md") if each]
    _, columns, last = [text for language, text in BLOCK.findall(page) if language == "text"]
    assert columns in looked
    assert _without_sizes(last) == _without_sizes(trained.partition("4,000 rows in")[0])
    assert Path("first/report/report.html").is_file()
    assert re.fullmatch(r"AUC 0\.\d+\nchurns with probability 0\.\d+\n", model)
    request = json.loads(Path("planned/request.json").read_text())
    assert request["ProcessingInputs"][0]["S3Input"]["S3Uri"].endswith("/shop/customers.csv")


def _without_sizes(table: str) -> str:
    """What is printed but for the bytes, which depend on the version of zlib."""
    return " ".join(re.sub(r"[\d.]+ kB", "", table).split())


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(refusal() is not None, reason="mount namespaces are forbidden here")
def test_from_a_script_to_a_pipeline(walk: Walk, tmp_path: Path) -> None:
    printed = [each for each in walk("tutorial-script.md") if each]
    for folder, share in (("prepared", 0.8), ("again", 0.8), ("less", 0.7)):
        rows = [
            len((tmp_path / folder / each / "customers.csv").read_text().splitlines()) - 1
            for each in ("train", "test")
        ]
        assert sum(rows) == 400
        assert abs(rows[0] / 400 - share) < 0.1
    first, second, third = printed[-4:-1]
    assert [text.count("unchanged") for text in (first, second, third)] == [0, 2, 0]
    pipeline = json.loads(Path("pipeline/pipeline.json").read_text())
    assert [step["Name"] for step in pipeline["Steps"]] == ["prepare", "train"]
