"""Validate the composed configuration: the only place where a DictConfig becomes models.

OmegaConf's nodes become plain data first. All problems are collected, instead of stopping at the
first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from omegaconf import MISSING, DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from headrace.config import registry
from headrace.config.checks import cross_check
from headrace.config.flow import GROUP
from headrace.config.learned import Coming, Learned, learned_in
from headrace.config.models import JobConfig, TransformConfig, job_config_with
from headrace.config.problems import REQUIRED, keys_of, models_of, problems_of, tag_of
from headrace.config.program import idle
from headrace.config.program.models import ScriptProgram
from headrace.config.registry import Step
from headrace.config.steps import ADDRESS
from headrace.errors import ConfigError, Problem
from headrace.runtime.shown import plain, quoted
from headrace.runtime.spec import DatasetSpec, JobSpec, OutputSpec, RuntimeSpec, StepSpec
from headrace.uris import full_path

LINK = re.compile(r"\$\{(\.*)([\w.]+)\}")
PYTHON_OBJECT = "_target_"
DEEPEST = 40
"""Mappings within each other."""
REFUSED = "a configuration may name a plugin, never a Python object"
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
    learned: Learned | None = None
    """Another run, whose chain this is."""

    @property
    def spec(self) -> JobSpec:
        """Return a chain as the container has to know it, without what the job's compiler adds."""
        config = self.config
        dataset = config.dataset.model_dump(exclude={"path"})
        return JobSpec(
            DatasetSpec(**dataset, lists=registry.lists_of(self.chain)),
            tuple(StepSpec(step.label, step.name, step.parameters) for step in self.chain),
            OutputSpec(**config.output.model_dump(exclude={"path", "overwrite"})),
            RuntimeSpec(**config.runtime.model_dump()),
            learned=None if self.learned is None else self.learned.spec,
        )


