"""A file of the corpus: what stands in it, how it is to be read, and what should come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Cells = list[str | None]


@dataclass(frozen=True)
class Case:
    """One file.

    Attributes:
        name: What is nasty.
        content: The bytes.
        rows: The right answer; None where the file is refused.
        bad: Lines with bad rows.
        error: The beginning of the message, where the file is refused.
        names: Of the columns.
        file: Its name.
        keys: How it is read.
    """

    name: str
    content: bytes
    rows: list[Cells] | None
    bad: tuple[int, ...] = ()
    error: str = ""
    names: tuple[str, ...] = ("x", "y")
    file: str = "d.csv"
    keys: dict[str, Any] = field(default_factory=dict)


def case(
    name: str,
    content: str | bytes,
    rows: list[Cells] | None,
    bad: tuple[int, ...] = (),
    error: str = "",
    names: tuple[str, ...] = ("x", "y"),
    file: str = "d.csv",
    **keys: Any,
) -> Case:
    data = content.encode() if isinstance(content, str) else content
    return Case(name, data, rows, bad, error, names, file, keys)


ONE: list[Cells] = [["1", "2"]]
TWO: list[Cells] = [["1", "2"], ["3", "4"]]
TEXT = "x,y\n1,2\n3,4\n"
