"""The current folder's own ``conf/`` and ``transforms/`` come first, the shipped ones behind."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace import compile
from headrace.config import defaults, registry
from headrace.runtime.plugins import roots
from headrace.runtime.plugins.transforms import load, source_of
from headrace.runtime.spec import StepSpec
from tests.config.test_registry import UPPER

Runner = Callable[..., subprocess.CompletedProcess[str]]
CHAIN = "steps:\n  split: {}\n  roots_own: {}\n"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_any_folder_is_no_root(own: Path) -> None:
    assert roots.own_root() is None
    assert roots.roots() == (roots.SHIPPED,)


@pytest.mark.parametrize("name", ["conf", "transforms"])
def test_one_of_the_two_makes_a_root(own: Path, name: str) -> None:
    (own / name).mkdir()
    assert roots.roots() == (own, roots.SHIPPED)


def test_the_checkout_is_no_root_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(roots.SHIPPED)
    assert roots.roots() == (roots.SHIPPED,)


def test_a_folder_that_is_gone_is_no_root(own: Path) -> None:
    (own / "gone").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(own / "gone")
        (own / "gone").rmdir()
        assert roots.roots() == (roots.SHIPPED,)


def test_a_file_is_that_of_the_first_root_that_has_it(own: Path) -> None:
    write(own / "conf" / "config.yaml", "")
    assert roots.find("conf/config.yaml") == own / "conf/config.yaml"
    assert roots.find("conf/backend/sklearn.yaml") == roots.SHIPPED / "conf/backend/sklearn.yaml"
    assert roots.find("data/none.csv") == own / "data/none.csv"


def test_an_own_transform_takes_the_place_of_a_shipped_one(own: Path) -> None:
    write(own / "transforms" / "split.py", UPPER)
    write(own / "transforms" / "roots_own.py", UPPER)
    plugins = registry.plugins()
    assert (plugins["split"].path, plugins["split"].source) == (own / "transforms/split.py", UPPER)
    assert plugins["feature_hasher"].path == roots.SHIPPED / "transforms/feature_hasher.py"
    assert "roots_own" in plugins


def test_own_choices_stand_beside_the_shipped_ones(own: Path) -> None:
    write(own / "transforms" / "roots_own.py", UPPER)
    write(own / "conf" / "transform" / "mine.yaml", CHAIN)
    write(own / "conf" / "transform" / "hashing.yaml", "steps:\n  split: {}\n")
    write(own / "data" / "mine.csv", "click,id\n1,a\n0,b\n")
    write(own / "conf" / "dataset" / "mine.yaml", "path: ${project:data/mine.csv}\nlabel: click\n")
    parquet = "output.format=parquet"
    mine = compile("transform=mine", parquet).config.transform.steps
    assert list(mine) == ["split", "roots_own"]
    assert list(compile(parquet).config.transform.steps) == ["split"]
    assert len(compile("transform=time_hashing").config.transform.steps) > 1
    assert compile("dataset=mine", parquet).config.dataset.path == str(own / "data/mine.csv")
    sample = str(defaults.PROJECT / "data/avazu_sample.csv")
    assert compile(parquet).config.dataset.path == sample


def test_run_py_of_a_checkout_finds_them_too(headrace: Runner, tmp_path: Path) -> None:
    write(tmp_path / "transforms" / "roots_own.py", UPPER)
    write(tmp_path / "conf" / "transform" / "mine.yaml", CHAIN)
    job = ("transform=mine", "output.format=parquet", "backend=processor")
    ran = headrace(*job, f"output.path={tmp_path / 'out'}")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "mine" in headrace("--help").stdout


def test_a_job_imports_them_whatever_else_is_called_transforms(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(own / "elsewhere" / "transforms" / "__init__.py", "raise RuntimeError")
    write(own / "baked_in" / "transforms" / "roots_second.py", UPPER)
    monkeypatch.syspath_prepend(own / "baked_in")
    monkeypatch.syspath_prepend(own / "elsewhere")
    [(label, _)] = load([StepSpec("mine", "roots_second", {})])
    assert label == "mine"
    assert source_of("roots_second") == UPPER
