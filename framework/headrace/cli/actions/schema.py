"""``action=schema``: prints the JSON Schema of the configuration and of every plugin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from headrace.config import registry
from headrace.config.models import JobConfig
from headrace.config.registry import adapter

if TYPE_CHECKING:
    from headrace.config.compose import Plan

DIALECT = "https://json-schema.org/draft/2020-12/schema"
GROUPS = ("backend", "target", "dataset", "transform", "output", "evaluation")
LINK = {"type": "string", "pattern": r"\$\{"}
"""A value may be taken from elsewhere in the configuration."""


def perform(plan: Plan) -> None:
    """Print the schema; what the present configuration says makes no difference to it."""
    print(json.dumps(schema(), indent=2, ensure_ascii=False))


def schema() -> dict[str, Any]:
    """Return the configuration's schema; ``transforms`` has that of each plugin, by name.

    Raises:
        PluginError: A plugin cannot be imported.
    """
    transforms = {
        name: adapter(plugin.transform).json_schema() for name, plugin in registry.plugins().items()
    }
    return {**JobConfig.model_json_schema(), "transforms": transforms}


def file_schemas() -> dict[str, dict[str, Any]]:
    """Return, for each group of choices, the JSON Schema of a file in its folder of ``conf/``.

    A file is a part of the configuration: no key has to be there, and each value may be a link.

    Raises:
        PluginError: A plugin cannot be imported.
    """
    whole = schema()
    transforms = whole.pop("transforms")
    schemas = {}
    for group in GROUPS:
        models = _loosened(whole["$defs"])
        node = _loosened(whole["properties"][group])
        for name in _models_of(node):
            models[name]["properties"]["defaults"] = {"type": "array"}
        if group == "transform":
            for name in _models_of(node):
                models[name]["properties"]["steps"] = _steps(transforms, models)
        node.pop("default", None)
        schemas[group] = {"$schema": DIALECT, **node, "$defs": models}
    return schemas


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
    if isinstance(node.get("properties"), dict) and "type" in node:
        made["properties"] = {
            key: {"anyOf": [_loosened(value), LINK]} for key, value in node["properties"].items()
        }
    return made


def _models_of(node: dict[str, Any]) -> list[str]:
    found = [node, *node.get("anyOf", ())]
    return [each["$ref"].rpartition("/")[2] for each in found if "$ref" in each]


def _steps(transforms: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of ``steps``: under a transform's name its parameters; other labels."""
    named = {}
    for name, parameters in transforms.items():
        own = _loosened(parameters)
        models |= own.pop("$defs", {})
        # Under the label of one transform there may be another one, which has a name.
        other = {"type": "object", "required": ["name"]}
        named[name] = {"anyOf": [own, other, {"type": "null"}]}
    return {
        "type": "object",
        "properties": named,
        "additionalProperties": {"type": ["object", "null"]},
    }
