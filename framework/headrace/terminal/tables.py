"""Tables: as plain text with columns two spaces apart, and as HTML."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from headrace.runtime.shown import plain

LIMIT = 1_000
"""Characters of a cell from which it is cut."""


def aligned(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Return the lines of a table whose columns are as wide as their widest cells.

    Args:
        rows: Cells, as many in every row; what a terminal would obey comes out escaped.
        right: Positions of the columns whose cells end together, as numbers do.
    """
    rows = [[plain(cell, LIMIT) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
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
