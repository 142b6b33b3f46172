"""Hydra composes twice, the first time to learn the mode; the first look serves for both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, cast

import hydra
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from headrace.config import defaults
from headrace.config.hydra.loader import CheckedLoader, checked
from headrace.errors import ConfigError


@pytest.fixture
def compositions(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The overrides of each composition that is made."""
    made: list[list[str]] = []
    compose: Any = ConfigLoaderImpl.load_configuration

    def counted(self: object, name: str, overrides: list[str], *further: Any) -> DictConfig:
        made.append(list(overrides))
        return cast(DictConfig, compose(self, name, overrides, *further))

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", counted)
    return made


def loaders() -> Iterator[CheckedLoader]:
    """As many as are asked for, as Hydra makes one for each command."""
    defaults.register()
    conf = str(defaults.PROJECT / "conf")
    with checked(), hydra.initialize_config_dir(conf, version_base="1.3"):
        while True:
            yield CheckedLoader(GlobalHydra.instance().config_loader().get_search_path())


@pytest.mark.parametrize("mode", RunMode)
@pytest.mark.parametrize("given", [["action=plan"], ["hydra.mode=", "transform=split"]])
def test_the_first_look_serves_for_both(
    compositions: list[list[str]], mode: RunMode, given: list[str]
) -> None:
    loader, afresh = islice(loaders(), 2)
    typed = [each + mode.name if each == "hydra.mode=" else each for each in given]
    loader.load_configuration("config", typed, RunMode.MULTIRUN, validate_sweep_overrides=False)
    overrides = typed if typed != given else [*typed, f"hydra.mode={mode.name}"]
    config = loader.load_configuration("config", overrides, mode)
    assert len(compositions) == 1
    wanted = afresh.load_configuration("config", overrides, mode)
    assert OmegaConf.to_yaml(config) == OmegaConf.to_yaml(wanted)
    assert config.hydra.mode is wanted.hydra.mode is mode
    loader.load_configuration("config", overrides, mode)
    assert len(compositions) == 3


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("config", ["action=schema", "hydra.mode=RUN"]),
        ("config", ["hydra.mode=RUN", "action=plan"]),
        ("config", ["action=plan", "hydra.mode=MULTIRUN"]),
        ("config", ["action=plan", "hydra.mode=RUN", "name=x"]),
        ("other", ["action=plan", "hydra.mode=RUN"]),
    ],
)
def test_another_request_is_composed_anew(
    compositions: list[list[str]], name: str, overrides: list[str]
) -> None:
    (loader,) = islice(loaders(), 1)
    loader.load_configuration(
        "config", ["action=plan"], RunMode.MULTIRUN, validate_sweep_overrides=False
    )
    with suppress(ConfigError):
        loader.load_configuration(name, overrides, RunMode.RUN)
    assert compositions[1] == overrides


def test_a_sweep_without_multirun_is_refused_after_the_first_look() -> None:
    (loader,) = islice(loaders(), 1)
    sweep = ["transform.n_features=16,32"]
    loader.load_configuration("config", sweep, RunMode.MULTIRUN, validate_sweep_overrides=False)
    with pytest.raises(ConfigError) as caught:
        loader.load_configuration("config", [*sweep, "hydra.mode=RUN"], RunMode.RUN)
    assert [str(each) for each in caught.value.problems] == [
        "transform.n_features: has several values; for a run with each, add -m; for a list, write "
        "'transform.n_features=[16,32]'; for one text, write 'transform.n_features=\"16,32\"'"
    ]
