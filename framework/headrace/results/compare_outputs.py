"""Whether two results of programs hold the same files, as their manifests and digests say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from headrace.errors import HeadraceError
from headrace.results.stored import StoredResult
from headrace.runtime.shown import listed
from headrace.terminal.tables import aligned
from headrace.terminal.units import size

Manifest = dict[str, Any]
NAMED = 3
"""So many files that differ are named."""
MISSING = "-"


def is_of_program(manifest: Manifest) -> bool:
    """Return whether a result has outputs of files instead of channels of rows."""
    return "program" in manifest


def report_on_outputs(one: Manifest, other: Manifest) -> tuple[list[str], list[str]]:
    """Compare the outputs of two manifests.

    Returns:
        The lines of a table, and what differs: nothing if the files are the same.
    """
    names = dict.fromkeys([*one["outputs"], *other["outputs"]])
    pairs = [(name, *(each["outputs"].get(name) for each in (one, other))) for name in names]
    header = ("output", "files A", "files B", "size A", "size B")
    rows = [
        (name, *(_count(each) for each in both), *(_size(each) for each in both))
        for name, *both in pairs
    ]
    differences = [what for pair in pairs if (what := _difference(*pair))]
    return aligned([header, *rows], right=(1, 2, 3, 4)), differences


def _count(output: Manifest | None) -> str:
    return MISSING if output is None else f"{output['files']:,}"


def _size(output: Manifest | None) -> str:
    return MISSING if output is None else size(output["bytes"])


def _difference(name: str, one: Manifest | None, other: Manifest | None) -> str | None:
    if one is None or other is None:
        return f"only {'B' if one is None else 'A'} has {name}"
    first, second = (
        {part["file"]: part["sha256"] for part in each["parts"]} for each in (one, other)
    )
    files = sorted(file for file in {**first, **second} if first.get(file) != second.get(file))
    return f"{name} differs in {listed(files, NAMED)}" if files else None


def changed_parts(results: Sequence[StoredResult], manifests: Sequence[Manifest]) -> Iterator[str]:
    """Read all files of results; yield those that are not as their manifests say."""
    for result, manifest in zip(results, manifests, strict=True):
        for output in manifest["outputs"].values():
            place = StoredResult(output["uri"]) if "uri" in output else result
            yield from _changed(place, output["parts"])


def _changed(place: StoredResult, parts: Sequence[Manifest]) -> Iterator[str]:
    for part in parts:
        try:
            content = place.read(part["file"])
        except HeadraceError as error:
            yield str(error)
            continue
        if hashlib.sha256(content).hexdigest() != part["sha256"]:
            yield f"{place.place}: {part['file']} is not what the manifest says"
