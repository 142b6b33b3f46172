"""Check that the parts of a result are still what its manifest says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from headrace.results.part_rows import SUFFIXES, rows_of
from headrace.results.stored import StoredResult, UnreadableError
from headrace.runtime.output.digest import digest_of


def faults(result: StoredResult, manifest: dict[str, Any]) -> Iterator[str]:
    """Return a line for each part that is wrong; parts are read whole, one at a time.

    Args:
        result: Where the parts lie.
        manifest: What it says of them.
    """
    for channel in manifest["channels"].values():
        for part in channel["parts"]:
            if fault := _fault(result, manifest, part):
                yield f"{result.place}: {part['file']} {fault}"


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
    suffixes = SUFFIXES[:1] if is_rounded else SUFFIXES
    return "digest" in part and part["file"].endswith(suffixes)
