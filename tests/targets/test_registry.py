"""Targets by name: which there are, and what a wrong name is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from headrace.config.compose import compose
from headrace.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "advice"),
    [("locl", "did you mean 'local'?"), ("moon", "allowed: aws, container, local")],
)
def test_a_wrong_name(composed: Callable[..., DictConfig], name: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(composed(f"target.name={name}"))
    assert str(caught.value) == (
        f"1 problem in the configuration:\n  target.name: no target is called '{name}'; {advice}"
    )
