"""Texts that look like numbers arrive as they were typed, or written in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import hydra
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import DictConfig

from headrace.config import defaults
from headrace.config.compose import compose
from headrace.config.hydra.loader import checked
from headrace.config.hydra.typed_text import kept

Composer = Callable[..., DictConfig]
NUMBERS = st.from_regex(r"[+-]?[0-9_]{1,4}(\.[0-9_]{0,3})?(e[+-]?[0-9]{1,2})?", fullmatch=True)


@pytest.mark.parametrize(
    "text", ["1.10", "1e5", "1_0", "007", "true", "True", "NULL", "nan", ".5", "-0", "0x1F"]
)
def test_a_name_that_looks_like_something_else(composed: Composer, text: str) -> None:
    plan = compose(
        composed(f"dataset.label={text}", f"dataset.numeric=[{text}x,a,{text}y]", "dataset.id=null")
    )
    assert plan.config.dataset.label == text
    assert plan.config.dataset.id is None
    listed = compose(composed("dataset.label=y", f"dataset.numeric=[{text},'a',null]"))
    assert listed.config.dataset.numeric == (text, "a", "null")


@given(NUMBERS)
def test_any_number(text: str) -> None:
    [typed] = kept([f"dataset.label={text}"])
    assert typed in (f"dataset.label={text}", f'dataset.label="{text}"')


CHANGED = [
    ("job.env={A: 1.10, B: x}", 'job.env={A: "1.10", B: x}'),
    ("+job.env.A=1.10", '+job.env.A="1.10"'),
    ("dataset.label=1.10,x", 'dataset.label="1.10",x'),
    ("dataset.label=choice(1.10,x)", 'dataset.label=choice("1.10",x)'),
    ("transform.steps.split.column=1.10", 'transform.steps.split.column="1.10"'),
    ("transform.steps.s.column=1.10", 'transform.steps.s.column="1.10"'),
    ("backend.framework_version=3.50", 'backend.framework_version="3.50"'),
    ("dataset={label: 1_0, on_bad_rows: true}", 'dataset={label: "1_0", on_bad_rows: true}'),
    ("dataset=2024", 'dataset="2024"'),
]
SAME = [
    *("transform.n_features=1_0", "transform.steps.split.train_fraction=0.50", "dataset.label=7"),
    *("dataset.label=null", "output.overwrite=true", "dataset.label='1.10'", "dataset.path=a/1.10"),
    *("dataset.label=${x}", "a=[", "~dataset", "nonsense", "dataset.label=range(1,3)", "+new=1.10"),
]


@pytest.mark.parametrize(("before", "after"), [*CHANGED, *((each, each) for each in SAME)])
def test_only_texts_get_quotes(before: str, after: str) -> None:
    assert kept([before, "transform.steps.s.name=split"])[0] == after


def test_a_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "odd.yaml").write_text(
        "path: 2014.10\nlabel: 1.10\nnumeric: [1e5, 1_0, true, x, 007]\n"
    )
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "odd.yaml").write_text(
        "# @package _global_\ndefaults: [{override /dataset: odd}]\n"
        "job: {env: {A: 1.10}, arguments: [--rate, 0.50]}\n"
        "transform: {steps: {split: {train_fraction: 0.50}}}\n"
    )
    defaults.register()
    conf = str(defaults.PROJECT / "conf")
    with checked(), hydra.initialize_config_dir(conf, version_base="1.3"):
        found = hydra.compose(
            "config",
            [f"hydra.searchpath=['file://{tmp_path}']", "experiment=odd", "output.path=out"],
        )
    config = compose(found).config
    assert config.dataset.label == "1.10"
    assert config.dataset.numeric == ("1e5", "1_0", "true", "x", "007")
    assert config.job.env == {"A": "1.10"}
    assert config.job.arguments == ("--rate", "0.50")
    assert str(config.dataset.path).endswith("/2014.10")
