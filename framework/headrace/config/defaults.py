"""Defaults that Hydra has to know before it composes: every key, and three resolvers.

The defaults are read off the models, so that they stand in one place while Hydra, its tab
completion and ``--cfg job`` know every key. A group of keys is left open (its ``struct`` flag is
off): a wrong key then gets through to pydantic, which reports it together with everything else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import MISSING, DictConfig, OmegaConf
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from headrace.config.models import JobConfig
from headrace.config.problems import models_of, tag_of
from headrace.runtime.plugins import roots

PROJECT = roots.SHIPPED
COMMAND, SCRIPT = "headrace", "run.py"
"""The two ways to call the program: the one that is installed, and the one of a checkout."""
BASE_NODE = "headrace_defaults"

_CHOSEN: ContextVar[str | None] = ContextVar("run_folder", default=None)


def register() -> None:
    """Make the base node and the resolvers known to Hydra; doing it twice does no harm."""
    ConfigStore.instance().store(name=BASE_NODE, node=_open(defaults_of(JobConfig)))
    OmegaConf.register_new_resolver("command", command, replace=True)
    OmegaConf.register_new_resolver("project", _in_project, replace=True)
    OmegaConf.register_new_resolver("run_folder", run_folder, replace=True)


def defaults_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return every key of a model with its default, ``???`` where there is none."""
    return {name: _default(field) for name, field in model.model_fields.items()}


def is_run_folder(path: str) -> bool:
    """Return whether that is what ``output.path`` is by default."""
    return (_CHOSEN.get() is not None or HydraConfig.initialized()) and path == run_folder()


@contextmanager
def run_folder_is(path: str) -> Iterator[None]:
    """Have `path` be the run folder, for as long as it lasts, where Hydra runs nothing."""
    token = _CHOSEN.set(path)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def complete(config: DictConfig) -> None:
    """Fill in the defaults that depend on a choice, which nobody knows before it is made."""
    for group, field in JobConfig.model_fields.items():
        models = models_of(field.annotation)
        node = config._get_node(group) if group in config else None
        if len(models) > 1 and isinstance(node, DictConfig) and "name" in node:
            chosen = [model for model in models if tag_of(model) == node._get_node("name")]
            for key, value in defaults_of(chosen[0]).items() if chosen else ():
                if key not in node:
                    node[key] = value


def _default(field: FieldInfo) -> object:
    if models := models_of(field.annotation):
        common = [defaults_of(model) for model in models]
        return {key: common[0][key] for key in common[0] if all(key in each for each in common)}
    if field.is_required():
        return MISSING
    default = field.get_default(call_default_factory=True, validated_data={})
    return list(default) if isinstance(default, tuple) else default


def _open(defaults: dict[str, Any]) -> DictConfig:
    node = OmegaConf.create(defaults)
    for key, value in defaults.items():
        if isinstance(value, dict):
            OmegaConf.set_struct(node[key], False)
    return node


def command() -> str:
    """Return the command that was used, as messages and the help repeat it.

    A program that uses the Python API has used none; it is told the one that it can use.
    """
    name = Path(sys.argv[0]).name
    if name not in (COMMAND, SCRIPT):
        name = SCRIPT if (PROJECT / SCRIPT).is_file() else COMMAND
    return f"python {SCRIPT}" if name == SCRIPT else COMMAND


def _in_project(path: str) -> str:
    return str(roots.find(path))


def run_folder() -> str:
    """Return Hydra's run folder; before a run has one (``--cfg job``), the one it would get."""
    if (chosen := _CHOSEN.get()) is not None:
        return chosen
    hydra = HydraConfig.get()
    if OmegaConf.is_missing(hydra.runtime, "output_dir"):
        return str(Path(hydra.run.dir).absolute())
    return hydra.runtime.output_dir
