"""Validate the composed configuration: the only place where a DictConfig becomes models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from headrace.config import steps
from headrace.config.checks import cross_check
from headrace.config.models import JobConfig, TransformConfig, job_config_with
from headrace.config.problems import keys_of, models_of, problems_of, tag_of
from headrace.config.registry import Step
from headrace.config.resolve import Resolved, resolve
from headrace.errors import ConfigError, Problem

CHOICES = {
    group: tuple(map(tag_of, models))
    for group, field in JobConfig.model_fields.items()
    if len(models := models_of(field.annotation)) > 1
}
"""The groups whose keys depend on their ``name``, and the names."""


@dataclass(frozen=True)
class Plan:
    """A valid configuration: the models, and the chain of transforms that they name."""

    config: JobConfig
    """Its local paths are absolute."""
    chain: tuple[Step, ...]


def compose(cfg: DictConfig) -> Plan:
    """Validate everything in a configuration.

    Args:
        cfg: What Hydra composed, without its own ``hydra`` node.

    Returns:
        The same in models.

    Raises:
        ConfigError: Something is wrong; it lists every problem.
        PluginError: A transform that the configuration names is broken.
    """
    resolved = resolve(cfg)
    chain, wrong_steps = steps.check(_steps_in(resolved.values))
    model = job_config_with(_backend_in(resolved.values))
    keys = partial(keys_of, model)
    wrong_keys = problems_of(model.model_validate, resolved.values, keys, CHOICES)
    _refuse(resolved.once([*wrong_keys, *wrong_steps]))
    config = model.model_validate(resolved.values)
    _refuse([*cross_check(config, chain), *_unused_width(config, resolved)])
    return Plan(_with_absolute_paths(config), chain)


def _refuse(problems: Sequence[Problem]) -> None:
    groups = list(JobConfig.model_fields)
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: _place(problem, groups)))


def _place(problem: Problem, groups: Sequence[str]) -> int:
    """Return a sort key: problems are listed in the order of the configuration's groups."""
    group = problem.where.partition(".")[0]
    return groups.index(group) if group in groups else len(groups)


def _backend_in(values: Mapping[str, Any]) -> object:
    backend = values.get("backend")
    return backend.get("name") if isinstance(backend, Mapping) else None


def _steps_in(values: Mapping[str, Any]) -> Mapping[Any, Any]:
    transform = values.get("transform")
    found = transform.get("steps") if isinstance(transform, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _unused_width(config: JobConfig, resolved: Resolved) -> Iterator[Problem]:
    default = TransformConfig.model_fields["n_features"].default
    is_used = any(
        where.startswith(f"{steps.ADDRESS}.") and "n_features" in text
        for where, text in resolved.linked.items()
    )
    if config.transform.n_features != default and not is_used:
        yield Problem("transform.n_features", "no step of this chain takes it; leave it out")


def _with_absolute_paths(config: JobConfig) -> JobConfig:
    dataset, output = config.dataset, config.output
    paths = tuple(map(_absolute, dataset.paths))
    path = paths[0] if isinstance(dataset.path, str) else paths
    return config.model_copy(
        update={
            "dataset": dataset.model_copy(update={"path": path}),
            "output": output.model_copy(update={"path": _absolute(output.path)}),
        }
    )


def _absolute(path: str) -> str:
    if "://" in path:
        return path
    try:
        return str(Path(path).expanduser().absolute())
    except RuntimeError:  # ~somebody, whom this machine does not know
        return str(Path(path).absolute())
