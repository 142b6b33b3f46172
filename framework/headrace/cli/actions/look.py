"""``action=look``: shows what a file looks like, and the ``conf/dataset`` file that reads it.

The one action that needs no valid job: nothing of the configuration counts but ``dataset.path``,
``name``, and what else of ``dataset`` was said on the command line.
"""

from __future__ import annotations

from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from headrace.config.compose import resolve
from headrace.config.dataset import DatasetConfig
from headrace.config.defaults import command
from headrace.config.problems import REQUIRED, suggest
from headrace.errors import ConfigError, Problem
from headrace.look import conf_file, dataset_file
from headrace.look.look import Look, look
from headrace.runtime.plugins import roots
from headrace.runtime.process.setup import leave_pandas_out
from headrace.runtime.shown import plain
from headrace.terminal.tables import aligned, listed

ACTION = "look"
WIDTH = 11
MOST = 200
"""Columns that are shown."""
GIVEN = (
    "delimiter", "quote", "escape", "comment", "trim", "encoding", "nulls", "header", "columns",
    "label", "id",
)  # fmt: skip
"""Keys of ``dataset`` that a look takes as they were said, instead of finding them out."""


def perform(config: DictConfig) -> None:
    """Look, show, and write the file if ``name`` says how it is called.

    Raises:
        ConfigError: There is nothing to look at, or the file cannot be written.
        DataError: The data cannot be read.
    """
    values = _dataset(config)
    name = config.get("name")
    if name is not None:
        conf_file.checked_name(str(name))
    leave_pandas_out()
    found = look(values["path"], _given(values))
    print("\n".join(_shown(found)))
    if name is None:
        _print_file(found)
    else:
        _write_file(found, str(name))


def _shown(found: Look) -> list[str]:
    notes = [("note", note) for note in found.notes()]
    rows = found.rows()
    if len(rows) > MOST + 1:
        notes.insert(0, ("note", f"{len(rows) - MOST - 1:,} more columns are not shown"))
    return [
        *listed(found.facts(), WIDTH),
        "",
        *aligned(rows[: MOST + 1], right=(3, 4)),
        "",
        *listed(notes, WIDTH),
    ]


def _print_file(found: Look) -> None:
    name = dataset_file.name_for(found.first_path, _shipped())
    path = dataset_file.override("dataset.path", found.path)
    again = f"{command()} action={ACTION} {path} name={name}"
    print("\n".join(listed([("write it", again)], WIDTH)))
    print(f"\n{found.yaml(name, command())}", end="")


def _write_file(found: Look, name: str) -> None:
    path = conf_file.write(dataset_file.GROUP, name, found.yaml(name, command()))
    pairs = [("written", str(path)), ("next", f"{command()} dataset={name}")]
    print("\n".join(listed(pairs, WIDTH)))


def _shipped() -> list[str]:
    folder = roots.SHIPPED / roots.CONF / dataset_file.GROUP
    return [path.stem for path in folder.glob("*.yaml")]


def _dataset(config: DictConfig) -> dict[str, Any]:
    """Return the keys of ``dataset``, which need not be complete.

    Raises:
        ConfigError: One of them does not exist, or there is no path.
    """
    values = resolve(OmegaConf.masked_copy(config, ["dataset"])).values.get("dataset", {})
    known = DatasetConfig.model_fields
    problems = [
        Problem(f"dataset.{plain(str(key))}", f"unknown key; {suggest(str(key), known)}")
        for key in values
        if key not in known
    ]
    if not values.get("path"):
        problems.insert(0, Problem("dataset.path", REQUIRED))
    if problems:
        raise ConfigError(problems)
    return dict(values)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Return what was said on the command line; what a choice of ``dataset`` says is not meant."""
    if not HydraConfig.initialized():
        return {}
    said = {
        override.partition("=")[0].lstrip("+").removeprefix("dataset.")
        for override in HydraConfig.get().overrides.task
        if override.lstrip("+").startswith("dataset.")
    }
    return {key: values[key] for key in GIVEN if key in said and key in values}
