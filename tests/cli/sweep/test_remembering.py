"""What the fused launcher composes by itself is what Hydra would have composed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import hydra
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from headrace.config import defaults

BASE = ["backend=script", "transform=hashing", "output.format=parquet"]
FIRST = [*BASE, "transform.n_features=256"]


class Counting:
    """Hydra's own loader, and how often it had to compose."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.count = 0
        self.master = loader.load_configuration("config", BASE, RunMode.MULTIRUN)

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> Any:
        self.count += 1
        return self.loader.load_sweep_config(master_config, sweep_overrides)


@pytest.fixture
def counting() -> Iterator[Counting]:
    importlib.import_module("headrace.cli.main")  # registers our part of Hydra
    folder = str(defaults.PROJECT / "conf")
    with hydra.initialize_config_dir(folder, job_name="headrace", version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        assert isinstance(loader, ConfigLoaderImpl)
        yield Counting(loader)


def remembering(counting: Counting) -> Any:
    plugin = importlib.import_module("hydra_plugins.headrace_fused_launcher")
    return plugin._Remembering(counting)


def unresolved(config: DictConfig) -> Any:
    return OmegaConf.to_container(config, resolve=False)


@pytest.mark.parametrize("width", [2, 2560, 16777216])
def test_another_width_is_composed_as_by_hydra(counting: Counting, width: int) -> None:
    loader = remembering(counting)
    other = [*BASE, f"transform.n_features={width}"]
    loader.load_sweep_config(counting.master, FIRST)

    made = loader.load_sweep_config(counting.master, other)

    expected = counting.loader.load_sweep_config(counting.master, other)
    assert counting.count == 1
    assert unresolved(made) == unresolved(expected)
    assert OmegaConf.is_struct(made) == OmegaConf.is_struct(expected)
    assert OmegaConf.is_readonly(made.hydra) == OmegaConf.is_readonly(expected.hydra)


@pytest.mark.parametrize(
    "other",
    [
        [*BASE, "transform.n_features=wide"],
        [*BASE, "transform.n_features=${oc.env:HOME}"],
        [*BASE[:2], "output.format=npz", "transform.n_features=256"],
        [BASE[0], "transform=custom_hashing", BASE[2], "transform.n_features=256"],
        [*BASE[:2], "output.format=npz", "transform.n_features=512"],
        FIRST[1:],
    ],
    ids=["text", "interpolation", "value", "group", "two", "fewer"],
)
def test_what_differs_in_more_is_left_to_hydra(counting: Counting, other: list[str]) -> None:
    loader = remembering(counting)
    loader.load_sweep_config(counting.master, FIRST)

    made = loader.load_sweep_config(counting.master, other)

    assert counting.count == 2
    expected = counting.loader.load_sweep_config(counting.master, other)
    assert unresolved(made) == unresolved(expected)


def test_a_run_that_was_handed_out_is_no_model_for_others(counting: Counting) -> None:
    loader = remembering(counting)
    loader.load_sweep_config(counting.master, FIRST)
    loader.load_sweep_config(counting.master, FIRST).hydra.job.id = "changed"

    made = loader.load_sweep_config(counting.master, [*BASE, "transform.n_features=4096"])

    assert counting.count == 2
    assert OmegaConf.is_missing(made.hydra.job, "id")
