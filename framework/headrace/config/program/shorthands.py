"""Short ways to write inputs, outputs and jobs, spelled out before Hydra sees them.

``inputs.customers=PATH`` stands for ``inputs.customers.path=PATH``, ``outputs=[train,test]`` for a
mapping of these names, ``flow.jobs.fit=[…]`` for ``flow.jobs.fit.overrides=[…]``. Neither they nor
keys below them need a plus. The same holds in the files below ``conf/``, so that one file may
shorten what another one adds a key to.

A mapping whose texts need quotes, which Hydra's grammar has not for keys, may be a list of pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException
from omegaconf import Container, DictConfig, ListConfig

from headrace.config.dataset import PAIRS

INPUTS, OUTPUTS = "inputs", "outputs"
_CHANNEL = re.compile(
    rf"(?P<plus>\+{{0,2}})(?P<key>(?:{INPUTS}|{OUTPUTS})\.[^=]*)=(?P<value>.*)", re.S
)
_ALL_OUTPUTS = re.compile(rf"\+{{0,2}}{OUTPUTS}=(?P<value>\s*\[.*)", re.S)
_FLOW_JOB = re.compile(r"\+{0,2}(?P<key>flow\.jobs\.[\w-]+)=(?P<value>\s*\[.*)", re.S)
_LISTED = re.compile(
    rf"\+{{0,2}}(?P<key>{'|'.join(map(re.escape, (INPUTS, *PAIRS)))})=(?P<value>\s*\[.*)", re.S
)


def spelled_out(overrides: Sequence[str]) -> list[str]:
    """Return the overrides with those of inputs and outputs in their full form.

    Args:
        overrides: In Hydra's grammar, as typed; what is not in it stays as it is.
    """
    return [full for each in overrides for full in _full(each)]


def _full(override: str) -> Iterator[str]:
    if match := _ALL_OUTPUTS.fullmatch(override.strip()):
        parsed = _parsed(override)
        value = parsed.value() if parsed is not None and not parsed.is_sweep_override() else None
        if isinstance(value, list):
            whole = f"{{{','.join(f'{name}: {{}}' for name in value)}}}"
            yield f"~{OUTPUTS}"
            yield f"+{OUTPUTS}={whole if _are_names(value) else match['value']}"
            return
    if match := _LISTED.fullmatch(override.strip()):  # the models take it, or say what is wrong
        yield f"~{match['key']}"
        yield f"+{match['key']}={match['value']}"
        return
    if match := _FLOW_JOB.fullmatch(override.strip()):
        yield f"++{match['key']}.overrides={match['value']}"
        return
    if match := _CHANNEL.fullmatch(override.strip()):
        key, value = match["key"], match["value"]
        is_short = key.count(".") == 1 and key.startswith(INPUTS) and _is_text(override)
        yield f"++{key}{'.path' if is_short else ''}={value}"
        return
    yield override


def _are_names(values: Sequence[object]) -> bool:
    """Return whether each value is a name of its own; of others, the models say what is wrong."""
    return all(isinstance(name, str) for name in values) and len(set(values)) == len(values)


def _is_text(override: str) -> bool:
    """Return whether the value of an override is one text, or a sweep over texts."""
    parsed = _parsed(override)
    if parsed is None:
        return False
    if parsed.is_sweep_override():
        return parsed.value_type != ValueType.RANGE_SWEEP
    return not isinstance(parsed.value(), dict | list | type(None))


def _parsed(override: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(override)
    except HydraException:
        return None


def spell_out_in(config: Container) -> None:
    """Give inputs and outputs of a configuration file their full form.

    Args:
        config: What stands in the file, at its place in the whole configuration.
    """
    if not isinstance(config, DictConfig):
        return
    if isinstance(inputs := _node(config, INPUTS), DictConfig):
        for name in list(inputs):
            if isinstance(text := _raw(inputs, name), str):
                inputs[name] = {"path": text}
    if isinstance(outputs := _node(config, OUTPUTS), ListConfig):
        names = [_raw(outputs, index) for index in range(len(outputs))]
        if _are_names(names):
            config[OUTPUTS] = {name: {} for name in names}


def _node(config: DictConfig, key: str) -> object:
    return config._get_node(key) if key in config else None


def _raw(config: DictConfig | ListConfig, key: Any) -> object:
    """Return what stands there, with its links as they are."""
    node: Any = config._get_node(key)
    return None if isinstance(node, Container) else node._value()
