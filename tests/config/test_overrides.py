"""Values from Python arrive as they are, whatever stands in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from headrace.config.hydra.errors import with_quotes
from headrace.config.hydra.session import texts_of
from headrace.errors import ConfigError

TEXT = st.text(st.characters(exclude_categories=["C"]))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUE = st.recursive(PLAIN, st.lists, max_leaves=6)


def arrived(value: Any) -> Any:
    """What Hydra and OmegaConf make of it."""
    [text] = texts_of([{"key": value}])
    [override] = OverridesParser.create().parse_overrides([text])
    config = OmegaConf.create({"key": override.value()})
    return OmegaConf.to_container(config, resolve=True)["key"]  # type: ignore[index, call-overload]


@given(VALUE)
def test_any_value(value: Any) -> None:
    assert arrived(value) == value


@pytest.mark.parametrize(
    "text",
    ["", "'", "\\", "\\'", "a\\\\'b\\", "${x}", "\\${x}", "null", "1e3", "a,b", "{a:b}", '"'],
)
def test_texts_that_have_a_meaning_elsewhere(text: str) -> None:
    assert arrived(text) == text


def test_paths_and_texts_as_on_the_command_line() -> None:
    assert texts_of(["a=b", {"c": Path("d e")}, "+f=1"]) == ["a=b", "c='d e'", "+f=1"]


def test_numbers_of_numpy() -> None:
    numbers = [np.int64(4096), np.float64(0.5), np.float32(2)]
    assert arrived(numbers) == [4096, 0.5, 2.0]


NO_VALUES = [
    (b"x", "b'x' cannot be a value of a configuration"),
    ({"b": 1}, "a value is no dict; write a key for each, as 'job.tags.team' (got {'b': 1})"),
]


@pytest.mark.parametrize(("value", "message"), NO_VALUES)
def test_what_is_no_value(value: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        texts_of([{"a": value}])
    assert str(caught.value) == f"1 problem in the configuration:\n  a: {message}"


@pytest.mark.parametrize("value", [1, None, ["backend=script"], b"backend=script"])
def test_what_is_no_override(value: Any) -> None:
    what = (
        "an override is a text, as 'backend=script', or a dict, as {'transform.n_features': 4096}"
    )
    with pytest.raises(ConfigError) as caught:
        texts_of(["a=1", value, {"b": object}])
    assert str(caught.value) == (
        f"2 problems in the configuration:\n  {what} (got {value!r})\n"
        "  b: <class 'object'> cannot be a value of a configuration"
    )


def test_the_keys_of_a_mapping_take_no_quotes() -> None:
    assert with_quotes('+job.env={"A": "b c", \'B\':1}') == "'+job.env={A: \"b c\", B:1}'"
