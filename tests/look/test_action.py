"""``action=look``: what it prints, what it writes, and that the file that it writes can be used."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import hydra
import pytest
import yaml
from omegaconf import DictConfig, OmegaConf

from headrace.cli import main as cli
from headrace.cli.actions import look
from headrace.config import defaults
from headrace.config.compose import compose
from headrace.config.defaults import PROJECT
from headrace.config.hydra import session
from headrace.config.models import JobConfig
from headrace.errors import ConfigError

Composer = Callable[..., DictConfig]
FILE = "user_id,clicked,price\n" + "".join(f"u{n},{n % 3 // 2},{n}.5\n" for n in range(30))
door = hydra.main(version_base="1.3", config_path=str(PROJECT / "conf"), config_name="config")(
    cli.execute
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text(FILE)
    return tmp_path


def written(name: str) -> JobConfig:
    """The configuration with a file that was written after Hydra looked for files."""
    with defaults.run_folder_is("out"):
        return compose(session.composed([f"dataset={name}"])).config


@pytest.mark.usefixtures("here")
def test_a_look_shows_the_columns_and_prints_the_file(
    composed: Composer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    look.perform(composed("action=look", "dataset.path=mine.csv"))
    assert capsys.readouterr().out == (
        "looked at  30 rows, all rows of 'mine.csv' (1 file)\n"
        "format     delimited text\n"
        "encoding   utf-8 (ASCII)\n"
        "delimiter  comma (',')\n"
        "header     the first row\n"
        "\n"
        "column   kind     examples       nulls  distinct  suggested  note\n"
        "user_id  text     u0, u1, u2         0        30  id\n"
        "clicked  integer  0, 1               0         2  label\n"
        "price    number   0.5, 1.5, 2.5      0        30  numeric\n"
        "\n"
        f"write it   python run.py action=look dataset.path={tmp_path}/mine.csv name=mine\n"
        "\n"
        "# python run.py dataset=mine\n"
        "# Worth trying: evaluation=logistic\n"
        "#\n"
        "# Made by action=look, from the first rows of the data; look it through.\n"
        f"path: {tmp_path}/mine.csv\n"
        "label: clicked\n"
        "id: user_id\n"
        "numeric: [price]\n"
    )
    assert not (tmp_path / "conf").exists()


def test_two_commands_lead_from_a_file_to_a_result(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def command(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["run.py", *words])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        try:
            return cli.main(door, words)
        except SystemExit as exc:
            return int(exc.code or 0)

    assert command("dataset.path=mine.csv") == 2
    assert capfd.readouterr().err.splitlines()[-1] == (
        "mine.csv: there is no column 'click'; did you mean 'clicked'?; "
        "run with action=look dataset.path=mine.csv to get its conf/dataset file"
    )
    assert command("action=look", "dataset.path=mine.csv", "name=mine") == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[-2:] == [
        f"written    {here}/conf/dataset/mine.yaml",
        "next       python run.py dataset=mine",
    ]
    assert command("dataset=mine", "output.path=out", "evaluation=logistic") == 0
    assert (here / "out/report/manifest.json").is_file()


def test_the_file_is_whole_and_gives_a_valid_configuration(
    here: Path, composed: Composer, capsys: pytest.CaptureFixture[str]
) -> None:
    look.perform(composed("action=look", "dataset.path=mine.csv", "name=mine"))
    capsys.readouterr()
    config = written("mine")
    assert (config.dataset.label, config.dataset.id) == ("clicked", "user_id")
    assert config.dataset.path == str(here / "mine.csv")


@pytest.mark.usefixtures("here")
def test_a_file_that_is_there_stays_as_it_is(
    composed: Composer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "conf/dataset/mine.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("path: other\n")
    with pytest.raises(ConfigError) as caught:
        look.perform(composed("action=look", "dataset.path=mine.csv", "name=mine"))
    assert str(caught.value) == (
        f"1 problem in the configuration:\n  name: there is '{mine}' already; choose another name"
    )
    assert mine.read_text() == "path: other\n"
    with pytest.raises(ConfigError, match=r"there is .*avazu\.yaml. already"):
        look.perform(composed("action=look", "dataset.path=mine.csv", "name=avazu"))
    capsys.readouterr()


@pytest.mark.usefixtures("here")
def test_the_same_file_may_be_written_again(
    composed: Composer, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        look.perform(composed("action=look", "dataset.path=mine.csv", "name=mine"))
    assert "written" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["../mine", "a/b", ".hidden", "-x", "mine.yaml", "a b"])
def test_a_name_is_that_of_a_file(name: str, here: Path, composed: Composer) -> None:
    config = composed("action=look", "dataset.path=mine.csv")
    config.name = name
    with pytest.raises(ConfigError) as caught:
        look.perform(config)
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        "  name: should be letters, digits, '_', '-' and '.', without an ending "
        f"(got {name!r})"
    )


def test_a_name_is_for_a_look_alone(composed: Composer) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(composed("name=mine"))
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        "  name: is that of the file that action=look writes; leave it out (a job's is job.name)"
    )


def test_nothing_but_the_path_has_to_be_right(
    here: Path, composed: Composer, capsys: pytest.CaptureFixture[str]
) -> None:
    config = composed("action=look", "dataset=csv", "dataset.path=mine.csv")
    config.transform.n_features = "wrong"
    look.perform(config)
    assert "label: clicked" in capsys.readouterr().out


def test_wrong_keys_of_the_dataset_are_told(here: Path, composed: Composer) -> None:
    config = composed("action=look", "dataset=csv")
    OmegaConf.update(config, "dataset.lable", "x", force_add=True)
    with pytest.raises(ConfigError) as caught:
        look.perform(config)
    assert str(caught.value) == (
        "2 problems in the configuration:\n"
        "  dataset.path: this key is required\n"
        "  dataset.lable: unknown key; did you mean 'label'?"
    )


def test_a_terminal_shows_the_first_of_many_columns(
    here: Path, composed: Composer, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"c_{number}" for number in range(1000)]
    (here / "wide.csv").write_text("\n".join([",".join(names), *[",".join("1" * 1000)] * 3]) + "\n")
    look.perform(composed("action=look", "dataset.path=wide.csv"))
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("c_") for line in lines) == 200
    assert "note       800 more columns are not shown" in lines


NASTY = [
    "\x1b[31mred",
    "a: b",
    "# no",
    "${oc.env:HOME}",
    "yes",
    "1.10",
    "*",
    "it's",
    '"',
    "\u202e",
    "ü",
]


def test_text_of_a_file_is_harmless(
    here: Path, composed: Composer, capsys: pytest.CaptureFixture[str]
) -> None:
    path = here / "mine.tsv"
    rows = [[f"{number}.5" for _ in NASTY] for number in range(30)]
    lines = ["\t".join(["click", *NASTY]).replace('"', '""""')]
    lines += ["\t".join([str(number % 2), *row]) for number, row in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n")
    look.perform(composed("action=look", f"dataset.path={path}", "name=nasty"))
    assert "\x1b" not in capsys.readouterr().out
    keys = yaml.safe_load((here / "conf/dataset/nasty.yaml").read_text("utf-8"))
    assert len(keys["numeric"]) == len(NASTY)
    numeric = written("nasty").dataset.numeric
    assert [*numeric] == [name.replace("[", "[[]").replace("*", "[*]") for name in NASTY]
