"""Compose ``conf/`` from Python, in any process, whatever that does with Hydra itself.

Overrides are texts as on the command line, or dicts whose values need no quoting.

Source: https://hydra.cc/docs/1.3/advanced/override_grammar/basic/
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from numbers import Integral, Real
from os import PathLike, fspath
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.version import VersionBase
from omegaconf import DictConfig

from headrace.config import defaults
from headrace.config.dataset import PAIRS
from headrace.config.hydra.errors import escaped_quote
from headrace.config.hydra.loader import CheckedLoader, checked
from headrace.errors import ConfigError, Problem
from headrace.runtime.plugins import roots
from headrace.runtime.shown import plain

Overrides = str | Mapping[str, object]
VERSION_BASE = "1.3"
NO_OVERRIDE = (
    "an override is a text, as 'backend=script', or a dict, as {'transform.n_features': 4096}"
)
MOST = 60
"""Characters of a value that a message repeats."""

_ONE_AT_A_TIME = threading.Lock()
"""Held while Hydra works, whose state is global to the process."""


def composed(overrides: Sequence[Overrides]) -> DictConfig:
    """Return the configuration, without Hydra's own node.

    Raises:
        ConfigError: What Hydra does not accept.
    """
    defaults.register()
    texts = texts_of(overrides)
    try:
        if _is_running():
            return hydra.compose(HydraConfig.get().job.config_name, texts)
        with _ONE_AT_A_TIME, _hydra():
            return hydra.compose("config", texts)
    except ConfigError as exc:
        raise ConfigError(exc.problems) from None


def _is_running() -> bool:
    """Return whether Hydra runs a job of ours in this thread, with its own places of ``conf/``."""
    loader = getattr(GlobalHydra.instance().hydra, "config_loader", None)
    return HydraConfig.initialized() and isinstance(loader, CheckedLoader)


def fresh_folder() -> str:
    """Return the default folder of a result, as ``hydra.run.dir`` of ``conf/config.yaml`` is."""
    now = datetime.now()
    return str(Path(f"outputs/{now:%Y-%m-%d}/{now:%H-%M-%S-%f}").absolute())


@contextmanager
def _hydra() -> Iterator[None]:
    """Initialise Hydra on our ``conf/``; afterwards leave it as it was, initialised or not."""
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


def texts_of(overrides: Sequence[Overrides]) -> list[str]:
    """Return all overrides in Hydra's grammar.

    Raises:
        ConfigError: Some are no overrides, or have what is no value of a configuration.
    """
    texts: list[str] = []
    problems: list[Problem] = []
    for each in overrides:
        if isinstance(each, str):
            texts.append(each)
        elif isinstance(each, Mapping):
            for key, value in each.items():
                try:
                    texts.append(f"{key}={_text(_as_pairs(key, value))}")
                except TypeError as exc:
                    problems.append(Problem(str(key), str(exc)))
        else:
            problems.append(Problem("", f"{NO_OVERRIDE} (got {plain(repr(each), MOST)})"))
    if problems:
        raise ConfigError(problems)
    return texts


def _as_pairs(key: object, value: object) -> object:
    return list(value.items()) if key in PAIRS and isinstance(value, Mapping) else value


def _text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Real):  # NumPy's numbers too
        return repr(int(value) if isinstance(value, Integral) else float(value))
    if isinstance(value, Mapping):
        advice = "write a key for each, as 'job.tags.team'"
        raise TypeError(f"a value is no dict; {advice} (got {plain(repr(value), MOST)})")
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return f"[{','.join(map(_text, value))}]"
    if not isinstance(value, str | PathLike):
        raise TypeError(f"{plain(repr(value), MOST)} cannot be a value of a configuration")
    return quoted_value(str(fspath(value)))


def quoted_value(text: str) -> str:
    """Return a text between quotes, so that Hydra's grammar takes it as it is."""
    # What OmegaConf takes for a link is none, and a backslash before it no escape.
    without_links = re.sub(r"(\\*)(\$\{)", r"\1\1\\\2", text)
    # Backslashes count as such only before a quote.
    return "'" + re.sub(r"(\\*)('|$)", escaped_quote, without_links) + "'"
