"""How a configuration writes marks, encodings and labels, and which settings go together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from headrace.config.compose import compose
from headrace.config.dataset import DatasetConfig
from headrace.config.hydra.session import texts_of
from headrace.config.hydra.typed_text import kept
from headrace.errors import ConfigError

Composer = Callable[..., DictConfig]
CSV = ("dataset=csv", "dataset.path=x.csv", "dataset.label=y")


def dataset(**keys: Any) -> DatasetConfig:
    return DatasetConfig(path="x.csv", label="y", **keys)


@pytest.mark.parametrize(
    ("given", "mark"),
    [
        *((mark, mark) for mark in ",;|\t :§\x01'"),
        (r"\t", "\t"), (r"\x01", "\x01"), (r"\x1f", "\x1f"), (r"\u00a6", "¦"), ("\\", "\\"),
        (r"\\", "\\"), (r"\0", "\0"), (1, "1"),
        (r"\\x01", "\x01"), (r"\\t", "\t"),
    ],
)  # fmt: skip
def test_a_character_is_written_as_it_is_or_by_its_number(given: Any, mark: str) -> None:
    assert dataset(delimiter=given).delimiter == mark


@pytest.mark.parametrize("mark", list(";#^~,|:'\"\\!@ \t"))
@pytest.mark.parametrize("key", ["delimiter", "quote", "escape", "comment"])
def test_one_character_needs_no_quotes_on_the_command_line(
    composed: Composer, key: str, mark: str
) -> None:
    (override,) = kept([f"dataset.{key}={mark}"])
    assert (
        composed("dataset=csv", "dataset.path=x", "dataset.label=y", f"{override}").dataset[key]
        == mark
    )


@pytest.mark.parametrize("none", [None, "", "none"])
def test_no_quote(none: str | None) -> None:
    assert dataset(quote=none).quote is None


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"yes": 1, "no": 0}, {"yes": 1.0, "no": 0.0}),
        ({1: 0, 2: "1"}, {"1": 0.0, "2": 1.0}),
        ({"a": 0, "b": 1, "c": 2.5}, {"a": 0.0, "b": 1.0, "c": 2.5}),
        ([["<=50K", 0], [">50K", 1]], {"<=50K": 0.0, ">50K": 1.0}),
    ],
)
def test_label_values(given: dict[Any, Any], values: dict[str, float]) -> None:
    assert dataset(label_values=given).label_values == values


def test_label_values_of_any_text(composed: Composer) -> None:
    texts = {"<=50K": 0, 'a "b", c': 1}
    typed = """dataset.label_values=[["<=50K", 0], ["a \\"b\\", c", 1]]"""
    assert compose(composed(typed)).config.dataset.label_values == texts
    (given,) = texts_of([{"dataset.label_values": texts}])
    assert compose(composed(given)).config.dataset.label_values == texts
    with pytest.raises(ConfigError) as caught:
        compose(composed('dataset.label_values=[["<=50K"]]'))
    assert str(caught.value.problems[0]) == (
        "dataset.label_values: should be a mapping, or pairs as in "
        '[["<=50K", 0], [">50K", 1]] (got [["<=50K"]])'
    )


def test_yaml_reads_yes_and_no_as_true_and_false(composed: Composer, tmp_path: Path) -> None:
    found = dataset(label_values={True: 1, False: 0}).label_values
    assert {found[text] for text in ("yes", "Yes", "true", "ON")} == {1.0}
    assert {found[text] for text in ("no", "NO", "False", "off")} == {0.0}


WRONG = [
    (["dataset.delimiter=ab"],
     r"dataset.delimiter: should be one character, or written as \t or \x01 (got 'ab')"),
    (["dataset.delimiter=\\x0a"], "dataset.delimiter: should be no line end (got '\\n')"),
    (["dataset.quote=xy"],
     r"dataset.quote: should be one character, or written as \t or \x01 (got 'xy')"),
    (["dataset.encoding=klingon"],
     "dataset.encoding: should be an encoding of text by its name in Python, such as utf-16 or "
     "cp1252 (got 'klingon')"),
    (["dataset.encoding=hex"],
     "dataset.encoding: should be an encoding of text by its name in Python, such as utf-16 or "
     "cp1252 (got 'hex')"),
    (["dataset.encoding=idna"],
     "dataset.encoding: should be an encoding of text by its name in Python, such as utf-16 or "
     "cp1252 (got 'idna')"),
    (["dataset.path="], "dataset.path: should not be empty"),
    (["dataset.format=tsv", "dataset.escape='\t'"],
     "dataset.escape: '\\t' stands between the cells of Tsv; leave it out"),
    (["dataset.quote=';'", "dataset.delimiter=';'"],
     "dataset.quote: ';' is dataset.delimiter already"),
    (["dataset.comment='\"'"], "dataset.comment: '\"' is dataset.quote already"),
    (["dataset.delimiter=' '", "dataset.trim=true"],
     "dataset.trim: leaves out blanks, which mean something else here"),
    (["dataset.drop=[y]"], "dataset.drop: the column 'y' is the label already"),
    (["dataset.drop=[n]", "dataset.numeric=[n]"],
     "dataset.drop: the column 'n' is numeric already"),
    (["dataset.columns_expected=[a,b]"],
     "dataset.columns_expected: the label 'y' is not among them: 'a', 'b'"),
    (["dataset.columns_expected=[y,a,a]"],
     "dataset.columns_expected: the column 'a' is named twice"),
    (["dataset.label=null", "dataset.label_values={a:1}"],
     "dataset.label_values: has no effect without dataset.label; leave it out"),
    (["dataset.format=parquet", "dataset.quote=null"],
     "dataset.quote: Parquet has no delimited cells; leave it out"),
    (["dataset.format=jsonl", "dataset.header=false"],
     "dataset.header: Jsonl names its own columns; leave it out"),
    (["dataset.format=parquet", "dataset.encoding=cp1252"],
     "dataset.encoding: Parquet has no lines; leave it out"),
]  # fmt: skip


@pytest.mark.parametrize(("overrides", "problem"), WRONG, ids=lambda each: str(each)[:40])
def test_what_does_not_go_together(composed: Composer, overrides: list[str], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(composed(*CSV, *overrides))
    assert [str(each) for each in caught.value.problems] == [problem]


def test_a_quote_that_escapes_itself_is_a_doubled_one(composed: Composer) -> None:
    assert compose(composed(*CSV, "dataset.escape='\"'")).config.dataset.escape == '"'


def test_one_text_is_a_list_of_one(composed: Composer) -> None:
    config = compose(composed(*CSV, "dataset.nulls=NA", "dataset.drop=C*")).config
    assert (config.dataset.nulls, config.dataset.drop) == (("NA",), ("C*",))


def test_several_paths(composed: Composer, tmp_path: Path) -> None:
    config = compose(composed("dataset=csv", "dataset.label=y", "dataset.path=[a.csv,/b/*.csv]"))
    assert config.config.dataset.paths == (str(Path("a.csv").absolute()), "/b/*.csv")
