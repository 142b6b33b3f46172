"""``action=schema``: prints the JSON Schema of the configuration and of every plugin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from headrace.config import registry
from headrace.config.models import JobConfig
from headrace.config.steps import adapter

if TYPE_CHECKING:
    from headrace.config.compose import Plan


def perform(plan: Plan) -> None:
    """Prints the schema; what the present configuration says makes no difference to it."""
    print(json.dumps(schema(), indent=2, ensure_ascii=False))


def schema() -> dict[str, Any]:
    """The configuration's schema; ``transforms`` has that of each plugin's parameters, by name.

    Raises:
        PluginError: A plugin cannot be imported.
    """
    transforms = {
        name: adapter(plugin.transform).json_schema() for name, plugin in registry.plugins().items()
    }
    return {**JobConfig.model_json_schema(), "transforms": transforms}
