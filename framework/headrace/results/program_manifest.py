"""``report/manifest.json`` of a program that writes none: a user's script, or an image's command.

Whoever delivers its outputs writes it, last. It has neither times nor the name of the job: the same
program with the same inputs leaves the same manifest, unless it writes something else by itself.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headrace.aws.request import RequestView, meaning
from headrace.results.layout import MANIFEST, REQUEST
from headrace.runtime import VERSION
from headrace.runtime.output.seal import sealed
from headrace.runtime.shown import plain
from headrace.runtime.spec import REPORT, REPORT_PAGE, digest
from headrace.terminal.lines import without_colours
from headrace.terminal.tables import aligned
from headrace.terminal.units import size

TIMINGS = f"{REPORT}/timings.json"
"""Seconds and memory, which differ from run to run."""
LOG = f"{REPORT}/log.txt"
"""The last lines that the program has printed."""
OURS = (LOG, TIMINGS, REPORT_PAGE)
"""The files that headrace adds to the report, if the program has none of that name."""
LOG_LINES = 1_000
"""So many lines of all instances stand in the log."""
LOG_CHARACTERS = 1_000
"""So much of each."""
NAME_TAKEN = (
    f"an output holds {MANIFEST!r}, which headrace itself writes; have the program give its file "
    "another name"
)
NOWHERE: Mapping[str, str] = {}
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


@dataclass(frozen=True)
class Ran:
    """The program that ran, as a manifest describes it.

    Attributes:
        kind: ``script`` or ``image``.
        entry: The file that started.
        sha256: Digest of the user's code; empty for an image, whose URI names it.
        inputs: Name → number of ``files`` and their size in ``bytes``, as far as that is known.
    """

    kind: str
    entry: str
    sha256: str
    inputs: Mapping[str, Mapping[str, int]]


def counted(files: int, total: int) -> dict[str, int]:
    """Return what a manifest says of an input: the number of its files and their size."""
    return {"files": files, "bytes": total}


def code_digest(digests: Mapping[str, str]) -> str:
    """Return the digest of code that came from S3.

    Args:
        digests: Path → SHA-256; of a single file, its own with an empty path.
    """
    return digests[""] if "" in digests else digest(dict(digests)) if digests else ""


def program_manifest(
    ran: Ran,
    request: RequestView,
    output: str,
    outputs: Mapping[str, Sequence[Part]],
    digests: Mapping[str, str],
    elsewhere: Mapping[str, str] = NOWHERE,
) -> dict[str, Any]:
    """Return the manifest of a result; whoever delivers it calls this.

    Args:
        ran: What ran.
        request: The request of the job.
        output: URI of ``output.path``.
        outputs: Name → its files.
        digests: Path → SHA-256 of the files that came with the job.
        elsewhere: Name → URI of those outputs that do not go below ``output.path``. Paths of their
            files are below this URI; they are no part of the result that a next job may replace.
    """
    here = [part.file for name in outputs if name not in elsewhere for part in outputs[name]]
    described = {
        name: {**({"uri": elsewhere[name]} if name in elsewhere else {}), **_output(parts)}
        for name, parts in outputs.items()
    }
    content = {
        "format_version": _FORMAT_VERSION,
        "program": {
            "kind": ran.kind,
            "entry": ran.entry,
            "sha256": ran.sha256,
            "command": [*request.entrypoint, *request.arguments],
        },
        "request_sha256": digest(meaning(request, output)),
        "inputs": {name: dict(each) for name, each in ran.inputs.items()},
        "outputs": described,
        "digests": dict(sorted(digests.items())),
        "versions": {"headrace": VERSION},
    }
    return sealed(content, (REQUEST, *digests, *here, *OURS, MANIFEST))


def _output(parts: Sequence[Part]) -> dict[str, Any]:
    ordered = sorted(parts, key=lambda part: part.file)
    total = sum(part.bytes for part in ordered)
    return {"files": len(ordered), "bytes": total, "parts": [asdict(part) for part in ordered]}


def log_text(lines: Iterable[str]) -> str:
    """Return the content of the log: the last lines, without colours and control characters."""
    last = deque(lines, maxlen=LOG_LINES)
    return "".join(f"{plain(without_colours(line), LOG_CHARACTERS)}\n" for line in last)


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
