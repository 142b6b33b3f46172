"""A sweep whose runs would all write to one place is refused before the first of them."""

from __future__ import annotations

import pytest
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath
from hydra.types import RunMode
from omegaconf import DictConfig

from headrace.cli.sweep.callback import one_place_for_all
from headrace.config import defaults
from headrace.config.hydra.loader import CheckedLoader
from headrace.runtime.plugins import roots

PLACE = "output.path=out"
WIDTHS = "transform.n_features=16,32"


def swept(*overrides: str) -> DictConfig:
    defaults.register()
    path: ConfigSearchPath = create_config_search_path(str(roots.SHIPPED / roots.CONF))
    return CheckedLoader(path).load_configuration("config", list(overrides), RunMode.MULTIRUN)


def test_several_runs_with_one_place() -> None:
    assert str(one_place_for_all(swept(PLACE, WIDTHS, "transform.steps.split.seed=range(3)"))) == (
        "output.path: all 6 runs would write to 'out'; leave it out, and hydra.sweep.dir=FOLDER "
        "holds a folder for each"
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
