"""Read the rows of a part as a step handed them to the writer."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headrace.runtime.transform import N_FEATURES, Role, with_role

SUFFIXES = (".npz", ".parquet")
"""Of the parts that can be read."""
ROLES = {role.value: role for role in (Role.INDICES, Role.VALUES, Role.LABEL, Role.ID)}


def rows_of(name: str, content: bytes, n_features: int | None) -> pa.RecordBatch:
    """Read a part.

    Args:
        name: Its name, which tells the format.
        content: All of its bytes.
        n_features: Width of the matrix; None if nothing was hashed.

    Raises:
        ValueError: It is no such part, or its format cannot be read.
    """
    if not name.endswith(SUFFIXES):
        raise ValueError(f"only {' and '.join(SUFFIXES)} can be read")
    try:
        read = _npz if name.endswith(".npz") else _parquet
        columns = read(content)
    except (KeyError, OSError, zipfile.BadZipFile, pa.ArrowException) as error:
        raise ValueError(str(error)) from error
    return _batch(columns, n_features)


def _npz(content: bytes) -> dict[str, pa.Array]:
    with np.load(io.BytesIO(content)) as arrays:
        offsets = pa.array(arrays["indptr"].astype(np.int32))
        columns = {
            Role.INDICES.value: pa.ListArray.from_arrays(offsets, pa.array(arrays["indices"])),
            Role.VALUES.value: pa.ListArray.from_arrays(offsets, pa.array(arrays["data"])),
        }
        if Role.LABEL in arrays:
            columns[Role.LABEL.value] = pa.array(arrays[Role.LABEL])
        if Role.ID in arrays:
            columns[Role.ID.value] = pa.array(arrays[Role.ID]).cast(pa.string())
    return columns


def _parquet(content: bytes) -> dict[str, pa.Array]:
    table = pq.ParquetFile(io.BytesIO(content)).read()
    return {name: table.column(name).combine_chunks() for name in table.column_names}


def _batch(columns: dict[str, pa.Array], n_features: int | None) -> pa.RecordBatch:
    fields = [pa.field(name, column.type) for name, column in columns.items()]
    if n_features is not None:
        width = {N_FEATURES: str(n_features).encode()}
        fields = [with_role(field.with_metadata(width), ROLES[field.name]) for field in fields]
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=pa.schema(fields))
