"""Parts read back: what their formats have in common, and rows of text that are entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.hashing.sparse import sorted_rows
from headrace.runtime.transform import N_FEATURES, Role, with_role

INDICES, VALUES, LABEL, ID = (
    role.value for role in (Role.INDICES, Role.VALUES, Role.LABEL, Role.ID)
)
"""Names of the columns of hashed rows."""
_NEWLINE, _COLON = ord("\n"), ord(":")


@dataclass(frozen=True)
class Known:
    """The content of parts, as far as a manifest tells it.

    Attributes:
        n_features: Width of the matrix; None if nothing was hashed.
        label: Name of the label's column, if there is one.
        id: Name of the id's column, if there is one.
        has_numbers: Whether a column of the input is numeric.
        features: Content of ``feature_map.json``.
        columns: Name → kind, for files that do not say it.
    """

    n_features: int | None
    label: str | None
    id: str | None
    has_numbers: bool
    features: Mapping[str, Mapping[str, Any]]
    columns: Mapping[str, str]

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Known:
        """Pick it out of a manifest."""
        columns = manifest["columns"]
        return cls(
            manifest["n_features"],
            columns["label"],
            columns["id"],
            bool(columns["numeric"]),
            manifest.get("feature_map", {}),
            manifest.get("output_columns", {}),
        )

    def batch(self, columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
        """Return rows of these columns, their roles known again."""
        roles = {self.label: Role.LABEL, self.id: Role.ID}
        if self.n_features is not None:
            roles = {name: Role(name) for name in (INDICES, VALUES, LABEL, ID)}
        fields = []
        for name, column in columns.items():
            field = pa.field(name, column.type)
            if name == INDICES and self.n_features is not None:
                field = field.with_metadata({N_FEATURES: str(self.n_features).encode()})
            fields.append(with_role(field, roles[name]) if name in roles else field)
        return pa.RecordBatch.from_arrays(list(columns.values()), schema=pa.schema(fields))


def lists(offsets: npt.NDArray[np.integer[Any]], indices: Any, values: Any) -> dict[str, pa.Array]:
    """Return the columns of sparse rows."""
    starts = pa.array(offsets.astype(np.int32))
    pieces = {INDICES: indices.astype(np.int32), VALUES: values}
    return {name: pa.ListArray.from_arrays(starts, pa.array(each)) for name, each in pieces.items()}


def text_rows(content: bytes, numbers_each: int, *, is_double: bool) -> dict[str, pa.Array]:
    """Return the sparse rows of lines ``label a:b a:b …``.

    Args:
        content: The lines.
        numbers_each: Numbers of an entry: an index and a value, or a field before them.
        is_double: Whether values are float64.

    Raises:
        ValueError: It holds something else than numbers.
    """
    data = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(data == _NEWLINE)
    colons = np.zeros(len(ends) + 1, np.int64)
    colons[1:] = np.searchsorted(np.flatnonzero(data == _COLON), ends)
    offsets = colons // (numbers_each - 1)
    numbers = np.array(content.replace(b":", b" ").split(), np.float64)
    if len(numbers) != len(ends) + offsets[-1] * numbers_each:
        raise ValueError("its lines are not of this format")
    labels = np.arange(len(ends)) + offsets[:-1] * numbers_each
    entries = np.delete(numbers, labels).reshape(-1, numbers_each)
    rows = sorted_rows(offsets, entries[:, -2], entries[:, -1])  # two columns may share an index
    values = rows.values if is_double else rows.values.astype(np.float32)
    return {**lists(rows.offsets, rows.indices, values), LABEL: pa.array(numbers[labels])}
