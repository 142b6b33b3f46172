"""Tables: as plain text with columns two spaces apart, and as HTML."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Sequence
from html import escape

from headrace.runtime.shown import plain

LIMIT = 1_000
"""Characters of a cell from which it is cut."""
LEAST = 6
"""Columns of a terminal that a cell keeps when a table has to fit."""


Paint = Callable[[int, int, str], str]
"""Takes the position of a row, that of a column, and the cell with its blanks; colours it."""


def aligned(
    rows: Sequence[Sequence[str]], right: Collection[int] = (), paint: Paint | None = None
) -> list[str]:
    """Return the lines of a table whose columns are as wide as their widest cells.

    Args:
        rows: Cells, as many in every row; what a terminal would obey comes out escaped.
        right: Positions of the columns whose cells end together, as numbers do.
        paint: Colours the cells; default: none has a colour.
    """
    rows = [[plain(cell, LIMIT) for cell in row] for row in rows]
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    lines = []
    for index, row in enumerate(rows):
        cells = []
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            blanks = " " * (width - width_of(cell))
            padded = blanks + cell if place in right else cell + blanks
            cells.append(paint(index, place, padded) if paint else padded)
        lines.append("  ".join(cells).rstrip())
    return lines


def width_of(text: str) -> int:
    """Return the columns that a text takes on a terminal: Chinese characters take two each."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """Return a text that takes at most so many columns of a terminal, cut in the middle."""
    if width_of(text) <= width:
        return text
    head = _begin(text, width // 2)
    tail = _begin(text[::-1], width - 1 - width_of(head))[::-1]
    return f"{head}…{tail}"


def _begin(text: str, width: int) -> str:
    kept = 0
    for character in text:
        width -= _width(character)
        if width < 0:
            break
        kept += 1
    return text[:kept]


def fitted(rows: Sequence[Sequence[str]], width: int, columns: Collection[int]) -> list[list[str]]:
    """Return the rows of a table with the cells of some columns cut, so that it is not too wide.

    Args:
        rows: As for `aligned`.
        width: Columns of the terminal. What cannot be cut enough stays wider.
        columns: Positions of those whose cells may be cut.
    """
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    between = 2 * (len(widths) - 1)
    while sum(widths) + between > width:
        widest = max(columns, key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= LEAST:
            break
        widths[widest] -= 1
    return [
        [cut(cell, widths[place]) if place in columns else cell for place, cell in enumerate(row)]
        for row in rows
    ]


def as_html(
    rows: Sequence[Sequence[str]], right: Collection[int] = (), *, has_header: bool = True
) -> str:
    """Return a table in HTML for a notebook, with cells escaped; empty if there are no rows.

    Args:
        rows: As for `aligned`.
        right: The same.
        has_header: Whether the first row names the columns.
    """
    lines = []
    for number, row in enumerate(rows):
        tag = "th" if has_header and not number else "td"
        sides = ("right" if place in right else "left" for place in range(len(row)))
        cells = (
            f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>'
            for side, cell in zip(sides, row, strict=True)
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(lines)}</table>" if lines else ""


def listed(pairs: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Return names and values side by side; further lines of a value are indented.

    Args:
        pairs: Name and value.
        width: Characters from a name's beginning to its value's.
    """
    lines = []
    for name, value in pairs:
        first, *others = value.splitlines() or [""]
        lines.append(f"{name.ljust(width)}{plain(first, LIMIT)}".rstrip())
        lines += [f"{' ' * width}{plain(other, LIMIT)}".rstrip() for other in others]
    return lines
