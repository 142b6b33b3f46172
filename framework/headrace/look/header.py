"""Find out whether the first row names the columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from headrace.look.cells import WORDS_OF_TRUTH, is_number, is_number_of_people, is_time

USUAL_NAMES = frozenset((
    "id", "uid", "uuid", "key", "index", "name", "title", "label", "target", "class", "click",
    "clicked", "y", "x", "date", "time", "timestamp", "day", "hour", "month", "year", "age", "sex",
    "gender", "country", "city", "state", "zip", "price", "amount", "count", "value", "category",
    "type", "status", "user", "user_id", "item", "item_id", "session", "text", "url", "email",
    "phone", "address", "description", "quantity", "total", "score", "rating", "device", "site",
    "app", "domain", "ip", "lat", "lon", "latitude", "longitude", "income", "width", "height",
    "weight", "length",
))  # fmt: skip
_NAME = re.compile(r"[^\W\d][\w .:#/%()\[\]?-]{0,60}")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_JUDGED = 200


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first of some rows is a header.

    Args:
        rows: Rows of one length, at least one.
    """
    return looks_like_header(rows[0], rows[1:])


def looks_like_header(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Return whether a row names the columns of others.

    A header has no numbers, and stands out: text above numbers, a word above codes of one length,
    a text that none of the rows below it has.
    """
    others = others[:_JUDGED]
    named = [cell.strip() for cell in first]
    if _are_years(named):
        return True
    numeric = sum(map(_is_any_number, named))
    if not others:
        return not numeric and all(named)
    votes = sum(
        _vote(cell, [row[index].strip() for row in others if row[index].strip()])
        for index, cell in enumerate(named)
    )
    votes -= sum(not cell for cell in named[1:])
    if votes:
        return votes > 0
    return not numeric and all(map(_NAME.fullmatch, filter(None, named))) and _are_unique(named)


def _vote(name: str, cells: Sequence[str]) -> float:
    """Return how much a first cell looks like the name of a column, against a value of it."""
    if not name or not cells:
        return 0
    if _is_any_number(name) or is_time(name) or name.lower() in WORDS_OF_TRUTH - {"y", "t"}:
        return -2
    numbers = sum(map(_is_any_number, cells)) / len(cells)
    if numbers > 0.5:
        return 3
    vote = 0.0
    if name.lower() in USUAL_NAMES:
        vote += 2
    if name in cells:
        vote -= 2 if cells.count(name) > 1 else 1
    lengths = set(map(len, cells))
    if len(lengths) == 1 and len(cells) > 2 and len(cells[0]) > 1:
        vote += 1.0 if len(name) not in lengths else -1.0
    if not any(each.isdigit() for each in name) and all(
        any(each.isdigit() for each in cell) for cell in cells
    ):
        vote += 1.0
    return vote


def _is_any_number(cell: str) -> bool:
    return is_number(cell) or is_number_of_people(cell)


def _are_years(names: Sequence[str]) -> bool:
    """Return whether some names are years in order, beside names that are no numbers."""
    years = [int(name) for name in names if _YEAR.fullmatch(name)]
    others = [name for name in names if not _YEAR.fullmatch(name)]
    ordered = len(years) > 1 and all(b - a == 1 for a, b in pairwise(years))
    return ordered and bool(others) and not any(map(_is_any_number, others))


def _are_unique(names: Sequence[str]) -> bool:
    return len(set(names)) == len(names)
