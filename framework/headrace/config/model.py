"""What all models of the configuration are made of."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Len
from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Len(1)]
Word = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""What a process can be given: a NUL would end it."""
VariableName = Annotated[str, Field(pattern=r"^[^=\x00]+$")]
ROLE_ARN = r"^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$"
RoleArn = Annotated[str, Field(pattern=ROLE_ARN)]


class Model(BaseModel):
    """Frozen, closed to unknown keys, strict about types except that numbers may stand for text."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", coerce_numbers_to_str=True, defer_build=True
    )
