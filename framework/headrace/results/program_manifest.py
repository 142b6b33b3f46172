"""``report/manifest.json`` of a program that writes none: a user's script, or an image's command.

Whoever delivers its outputs writes it, last. It has neither times nor the name of the job: the same
program with the same inputs leaves the same manifest, unless it writes something else by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headrace.results.layout import MANIFEST
from headrace.runtime import VERSION
from headrace.runtime.output.seal import sealed
from headrace.runtime.spec import REPORT
from headrace.terminal.tables import aligned
from headrace.terminal.units import size

TIMINGS = f"{REPORT}/timings.json"
"""Seconds and memory, which differ from run to run."""
LOG = f"{REPORT}/log.txt"
"""The last lines that the program has printed."""
HEADER = ("output", "files", "size")
NUMBERS = (1, 2)
"""Positions of the columns that hold numbers."""

_FORMAT_VERSION = 1


@dataclass(frozen=True)
class Part:
    """A file of an output.

    Attributes:
        file: Path below ``output.path``.
        bytes: Its size.
        sha256: Digest of its content.
    """

    file: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, file: str, source: Path) -> Part:
        """Read a file that is delivered.

        Raises:
            OSError: It cannot be read.
        """
        with source.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            return cls(file, content.tell(), digest)


@dataclass(frozen=True)
class Output:
    """An output of a result.

    Attributes:
        name: Its name.
        files: Number of files.
        bytes: Size of all of them.
    """

    name: str
    files: int
    bytes: int


def program_manifest(
    program: Mapping[str, Any],
    request_sha256: str,
    inputs: Mapping[str, tuple[int, int]],
    outputs: Mapping[str, Sequence[Part]],
    files: Sequence[str],
    digests: Mapping[str, str],
) -> dict[str, Any]:
    """Return the manifest of a result.

    Args:
        program: What ran: its kind, its digest and the like.
        request_sha256: Digest of what the request says (`headrace.job.request.meaning`).
        inputs: Name → number of its files, and their size in bytes, as far as that is known.
        outputs: Name → its files.
        files: Paths of all files that belong to the result, below ``output.path``.
        digests: Path → SHA-256 of those beside the outputs that are the same in every run.
    """
    described = {name: _output(parts) for name, parts in outputs.items()}
    content = {
        "format_version": _FORMAT_VERSION,
        "program": dict(program),
        "request_sha256": request_sha256,
        "inputs": {
            name: {"files": count, "bytes": total} for name, (count, total) in inputs.items()
        },
        "outputs": described,
        "digests": dict(sorted(digests.items())),
        "versions": {"headrace": VERSION},
    }
    return sealed(content, (*files, MANIFEST))


def _output(parts: Sequence[Part]) -> dict[str, Any]:
    ordered = sorted(parts, key=lambda part: part.file)
    total = sum(part.bytes for part in ordered)
    return {"files": len(ordered), "bytes": total, "parts": [asdict(part) for part in ordered]}


def outputs_of(manifest: Mapping[str, Any]) -> tuple[Output, ...]:
    """Return the outputs that a manifest lists; none for that of a chain, or an empty one."""
    outputs = manifest.get("outputs", {}).items()
    return tuple(Output(name, what["files"], what["bytes"]) for name, what in outputs)


def parts_of(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all files of the outputs that a manifest lists."""
    return [part for output in manifest.get("outputs", {}).values() for part in output["parts"]]


def rows_of(outputs: Sequence[Output]) -> list[tuple[str, str, str]]:
    """Return the rows of a table of outputs, its header first; none without outputs."""
    rows = [(each.name, f"{each.files:,}", size(each.bytes)) for each in outputs]
    return [HEADER, *rows] if rows else []


def table_of(outputs: Sequence[Output]) -> list[str]:
    """Return the lines of that table."""
    rows = rows_of(outputs)
    return aligned(rows, NUMBERS) if rows else []
