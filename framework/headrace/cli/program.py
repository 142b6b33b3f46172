"""The function that the command ``headrace`` has Hydra run, as ``run.py`` does in a checkout."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from headrace.cli import main as cli
from headrace.runtime.plugins import roots


@hydra.main(version_base="1.3", config_path=str(roots.SHIPPED / roots.CONF), config_name="config")
def run(config: DictConfig) -> float:
    """Do what ``action`` says with one composed configuration; a sweeper minimises the number."""
    return cli.execute(config)
