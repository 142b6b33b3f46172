"""``report/rejected.jsonl``: the first rows that were left out, where they stand and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from headrace.runtime.chain.bad_rows import MOST_REJECTED, Rejection
from headrace.runtime.sources.blocks import line_numbers
from headrace.runtime.sources.files import below_input


def described(rejections: Sequence[Rejection], encoding: str) -> bytes:
    """Return the content of the file: a JSON object a line, in the order of the input.

    Args:
        rejections: The first of all.
        encoding: Of the input.

    Raises:
        DataError: A file, whose lines are counted, cannot be read.
    """
    before = _lines_before(rejections, encoding)
    lines = (
        {
            "file": below_input(Path(each.path)),
            "line": before[each.path, each.base] + each.line if each.line else None,
            "reason": each.reason,
        }
        for each in rejections
    )
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return text.encode("utf-8", "replace")


def first_of(contents: Iterable[bytes]) -> bytes:
    """Return one file for those of several hosts, in the order of the whole input."""
    lines = [line for content in contents for line in content.splitlines(keepends=True)]
    lines.sort(key=lambda line: json.loads(line)["file"].split("/"))
    return b"".join(lines[:MOST_REJECTED])


def _lines_before(rejections: Sequence[Rejection], encoding: str) -> dict[tuple[str, int], int]:
    """Return the lines before each place in a file from which lines were counted."""
    bases: dict[str, set[int]] = {}
    for each in rejections:
        bases.setdefault(each.path, set()).add(each.base)
    found: dict[tuple[str, int], int] = {}
    for path, positions in bases.items():
        numbers = line_numbers(Path(path), sorted(positions), encoding)
        found |= {
            (path, position): number - 1
            for position, number in zip(sorted(positions), numbers, strict=True)
        }
    return found
