"""Check that the parts of a result are still what its manifest says, by reading their rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from headrace.results.part_rows import is_exact, rows_of
from headrace.results.stored import StoredResult, UnreadableError
from headrace.runtime.output.digest import digest_of
from headrace.runtime.output.seal import files_of_part


def faults(result: StoredResult, manifest: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each part that is wrong; parts are read whole, one at a time.

    Args:
        result: The result that the parts belong to.
        manifest: Its manifest.
    """
    for channel in manifest["channels"].values():
        for part in channel["parts"]:
            if fault := _fault(result, manifest, part):
                yield f"{result.place}: {fault}"


def _fault(result: StoredResult, manifest: dict[str, Any], part: dict[str, Any]) -> str | None:
    contents = {}
    for file in files_of_part(part):
        try:
            contents[file["file"]] = content = result.read(file["file"])
        except UnreadableError as exc:
            return str(exc).removeprefix(f"{result.place}: ")
        if hashlib.sha256(content).hexdigest() != file["sha256"]:
            what = "is damaged or edited: its SHA-256 is another than the manifest says"
            return f"{file['file']} {what}"
    if "digest" not in part or not is_exact(manifest):
        return None
    try:
        rows = rows_of(manifest, part, contents.__getitem__)
    except ValueError as exc:
        return f"{part['file']} cannot be read ({exc})"
    counted = (rows.num_rows, digest_of([rows], rows.schema))
    wanted = (part["rows"], part["digest"])
    return None if counted == wanted else f"{part['file']} holds other rows than the manifest says"
