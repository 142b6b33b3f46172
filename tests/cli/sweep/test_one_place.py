"""A sweep whose runs would all write to one place is refused before the first of them."""

from __future__ import annotations

import pytest
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath
from hydra.types import RunMode
from omegaconf import DictConfig

from headrace.cli.sweep.callback import expected_runs, one_place_for_all
from headrace.config import defaults
from headrace.config.hydra.loader import CheckedLoader
from headrace.runtime.plugins import roots

PLACE = "output.path=out"
WIDTHS = "transform.n_features=16,32"
NUMBER = "x${hydra:job.num}"
"""Has a value in a run only."""


def swept(*overrides: str) -> DictConfig:
    defaults.register()
    path: ConfigSearchPath = create_config_search_path(str(roots.SHIPPED / roots.CONF))
    return CheckedLoader(path).load_configuration("config", list(overrides), RunMode.MULTIRUN)


@pytest.mark.parametrize("also", ["transform.steps.split.seed=range(3)", f"job.name={NUMBER}"])
def test_several_runs_with_one_place(also: str) -> None:
    runs = 6 if "range" in also else 2
    assert str(one_place_for_all(swept(PLACE, WIDTHS, also))) == (
        f"output.path: all {runs} runs would write to 'out'; "
        "leave it out, and hydra.sweep.dir=FOLDER holds a folder for each"
    )


@pytest.mark.parametrize(
    "overrides",
    [
        [WIDTHS],
        [PLACE, "transform.n_features=16"],
        ["output.path=a,b", WIDTHS],
        ["output.path=out/${transform.n_features}", WIDTHS],
    ],
    ids=str,
)
def test_places_apart(overrides: list[str]) -> None:
    assert one_place_for_all(swept(*overrides)) is None


def test_runs_whose_settings_only_they_can_resolve() -> None:
    runs = expected_runs(swept(WIDTHS, f"job.name={NUMBER}"))
    assert [run[0] for run in runs] == ["transform.n_features=16", "transform.n_features=32"]
