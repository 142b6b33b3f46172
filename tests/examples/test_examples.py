"""Each example runs on this machine as its README says."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_svmlight_file

import headrace
from examples import make_data
from headrace.config.defaults import PROJECT
from headrace.targets.local.private_root.access import refusal
from tests.moto_server import ACCOUNT

EXAMPLES = PROJECT / "examples"
on_this_machine = pytest.mark.skipif(
    refusal() is not None, reason="mount namespaces are forbidden on this machine"
)
COMMAND = re.compile(r"^headrace (program=\w+.*?)(?:  #.*)?$", re.MULTILINE)


def table(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, header=None)


def split_csv(result: Path) -> None:
    parts = [table(result / f"{name}/{name}.csv") for name in ("train", "validation", "test")]
    assert [part.shape for part in parts] == [(84, 10), (18, 10), (18, 10)]
    source = pd.read_csv(EXAMPLES / "split_csv/data/customers.csv")
    assert pd.concat(parts)[0].sum() == source["churned"].sum()
    assert sorted(pd.concat(parts)[1]) == sorted(source["age"])


def one_hot(result: Path) -> None:
    train, test = (table(result / f"{name}/{name}.csv") for name in ("train", "test"))
    assert (train.shape, test.shape) == ((96, 10), (24, 10))
    assert not pd.concat([train, test]).isna().any(axis=None)
    assert (train.loc[:, 3:6].sum(axis=1) == 1).all(), "a city each"
    assert (train.loc[:, 7:9].sum(axis=1) == 1).all(), "a plan each"
    learned = json.loads((result / "preprocessor/preprocessor.json").read_text())
    assert learned["words"]["city"]["categories"] == ["Basel", "Bern", "Chur", "Zug"]
    assert np.allclose(train.loc[:, 1:2].mean(), 0, atol=1e-5)


def evaluate(result: Path) -> None:
    report = json.loads((result / "evaluation/evaluation.json").read_text())
    metrics = report["binary_classification_metrics"]
    rows = table(EXAMPLES / "evaluate/data/test.csv").to_numpy(float)
    scores = rows[:, 1:] @ make_data.WEIGHTS + make_data.INTERCEPT
    assert metrics["accuracy"]["value"] == ((scores > 0) == rows[:, 0]).mean()
    assert 0.85 < metrics["auc"]["value"] < 0.95


def clicks(result: Path) -> None:
    source = pd.read_csv(EXAMPLES / "click_rate/data/clicks.csv", dtype=str)
    channels = [
        load_svmlight_file(result / name / "rows.libsvm", n_features=65536, zero_based=True)
        for name in ("train", "validation")
    ]
    assert sum(rows.shape[0] for rows, _ in channels) == len(source)
    assert sum(labels.sum() for _, labels in channels) == (source["click"] == "1").sum()
    # Four columns, the hour of the day and the day of the week: neither the label nor the id.
    assert {int(total) for rows, _ in channels for total in abs(rows).sum(axis=1).flat} == {6}


EVERY: dict[str, tuple[str, Callable[[Path], None]]] = {
    "split_csv": ("split_csv", split_csv),
    "one_hot": ("one_hot", one_hot),
    "evaluate": ("evaluate", evaluate),
    "with_sklearn": ("click_rate", clicks),
    "by_hand": ("click_rate", clicks),
}


@on_this_machine
@pytest.mark.parametrize("program", EVERY)
def test_an_example_runs(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, check = EVERY[program]
    monkeypatch.chdir(EXAMPLES / folder)
    headrace.run({"output.path": str(tmp_path / "out")}, program=program)
    check(tmp_path / "out")


@on_this_machine
@pytest.mark.long
@pytest.mark.spark
def test_the_join_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("pyspark") is None or shutil.which("java") is None:
        pytest.skip("Spark needs the package pyspark, and Java")
    monkeypatch.chdir(EXAMPLES / "join")
    headrace.run({"output.path": str(tmp_path / "out")}, program="join")
    (part,) = (tmp_path / "out/joined").glob("part-*.csv")
    data = EXAMPLES / "join/data"
    orders = pd.concat([pd.read_csv(file) for file in (data / "orders").iterdir()])
    spent = orders.groupby("customer")["amount"].agg(orders="count", spent="sum")
    wanted = pd.read_csv(data / "customers.csv").join(spent, "customer").fillna(0)
    found = pd.read_csv(part)
    assert list(found) == ["churned", "customer", "city", "orders", "spent"]
    assert (found == wanted[list(found)]).all(axis=None)


def commands(readme: Path) -> list[list[str]]:
    text = readme.read_text(encoding="utf-8").replace(" \\\n", " ")
    return [line.split() for line in COMMAND.findall(text)]


def on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("SAGEMAKER_ROLE", f"arn:aws:iam::{ACCOUNT}:role/headrace")


FOLDERS = {folder.parent.name for folder in EXAMPLES.glob("*/README.md")}
FLOWS = ["ctr", "three_scripts"]
NAMES = sorted(FOLDERS - {"models", *FLOWS})  # which have tests of their own


@pytest.mark.parametrize("name", NAMES)
def test_what_a_readme_says_is_right(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Buckets and images are not looked at, as nobody has credentials or an engine here."""
    monkeypatch.chdir(EXAMPLES / name)
    on_aws(monkeypatch)
    written = commands(EXAMPLES / name / "README.md")
    assert any("target=aws" in command for command in written)
    for command in written:
        compiled = headrace.compile(*command)
        assert compiled.config.program.name in ("script", "image")
        assert {channel for kind, channel, *_ in compiled.mapping if kind == "output"}


def test_the_first_page_names_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    page = EXAMPLES / "README.md"
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^\| \[(\w+)\]\(\1\)", text, re.MULTILINE) == ORDER + FLOWS
    assert sorted(ORDER) == NAMES
    monkeypatch.chdir(EXAMPLES / "split_csv")
    on_aws(monkeypatch)
    for command in commands(page):
        headrace.compile(*(word for word in command if word != "action=plan"))


ORDER = ["split_csv", "one_hot", "evaluate", "join", "images", "click_rate"]


def test_the_data_can_be_made_anew(tmp_path: Path) -> None:
    make_data.main(tmp_path)
    made = sorted(file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file())
    kept = [file for file in EXAMPLES.glob("*/data/**/*") if file.is_file()]
    assert made == sorted(file.relative_to(EXAMPLES) for file in kept)
    for file in made:
        assert content(tmp_path / file) == content(EXAMPLES / file), file


def content(file: Path) -> bytes:
    """Return what zlib of any release unpacks."""
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
