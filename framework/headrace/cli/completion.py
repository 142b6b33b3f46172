"""Tab completion beyond Hydra's: values that a key may have, parameters of transforms, paths.

Hydra offers the groups, their choices and the keys that are composed. Here the JSON Schema of the
configuration adds the values (``output.format=parquet``), keys that have no value yet, and what
each step of the chain takes (``transform.steps.split.method=time``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from hydra._internal.utils import get_args
from hydra.core.config_loader import ConfigLoader
from hydra.plugins.completion_plugin import CompletionPlugin
from omegaconf import OmegaConf

from headrace.cli.actions.schema import PLACE, described
from headrace.config.models import FROM, JobConfig
from headrace.config.registry import adapter, plugins
from headrace.errors import HeadraceError

STEPS = "transform.steps"
_WORD = re.compile(r"(?P<prefix>[+~]{0,2})(?P<address>[^=]*)(?P<equals>=?)(?P<begun>.*)", re.S)
_PATHS = re.compile(rf"(.+\.)?(path|entry)|inputs\.[^.]+|{FROM}")
"""Addresses of keys that hold the path of a file."""

Node = Mapping[str, Any]


@contextmanager
def completing() -> Iterator[None]:
    """Have Hydra's completion of every shell offer ours as well, for as long as it lasts."""
    # Hydra refuses a second plugin for a shell, and would ask one for each of its programs.
    plugin: Any = CompletionPlugin
    theirs = plugin._query

    def query(self: CompletionPlugin, config_name: str | None, line: str) -> list[str]:
        loader = _Recording(self.config_loader)
        self.config_loader = cast("ConfigLoader", loader)
        found = theirs(self, config_name=config_name, line=line)
        return sorted({*found, *candidates(line, loader.composed)})

    plugin._query = query
    try:
        yield
    finally:
        plugin._query = theirs


class _Recording:
    """A loader that keeps what it has composed, since composing takes its time."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self.composed: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_configuration(self, *args: Any, **options: Any) -> Any:
        self.composed = self._loader.load_configuration(*args, **options)
        return self.composed


def candidates(line: str, config: Any) -> Iterator[str]:
    """Yield what the last word of a command line may become.

    Args:
        line: The arguments so far.
        config: What they compose, without the last one; None if nothing.
    """
    words = get_args(line.split()).overrides
    word = "" if line[-1:].isspace() or not words else words[-1]
    match = _WORD.fullmatch(word)
    if match is None:
        return
    prefix, address, begun = match["prefix"], match["address"], match["begun"]
    root = _schema(address, config, prefix.startswith("+"))
    if match["equals"]:
        found = {value for node in _at(root, address, config) for value in _values(node, root)}
        if _PATHS.fullmatch(address):
            found |= set(_files(begun))
        yield from (f"{prefix}{address}={value}" for value in found if value.startswith(begun))
        return
    above, dot, begun = address.rpartition(".")
    for node in _at(root, above, config) if dot else [root]:
        for key, below in node.get("properties", {}).items():
            if key.startswith(begun) and "const" not in below:  # which the group's choice states
                is_group = any(
                    each.get("type") == "object" for each in _resolved(below, root, None)
                )
                yield f"{prefix}{above}{dot}{key}{'.' if is_group else '='}"


def _schema(address: str, config: Any, is_new: bool) -> dict[str, Any]:
    """Return the schema of the configuration, with the parameters of the steps it asks for."""
    root = JobConfig.model_json_schema()
    if not f"{address}.".startswith(f"{STEPS}."):
        return root
    known = plugins()
    chain = OmegaConf.select(config, STEPS) if config is not None else None
    labels = {label: (step or {}).get("name", label) for label, step in (chain or {}).items()}
    if is_new:
        labels = {name: name for name in known} | labels
    asked = address.removeprefix(f"{STEPS}.").partition(".")[0]
    name = {"enum": list(known)}
    empty = {"type": "object", "properties": {"name": name, **PLACE}}
    steps: dict[str, Any] = dict.fromkeys(labels, empty)
    chosen = labels.get(asked, asked)
    if asked and chosen in known:
        try:
            parameters = described(adapter(known[chosen].transform).json_schema())
        except HeadraceError:  # a plugin that cannot be imported, of which a run would tell
            parameters = {}
        root["$defs"] |= parameters.pop("$defs", {})
        steps[asked] = {
            **empty,
            "properties": {"name": name, **PLACE, **parameters.get("properties", {})},
        }
    root["$defs"]["TransformConfig"]["properties"]["steps"] = {
        "type": "object",
        "properties": steps,
        "additionalProperties": empty,
    }
    return root


def _at(root: Node, address: str, config: Any) -> list[Node]:
    """Return the schemas that a key at an address may have."""
    nodes: list[Node] = [root]
    path = ""
    for key in address.split("."):
        path = f"{path}.{key}" if path else key
        chosen = OmegaConf.select(config, f"{path}.name") if _is_group(config, path) else None
        nodes = [
            each
            for node in nodes
            for below in _below(node, key)
            for each in _resolved(below, root, chosen)
        ]
    return nodes


def _is_group(config: Any, path: str) -> bool:
    return config is not None and OmegaConf.is_dict(OmegaConf.select(config, path))


def _below(node: Node, key: str) -> Iterable[Node]:
    if key in node.get("properties", {}):
        return [node["properties"][key]]
    further = node.get("additionalProperties")
    return [further] if isinstance(further, Mapping) else []


def _resolved(node: Node, root: Node, chosen: object) -> Iterator[Node]:
    """Yield a schema's alternatives, each without a reference; of a group's models the chosen."""
    if "$ref" in node:
        yield from _resolved(root["$defs"][node["$ref"].rpartition("/")[2]], root, chosen)
        return
    alternatives = [*node.get("anyOf", ()), *node.get("oneOf", ())]
    mapping = node.get("discriminator", {}).get("mapping", {})
    if chosen in mapping:
        alternatives = [{"$ref": mapping[chosen]}]
    if not alternatives:
        yield node
    for each in alternatives:
        yield from _resolved(each, root, None)


def _values(node: Node, root: Node) -> Iterator[str]:
    if node.get("type") == "boolean":
        yield from ("true", "false")
    yield from map(str, node.get("enum", ()))
    if "const" in node:
        yield str(node["const"])


def _files(begun: str) -> Iterator[str]:
    """Yield the paths that begin like this, a folder with a slash behind it."""
    folder, slash, name = begun.rpartition("/")
    place = Path(f"{folder}{slash}" or ".").expanduser()
    if "://" in begun or not place.is_dir():
        return
    for path in place.iterdir():
        if path.name.startswith(name) and (name or not path.name.startswith(".")):
            yield f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}"
