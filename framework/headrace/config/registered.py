"""Keys of the configuration that name something of a registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import AfterValidator

from headrace.config.problems import suggest
from headrace.runtime.plugins.registry import Registry
from headrace.runtime.shown import quoted


def named_in(registry: Registry, *others: str) -> AfterValidator:
    """Return the check of such a key.

    Args:
        registry: Knows the names.
        others: Words that may stand there besides.
    """

    def check(name: str) -> str:
        if name in others or registry.has(name):
            return name
        choices = (*others, *registry.names())
        raise ValueError(f"no {registry.kind} is called {quoted(name)}; {suggest(name, choices)}")

    return AfterValidator(check)


def listed_in_schema(registry: Registry, *others: str) -> Callable[[dict[str, Any]], None]:
    """Return what adds all names to the JSON Schema of such a key, when a schema is made."""

    def extend(schema: dict[str, Any]) -> None:
        schema["enum"] = [*others, *registry.names()]

    return extend
