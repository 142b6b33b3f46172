"""Building blocks of the models of a configuration: their base, and the types of their fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from annotated_types import Len
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from headrace.config.problems import INSTANCE, NO_BLANK, NO_NUL, VARIABLE, suggest
from headrace.runtime.plugins.registry import Registry
from headrace.runtime.shown import quoted

MAX_BYTES = 2**31 - 1
Text = Annotated[str, Len(1)]
Word = Annotated[str, Field(pattern=NO_NUL)]
"""Text that a process can be given: a NUL would end it."""
Location = Annotated[str, Len(1), Field(pattern=NO_NUL)]
"""A path or a URI."""
Image = Annotated[str, Len(1), Field(pattern=NO_BLANK)]
"""The name of an image, as registries and engines take it."""
InstanceType = Annotated[str, Len(1), Field(pattern=INSTANCE)]
VariableName = Annotated[str, Field(pattern=VARIABLE)]
"""Of the environment, as SageMaker takes it."""
ROLE_ARN = r"^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$"
RoleArn = Annotated[str, Field(pattern=ROLE_ARN)]


class Model(BaseModel):
    """Frozen, closed to unknown keys, strict about types except that numbers may stand for text."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", coerce_numbers_to_str=True, defer_build=True
    )


def named_in(registry: Registry, *others: str) -> AfterValidator:
    """Return the check of a key that names something of a registry.

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
