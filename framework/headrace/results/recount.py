"""Check that the parts of a result are still what its manifest says, by reading their rows."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headrace.results.stored import StoredResult, UnreadableError
from headrace.runtime.output.digest import digest_of
from headrace.runtime.transform import N_FEATURES, Role, with_role

_SUFFIXES = (".npz", ".parquet")
"""Suffixes of the parts that can be read."""
_ROLES = {role.value: role for role in (Role.INDICES, Role.VALUES, Role.LABEL, Role.ID)}


def faults(result: StoredResult, manifest: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each part that is wrong; parts are read whole, one at a time.

    Args:
        result: The result that the parts belong to.
        manifest: Its manifest.
    """
    for channel in manifest["channels"].values():
        for part in channel["parts"]:
            if fault := _fault(result, manifest, part):
                yield f"{result.place}: {part['file']} {fault}"


def rows_of(name: str, content: bytes, n_features: int | None) -> pa.RecordBatch:
    """Read a part.

    Args:
        name: Its name, whose suffix is the format.
        content: All of its bytes.
        n_features: Width of the matrix; None if nothing was hashed.

    Raises:
        ValueError: It is no such part, or its format cannot be read.
    """
    if not name.endswith(_SUFFIXES):
        raise ValueError(f"only {' and '.join(_SUFFIXES)} can be read")
    try:
        read = _npz if name.endswith(".npz") else _parquet
        columns = read(content)
    except (KeyError, OSError, zipfile.BadZipFile, pa.ArrowException) as error:
        raise ValueError(str(error)) from error
    return _batch(columns, n_features)


def _fault(result: StoredResult, manifest: dict[str, Any], part: dict[str, Any]) -> str | None:
    try:
        content = result.read(part["file"])
    except UnreadableError as exc:
        return str(exc).removeprefix(f"{result.place}: {part['file']} ")
    if hashlib.sha256(content).hexdigest() != part["sha256"]:
        return "is damaged or edited: its SHA-256 is another than the manifest says"
    if not _can_recount(manifest, part):
        return None
    try:
        rows = rows_of(part["file"], content, manifest["n_features"])
    except ValueError as exc:
        return f"cannot be read ({exc})"
    counted = (rows.num_rows, digest_of([rows], rows.schema))
    wanted = (part["rows"], part["digest"])
    return None if counted == wanted else "holds other rows than the manifest says"


def _can_recount(manifest: dict[str, Any], part: dict[str, Any]) -> bool:
    """Return whether the part has all digits: Parquet rounds the values of hashed numbers."""
    is_hashed = manifest["n_features"] is not None
    is_rounded = is_hashed and bool(manifest["columns"]["numeric"])
    suffixes = _SUFFIXES[:1] if is_rounded else _SUFFIXES
    return "digest" in part and part["file"].endswith(suffixes)


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
        fields = [with_role(field.with_metadata(width), _ROLES[field.name]) for field in fields]
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=pa.schema(fields))