def compose(cfg: DictConfig, coming: Coming | None = None) -> Plan:
    """Validate everything in a configuration.

    Args:
        cfg: What Hydra composed, without its own ``hydra`` node.
        coming: Jobs of the same flow whose reports ``transform.learned`` may name.

    Returns:
        The same in models.

    Raises:
        ConfigError: Something is wrong; it lists every problem.
        PluginError: A transform that the configuration names is broken.
    """
    resolved = idle.without_idle(resolve(cfg))
    learned = learned_in(resolved.values, coming or {})
    if learned is not None:
        resolved.values = learned.filled_in(resolved.values)
    chain, wrong_steps = registry.check_steps(_steps_in(resolved.values))
    model = job_config_with(_backend_in(resolved.values))
    keys = partial(keys_of, model)
    wrong_keys = problems_of(model.model_validate, resolved.values, keys, CHOICES)
    _refuse(resolved.once([*wrong_keys, *wrong_steps]))
    config = model.model_validate(resolved.values)
    others = [] if learned is None else learned.problems(chain)
    _refuse([*cross_check(config, chain), *_unused_width(config, resolved, chain), *others])
    return Plan(_with_absolute_paths(config), chain, learned)


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
    if idle.is_idle(idle.program_in(values)):
        return {}
    transform = values.get("transform")
    found = transform.get("steps") if isinstance(transform, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _unused_width(
    config: JobConfig, resolved: Resolved, chain: Sequence[Step]
) -> Iterator[Problem]:
    default = TransformConfig.model_fields["n_features"].default
    is_of_run = config.transform.learned is not None
    is_used = (is_of_run and any("n_features" in step.parameters for step in chain)) or any(
        where.startswith(f"{ADDRESS}.") and "n_features" in text
        for where, text in resolved.linked.items()
    )
    if config.transform.n_features != default and not is_used:
        yield Problem("transform.n_features", "no step of this chain takes it; leave it out")


def _with_absolute_paths(config: JobConfig) -> JobConfig:
    program = config.program
    groups: dict[str, Any] = {"dataset": config.dataset, "output": config.output}
    if isinstance(program, ScriptProgram):
        groups["program"] = program
    placed = {key: _placed(group) for key, group in groups.items()}
    resources = config.resources
    preferences = resources.instance_preferences
    if preferences:  # what is said of the job is said of the first
        first = {"instance_type": preferences[0].instance_type}
        placed["resources"] = resources.model_copy(update=first)
    inputs = {name: _placed(each) if each.path else each for name, each in config.inputs.items()}
    return config.model_copy(update={**placed, "inputs": inputs})


def _placed(group: Any) -> Any:
    path = group.path
    placed = full_path(path) if isinstance(path, str) else tuple(map(full_path, path))
    return group.model_copy(update={"path": placed})


@dataclass
class Resolved:
    """A configuration in plain data. A key that has a problem here is missing from `values`."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    """The address of each key that only repeats another (``${…}``) → the other's address."""
    linked: dict[str, str] = field(default_factory=dict)
    """The address of each key with a link in it → its text."""

    def once(self, problems: Iterable[Problem]) -> list[Problem]:
        """Drop duplicates: problems with the same words, or of a key that repeats a wrong one."""
        without_value = {problem.where for problem in self.problems}
        further = [
            problem
            for problem in problems
            if problem.what != REQUIRED or problem.where not in without_value
        ]
        unique = list(dict.fromkeys([*self.problems, *further]))
        wrong = {problem.where for problem in unique}
        return [
            problem
            for problem in unique
            if self.links.get(problem.where) not in wrong or self._is_in_circle(problem.where)
        ]

    def _is_in_circle(self, where: str) -> bool:
        """Return whether the links from a key lead back to it, so that it only repeats itself."""
        seen: set[str] = set()
        key = where
        while key in self.links and key not in seen:
            seen.add(key)
            key = self.links[key]
        return key == where


def resolve(cfg: DictConfig) -> Resolved:
    """Resolve every interpolation; a value that is missing or not allowed becomes a problem.

    A flow stays as it is: its references are none of OmegaConf's, and it is no part of a job.
    """
    resolved = Resolved()
    resolved.values = dict(_plain(cfg, (), resolved))
    if GROUP in cfg:
        node: Any = cfg._get_node(GROUP)
        is_node = OmegaConf.is_config(node)
        resolved.values[GROUP] = OmegaConf.to_container(node) if is_node else node._value()
    return resolved


def _plain(
    node: DictConfig | ListConfig,
    path: tuple[str, ...],
    found: Resolved,
    above: tuple[DictConfig | ListConfig, ...] = (),
) -> dict[Any, Any] | list[Any]:
    raw: Any = OmegaConf.to_container(node, resolve=False)
    keys = list(raw) if isinstance(raw, dict) else range(len(raw))
    keys = [key for key in keys if path or key != GROUP]
    above = (*above, node)
    values = {}
    for key in keys:
        where = (*path, str(key))
        problem = _problem_of(key, raw[key])
        if problem is None:
            try:
                value = node[key]
            except (OmegaConfBaseException, RecursionError) as exc:
                problem = f"{quoted(str(raw[key]))} cannot be resolved: {_reason(exc)}"
            else:
                if not OmegaConf.is_config(value):
                    values[key] = value
                elif any(value is each for each in above) or len(above) > DEEPEST:
                    problem = f"{quoted(str(raw[key]))} holds itself"
                else:
                    values[key] = _plain(value, where, found, above)
        if problem is not None:
            found.problems.append(Problem(".".join(where), problem))
        _note_link(raw[key], path, where, found)
    return values if isinstance(raw, dict) else list(values.values())


def _reason(exc: Exception) -> str:
    return "it refers to itself" if _is_circle(exc) else plain(str(exc).splitlines()[0])


def _is_circle(exc: Exception) -> bool:
    return isinstance(exc, RecursionError) or "recursi" in str(exc).lower()


def _problem_of(key: object, raw: object) -> str | None:
    if key == PYTHON_OBJECT:
        return REFUSED
    return REQUIRED if raw == MISSING else None


def _note_link(raw: object, path: tuple[str, ...], where: tuple[str, ...], found: Resolved) -> None:
    if isinstance(raw, str) and "${" in raw:
        found.linked[".".join(where)] = raw
    link = LINK.fullmatch(raw) if isinstance(raw, str) else None
    if link:
        dots, key = link.groups()
        # ${.key} stands beside this key, ${..key} one level further up
        near = path[: len(path) - len(dots) + 1] if dots else ()
        found.links[".".join(where)] = ".".join((*near, key))
