"""The door: ``python run.py [overrides]``. Hydra composes, headrace does the job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent / "framework"))

from headrace.cli import console, startup

if __name__ == "__main__":
    startup.prepare()  # before what takes its time to be imported
    if (status := console.without_a_job(sys.argv[1:])) is not None:
        sys.exit(status)
    startup.begin_job(sys.argv[1:])

import hydra

from headrace.cli import main as cli

if TYPE_CHECKING:
    from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def run(config: DictConfig) -> float:
    """Do what ``action`` says with one composed configuration; a sweeper minimises the number."""
    return cli.execute(config)


if __name__ == "__main__":
    sys.exit(cli.main(run, sys.argv[1:]))
