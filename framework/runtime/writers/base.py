"""What every file format of the parts gives, and what it needs of the columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, ClassVar, Protocol

import pyarrow as pa

from framework.runtime.transform import N_FEATURES, Role, features, positions


class Writer(Protocol):
    """One file format."""

    suffix: ClassVar[str]

    def check(self, schema: pa.Schema) -> None:
        """Raise `ValueError` if rows of these columns cannot be written in this format."""

    def write(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
        """Write one part; the same rows always give the same bytes."""


@dataclass(frozen=True)
class Layout:
    """Where the columns stand that every format treats alike; None for what is not there."""

    label: int | None
    id: int | None
    indices: int | None
    values: int | None
    n_features: int | None

    @classmethod
    def of(cls, schema: pa.Schema) -> Layout:
        """Find the columns by their roles."""
        label, id_, indices, values = (
            next(iter(positions(schema, role)), None)
            for role in (Role.LABEL, Role.ID, Role.INDICES, Role.VALUES)
        )
        width = None if indices is None else int(schema.field(indices).metadata[N_FEATURES])
        return cls(label, id_, indices, values, width)


def refuse_left_over(schema: pa.Schema) -> None:
    """Raise `ValueError` for a feature that a step added beside the hashed rows: it got lost."""
    left = [schema.names[place] for place in features(schema)]
    if left and Layout.of(schema).indices is not None:
        raise ValueError(
            f"column {left[0]!r} comes after the step that hashes and would be lost; "
            "put its step before"
        )
