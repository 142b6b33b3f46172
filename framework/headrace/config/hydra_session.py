"""Composes ``conf/`` in any process, whatever it does with Hydra itself, and leaves no trace."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.version import VersionBase
from omegaconf import DictConfig

from headrace.config import defaults
from headrace.config.hydra_loader import checked
from headrace.config.overrides import Overrides, texts_of
from headrace.errors import ConfigError
from headrace.runtime import roots

VERSION_BASE = "1.3"

_ONE_AT_A_TIME = threading.Lock()
"""What Hydra works with is global to the process."""


def composed(overrides: Sequence[Overrides]) -> DictConfig:
    """The configuration, without Hydra's own node.

    Raises:
        ConfigError: What Hydra does not accept.
    """
    defaults.register()
    texts = list(texts_of(overrides))
    try:
        with _ONE_AT_A_TIME, _hydra():
            return hydra.compose("config", texts)
    except ConfigError as exc:
        raise ConfigError(exc.problems) from None


def fresh_folder() -> str:
    """Where a result goes by default: as ``hydra.run.dir`` in ``conf/config.yaml`` has it."""
    now = datetime.now()
    return str(Path(f"outputs/{now:%Y-%m-%d}/{now:%H-%M-%S-%f}").absolute())


@contextmanager
def _hydra() -> Iterator[None]:
    """Hydra on our ``conf/``; afterwards it is as initialised, or not, as it was."""
    base, theirs = VersionBase.instance(), GlobalHydra.instance().hydra
    version = base.version_base
    GlobalHydra.instance().clear()
    try:
        folder = str(roots.SHIPPED / roots.CONF)
        with (
            checked(),
            hydra.initialize_config_dir(folder, job_name="headrace", version_base=VERSION_BASE),
        ):
            yield
    finally:
        GlobalHydra.instance().hydra = theirs
        base.version_base = version
