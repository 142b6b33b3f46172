"""``hydra/launcher=fused``: runs that differ in ``n_features`` alone are done in one go.

Where they differ in more, they run one by one, and a line says why. Hydra looks for its plugins
in the namespace package ``hydra_plugins`` alone, so this is in one.
"""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write

_WIDTH = re.compile(r"transform\.n_features=[1-9]\d*")


class FusedLauncher(Launcher):
    """Starts all runs of a sweep before the first one ends."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what Hydra tells a launcher before it has something to launch."""
        hydra_context.config_loader = cast(ConfigLoader, _Remembering(hydra_context.config_loader))
        self._context = hydra_context
        self._task = task_function
        self._config = config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run them.

        Args:
            job_overrides: For each run its overrides.
            initial_job_idx: Number of the first of them.

        Returns:
            How each of them ended, in the same order.
        """
        from headrace.cli.sweep.fusion import fused

        setup_globals()
        Path(self._config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        configs = [
            self._config_of(overrides, number)
            for number, overrides in enumerate(job_overrides, initial_job_idx)
        ]
        together, reason = fused(configs)
        if reason:
            print(f"the runs are done one by one: {reason}", file=sys.stderr, flush=True)
        return [self._run(config, together.get(n, self._task)) for n, config in enumerate(configs)]

    def _config_of(self, overrides: Sequence[str], number: int) -> DictConfig:
        config = self._context.config_loader.load_sweep_config(self._config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = number
            config.hydra.job.num = number
            folder = Path(config.hydra.sweep.dir, config.hydra.sweep.subdir)
            config.hydra.runtime.output_dir = str(folder.absolute())
        return config

    def _run(self, config: DictConfig, task: Callable[[DictConfig], object]) -> JobReturn:
        return run_job(
            hydra_context=self._context,
            task_function=task,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            configure_logging=True,
        )


class _Remembering:
    """Composes each run once, although Hydra's sweeper has composed all of them as a trial.

    Of runs that differ in ``n_features`` alone it composes one: Hydra takes as long for that as a
    job for 50,000 rows.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        self._loader = loader
        self._composed: dict[tuple[str, ...], DictConfig] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: list[str]
    ) -> DictConfig:
        key = tuple(sweep_overrides)
        if key in self._composed:
            return self._composed.pop(key)
        config = self._changed(key) or self._loader.load_sweep_config(
            master_config, sweep_overrides
        )
        return self._composed.setdefault(key, config)

    def _changed(self, overrides: tuple[str, ...]) -> DictConfig | None:
        """A run that nobody has got yet, with another width; None if there is none like this."""
        others, config = next(iter(self._composed.items()), ((), None))
        if config is None or len(others) != len(overrides):
            return None
        differing = [pair for pair in zip(others, overrides, strict=True) if pair[0] != pair[1]]
        if len(differing) != 1 or not all(_WIDTH.fullmatch(text) for text in differing[0]):
            return None
        ((before, after),) = differing
        changed = copy.deepcopy(config)
        with read_write(changed.hydra):
            changed.hydra.overrides.task = list(overrides)
            name = changed.hydra.job.override_dirname
            changed.hydra.job.override_dirname = name.replace(before, after)
        changed.transform.n_features = int(after.partition("=")[2])
        return changed
