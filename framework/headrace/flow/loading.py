"""Read the flow of a composed configuration: its model, its parameters, and what else was typed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from headrace.config.flow import GROUP, KINDS, FlowConfig, Kind, Scalar, problems_in
from headrace.config.problems import got, suggest
from headrace.errors import ConfigError, Problem
from headrace.flow.references import with_texts, without_escapes
from headrace.runtime.shown import plain

RAW = ("jobs", "when")
"""Keys whose texts are kept as they stand: their references are not OmegaConf's."""
OF_THE_FLOW = ("flow", "action", "start", "format", "output.path", "hydra", "name", "from")
"""Overrides that concern the whole flow; all others concern each of its jobs."""
_WHOLE = re.compile(r"[+-]?\d+")
_TRUTH = {"true": True, "false": False}
NO_JOBS = "this key is required: a flow has jobs, as in jobs: {prepare: [transform=split]}"


def has_flow(config: DictConfig) -> bool:
    """Return whether a composed configuration is one of several jobs."""
    flow = config._get_node(GROUP) if GROUP in config else None
    if not isinstance(flow, DictConfig) or flow._is_none() or flow._is_missing():
        return flow is not None and not isinstance(flow, DictConfig)
    default = FlowConfig().model_dump(mode="json")
    return any(value != default.get(str(key)) for key, value in _unresolved(flow).items())


def _unresolved(flow: DictConfig) -> dict[Any, Any]:
    made: Any = OmegaConf.to_container(flow, resolve=False)
    return dict(made)


def flow_config(config: DictConfig) -> FlowConfig:
    """Return the flow, with the values of its parameters in their types.

    Raises:
        ConfigError: Everything that is wrong with it.
    """
    raw = _plain(config)
    if found := problems_in(raw):
        raise ConfigError(found)
    flow = FlowConfig.model_validate(raw)
    if not flow.jobs:
        raise ConfigError([Problem(f"{GROUP}.jobs", NO_JOBS)])
    types = {name: flow.types.get(name) for name in flow.parameters}
    values, problems = {}, []
    for name, given in flow.parameters.items():
        kind = types[name]
        if kind is None and flow.types:  # nobody has declared it
            what = f"unknown parameter; {suggest(name, flow.types)}"
            problems.append(Problem(f"{GROUP}.parameters.{name}", what))
            continue
        try:
            values[name] = typed(given, kind or KINDS[type(given)])
        except ValueError as error:
            problems.append(Problem(f"{GROUP}.parameters.{name}", str(error)))
    for name in flow.types.keys() - flow.parameters.keys():
        what = "has a type and no default; add it to flow.parameters"
        problems.append(Problem(f"{GROUP}.types.{name}", what))
    if problems:
        raise ConfigError(problems)
    kinds = {name: types[name] or KINDS[type(values[name])] for name in values}
    return flow.model_copy(update={"parameters": values, "types": kinds})


def typed(given: Scalar, kind: Kind) -> Scalar:
    """Return a parameter's value in its type.

    Raises:
        ValueError: It has another one.
    """
    text = str(given).lower() if isinstance(given, bool) else str(given)
    if kind == "String":
        return text
    if kind == "Boolean" and text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if kind == "Integer" and _WHOLE.fullmatch(text):
        return int(text)
    if kind == "Float":
        try:
            if math.isfinite(number := float(text)):
                return number
        except ValueError:
            pass
    expected = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}
    raise ValueError(f"should be {expected[kind]} (got {got(given)})")


def common_overrides(typed_overrides: Sequence[str]) -> list[str]:
    """Return the overrides beside a flow that each of its jobs gets, before its own."""
    return [each for each in typed_overrides if not _is_of_the_flow(each)]


def _is_of_the_flow(override: str) -> bool:
    key = override.partition("=")[0].strip().lstrip("+~").partition("@")[0].replace("/", ".")
    return any(key == each or key.startswith(f"{each}.") for each in OF_THE_FLOW)


def _plain(config: DictConfig) -> dict[str, Any]:
    flow = config._get_node(GROUP)
    if not isinstance(flow, DictConfig):
        what = f"should be the name of a flow, a file in conf/flow (got {got(_value(flow))})"
        raise ConfigError([Problem(GROUP, what)])
    return {str(key): _raw(flow, key) if key in RAW else value for key, value in _resolved(flow)}


def _resolved(flow: DictConfig) -> Iterator[tuple[str, Any]]:
    problems = []
    for key in map(str, flow):
        if key in RAW:
            yield key, None
            continue
        try:
            value = flow[key]
            if OmegaConf.is_config(value):
                value = OmegaConf.to_container(value, resolve=True, throw_on_missing=True)
            yield key, value
        except OmegaConfBaseException as error:
            what = plain(str(error).splitlines()[0])
            problems.append(Problem(f"{GROUP}.{key}", what))
    if problems:
        raise ConfigError(problems)


def _raw(flow: DictConfig, key: Any) -> Any:
    node = flow._get_node(key) if key in flow else None
    if node is None or not OmegaConf.is_config(node):
        return None if node is None else _value(node)
    if node._is_none() or node._is_missing():
        return None
    return with_texts(OmegaConf.to_container(node, resolve=False), without_escapes)


def _value(node: Any) -> object:
    return node._value() if hasattr(node, "_value") else node
