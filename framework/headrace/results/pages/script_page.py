"""The page of a program's run: what ran, what it read and wrote, and the end of its log."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headrace.results.pages import figures
from headrace.results.pages.run_page import Tile, mapping, title
from headrace.results.program_manifest import LOG, outputs_of, parts_of
from headrace.results.records import RunRecord

LINES = 200
"""So many lines of the log stand on the page."""
_DIGEST = 12
"""Characters of a digest that are shown."""


@dataclass(frozen=True)
class Place:
    """An input or an output; counts are None where they are not known."""

    kind: str
    name: str
    outside: str
    inside: str
    files: int | None
    bytes: int | None


def script_page(record: RunRecord) -> dict[str, Any]:
    """Return everything that ``script.html`` needs."""
    log, lines = _log(record)
    return {
        "title": title(record),
        "facts": list(_facts(record)),
        "tiles": list(_tiles(record)),
        "places": list(_places(record)),
        "parts": [
            {**part, "digest": part["sha256"][:_DIGEST]} for part in parts_of(record.manifest)
        ],
        "log": log,
        "lines": lines,
    }


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    program = record.manifest["program"]
    yield "command", shlex.join(program["command"])
    if program["entry"]:
        yield "script", program["entry"]
    if program["sha256"]:
        yield "its digest", f"sha256 {program['sha256'][:_DIGEST]}"
    yield "request", f"sha256 {record.manifest['request_sha256'][:_DIGEST]}"
    versions = record.manifest["versions"].items()
    yield "versions", ", ".join(f"{name} {which}" for name, which in versions)


def _tiles(record: RunRecord) -> Iterator[Tile]:
    outputs, timings = outputs_of(record.manifest), record.timings
    yield Tile("files written", figures.count(sum(each.files for each in outputs)))
    yield Tile("size", figures.octets(sum(each.bytes for each in outputs)))
    if "seconds" in timings:
        yield Tile("time", figures.seconds(timings["seconds"]))
    if "cpu_seconds" in timings:
        yield Tile("CPU time", figures.seconds(timings["cpu_seconds"]))
    if "peak_memory_mb" in timings:
        yield Tile("peak memory", figures.megabytes(timings["peak_memory_mb"]), "largest process")


def _places(record: RunRecord) -> Iterator[Place]:
    known = {kind: record.manifest.get(f"{kind}s", {}) for kind in ("input", "output")}
    for kind, name, outside, inside in mapping(record.request):
        counted = known[kind].get(name, {})
        yield Place(kind, name, outside, inside, counted.get("files"), counted.get("bytes"))


def _log(record: RunRecord) -> tuple[str, int]:
    """Return the end of the log, and how many lines of it there are in the file."""
    try:
        text = (record.folder / LOG).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", 0
    lines = text.splitlines()
    return "\n".join(lines[-LINES:]), len(lines)
