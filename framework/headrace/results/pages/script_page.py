"""The page of a program's run: what ran, what it read and wrote, and the end of its log."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headrace.results.pages import figures
from headrace.results.pages.run_page import Tile, facts_of_request, mapping
from headrace.results.pages.story import Made, Stage, program_snippet, title
from headrace.results.program_manifest import LOG, outputs_of, parts_of
from headrace.results.stored import RunRecord, StoredResult, UnreadableError

LINES = 200
"""So many lines of the log stand on the page."""
_END = 1 << 18
"""Bytes at the end of a log that are read: a program may have written a long one itself."""
_DIGEST = 12
"""Characters of a digest that are shown."""
_SHIPPED = ("code", "packages")
"""Inputs that headrace itself brings."""


@dataclass(frozen=True)
class Place:
    """An input or an output; counts are None where they are not known."""

    kind: str
    name: str
    outside: str
    inside: str
    files: int | None
    bytes: int | None


def script_page(record: RunRecord, made: Made) -> dict[str, Any]:
    """Return everything that ``script.html`` needs.

    Args:
        record: The result.
        made: How it was made.
    """
    log, has_more = _log(record)
    files = [{**part, "digest": part["sha256"][:_DIGEST]} for part in parts_of(record.manifest)]
    return {
        "title": title(record, made),
        "made": made,
        "stages": list(_stages(record)),
        "snippet": program_snippet(record, files),
        "facts": list(_facts(record, made)),
        "tiles": list(_tiles(record)),
        "places": list(_places(record)),
        "parts": files,
        "log": log,
        "has_more": has_more,
    }


def _stages(record: RunRecord) -> Iterator[Stage]:
    """Yield the inputs, the program and the outputs."""
    manifest = record.manifest
    for name, counted in manifest.get("inputs", {}).items():
        if name not in _SHIPPED:
            yield Stage("input", name, _counted(counted["files"], counted["bytes"]))
    program = manifest["program"]
    kind = "script" if program["entry"] else "command of the image"
    yield Stage("step", program["entry"] or shlex.join(program["command"]) or "program", kind)
    for output in outputs_of(manifest):
        yield Stage("output", output.name, _counted(output.files, output.bytes))


def _counted(files: int, size: int) -> str:
    return f"{figures.count(files)} file{'' if files == 1 else 's'}, {figures.octets(size)}"


def _facts(record: RunRecord, made: Made) -> Iterator[tuple[str, str]]:
    yield from facts_of_request(record, made)
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


def _log(record: RunRecord) -> tuple[str, bool]:
    """Return the end of the log, and whether there is more of it in the file."""
    try:
        end = StoredResult(record.place).read(LOG, last=_END)
    except UnreadableError:
        return "", False
    lines = end.decode(errors="replace").splitlines()
    return "\n".join(lines[-LINES:]), len(lines) > LINES or len(end) == _END
