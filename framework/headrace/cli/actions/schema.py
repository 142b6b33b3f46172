"""``action=schema``: prints the JSON Schema of the configuration, or of a kind of file in conf/."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from headrace.config import registry
from headrace.config.models import CONF_FILES, JobConfig
from headrace.config.registry import adapter
from headrace.config.steps import AFTER, BEFORE
from headrace.look.conf_file import EDITOR, SCHEMAS

if TYPE_CHECKING:
    from headrace.config.compose import Plan

DIALECT = "https://json-schema.org/draft/2020-12/schema"
LINK = {"type": "string", "pattern": r"\$\{"}
"""A value may be taken from elsewhere in the configuration."""
PLACE = {
    AFTER: {"type": "string", "description": "the step behind which it stands"},
    BEFORE: {"type": "string", "description": "the step in front of which it stands"},
}
"""Keys of each step, whatever its parameters are."""
SHORT_OUTPUTS = {"type": "array", "items": {"type": "string"}}
_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*|\n(?= {8}))*)", re.MULTILINE)
"""An entry of ``Attributes:`` in a docstring, with the lines that it goes on in."""
HYDRA = "hydra"
"""Below this folder are Hydra's own settings."""


def perform(plan: Plan) -> None:
    """Print the schema; what else the present configuration says makes no difference to it."""
    kind = plan.config.schema_of
    chosen = schema() if kind is None else file_schemas()[kind]
    print(json.dumps(chosen, indent=2, ensure_ascii=False))


def schema() -> dict[str, Any]:
    """Return the configuration's schema; ``transforms`` has that of each plugin, by name.

    Raises:
        PluginError: A plugin cannot be imported.
    """
    transforms = {
        name: described(adapter(plugin.transform).json_schema())
        for name, plugin in registry.plugins().items()
    }
    return {**JobConfig.model_json_schema(), "transforms": transforms}


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """Move what a docstring says of the attributes to the parameters that they are.

    Args:
        schema: Of a transform's parameters; its description is the docstring of the class.
    """
    summary, _, rest = schema.get("description", "").partition("Attributes:\n")
    meanings = dict(_ATTRIBUTE.findall(rest))
    properties = {
        name: {**node, "description": " ".join(meanings[name].split())}
        if name in meanings
        else node
        for name, node in schema.get("properties", {}).items()
    }
    return {**schema, "description": summary.strip(), "properties": properties}


def file_schemas() -> dict[str, dict[str, Any]]:
    """Return, for each kind of file in ``conf/``, its JSON Schema.

    A file is a part of the configuration: no key has to be there, and each value may be a link.

    Raises:
        PluginError: A plugin cannot be imported.
    """
    whole = schema()
    models = _loosened(whole["$defs"])
    steps = _steps(whole.pop("transforms"), models)
    keys = {name: _loosened(node) for name, node in whole["properties"].items()}
    for node in keys.values():
        node.pop("default", None)
        for name in _models_of(node):
            models[name]["properties"]["defaults"] = {"type": "array"}
    for name in _models_of(keys["transform"]):
        models[name]["properties"]["steps"] = steps
    keys["outputs"] = {"anyOf": [keys["outputs"], SHORT_OUTPUTS]}
    everything = {
        "title": "A whole configuration",
        "type": "object",
        "properties": {**keys, "defaults": {"type": "array"}, HYDRA: {"type": "object"}},
        "additionalProperties": False,
    }
    nodes = {kind: keys.get(kind, everything) for kind in CONF_FILES}
    nodes["program"] = {"anyOf": [keys["program"], everything]}  # with `# @package _global_`
    nodes[HYDRA] = {"title": "Hydra's own settings", "type": "object"}
    return {
        kind: {"$schema": DIALECT, **node, "$defs": _used(node, models)}
        for kind, node in nodes.items()
    }


def editor_files() -> Iterator[tuple[str, Any]]:
    """Yield path in a project and content, plain data, of what tells an editor the schemas."""
    bound = {}
    for kind, made in file_schemas().items():
        name = f"{SCHEMAS}/{kind}.json"
        files = {"config": "*.yaml", HYDRA: f"{HYDRA}/**/*.yaml"}.get(kind, f"{kind}/*.yaml")
        bound[f"./{name}"] = f"conf/{files}"
        yield name, made
    yield f"{EDITOR}/settings.json", {"yaml.schemas": bound}


def _loosened(node: Any) -> Any:
    if isinstance(node, list):
        return [_loosened(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {
        "anyOf" if key == "oneOf" else key: _loosened(value)
        for key, value in node.items()
        if key not in ("required", "discriminator")
    }
    if made.get("type") == "string" and "enum" not in node and "const" not in node:
        made["type"] = ["string", "number"]  # which a configuration may write for a text
    if isinstance(node.get("properties"), dict) and "type" in node:
        made["properties"] = {
            key: {"anyOf": [_loosened(value), LINK]} for key, value in node["properties"].items()
        }
    return made


def _models_of(node: dict[str, Any]) -> list[str]:
    found = [node, *node.get("anyOf", ())]
    return [each["$ref"].rpartition("/")[2] for each in found if "$ref" in each]


def _used(node: Any, models: dict[str, Any]) -> dict[str, Any]:
    """Return the models that a schema refers to, and those that these refer to."""
    found: dict[str, Any] = {}
    left = list(references(node))
    while left:
        if (name := left.pop()) not in found:
            found[name] = models[name]
            left += references(models[name])
    return dict(sorted(found.items()))


def references(node: Any) -> Iterator[str]:
    """Yield the name of each model that a schema refers to, at any depth."""
    if isinstance(node, dict):
        if isinstance(name := node.get("$ref"), str):
            yield name.rpartition("/")[2]
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from references(each)


def _steps(transforms: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of ``steps``: under a transform's name its parameters; other labels."""
    named = {}
    for name, parameters in transforms.items():
        own = _loosened(parameters)
        models |= own.pop("$defs", {})
        own["properties"] = {"name": {"const": name}, **PLACE, **own["properties"]}
        # Under the label of one transform there may be another one, which has a name.
        other = {"type": "object", "required": ["name"]}
        named[name] = {"anyOf": [own, other, {"type": "null"}]}
    return {
        "type": "object",
        "properties": named,
        "additionalProperties": {"type": ["object", "null"]},
    }
