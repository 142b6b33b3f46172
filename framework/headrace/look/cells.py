"""Recognise what a single cell may be: a number, a time, a null, a truth value, words.

Used twice: to judge a dialect, since the right one leaves cells that are something, and to tell
what a column is.
"""

from __future__ import annotations

import re

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)(?:[eE][+-]?[0-9]+)?")
INTEGER = re.compile(r"[+-]?[0-9]+")
_OTHER_NUMBER = re.compile(
    r"[-+(]?[$€£]? ?(?:[0-9]{1,3}([,. ])[0-9]{3}(?:\1[0-9]{3})*(?:(?!\1)[.,][0-9]+)?"
    r"|[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r" ?[%€$]?\)?"
)
"""With thousands apart, a decimal comma, a currency or a percent sign."""
_TIME = re.compile(
    r"\[?[0-9]{1,4}[-/.](?:[0-9]{1,2}|[A-Za-z]{3,9})[-/.][0-9]{2,4}"
    r"(?:[ T:]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?)?(?: ?[AaPp][Mm])?"
    r"(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?\]?|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?"
)
_WORDS = re.compile(r"[^\W_](?:[\w .'\u2019()&/+@#%=<>!?*$°-]|[,:] )*[\w.)!?+*%]?|[\w.-]+")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s,;|]+|[\w.+-]+@[\w-]+\.[\w.]+|/?(?:[\w.-]+/)+[\w.-]*")
_MORE = re.compile(
    r"[<>\[{(].*[\])}]|[=<>]+ ?[\w.]+|[-+*?!.#@&$%]{1,3}[\w.-]*|\\N|[\w.-]+(?:\|[\w.-]+)+",
    re.DOTALL,
)
"""Lists and the like, comparisons, nulls, tags."""

SURE_NULLS = ("NA", "N/A", "n/a", "NULL", "null", "Null", "NaN", "nan", "NAN", r"\N", "?", "<NA>")
"""Stand for a missing value wherever they are a whole cell."""
LIKELY_NULLS = (*SURE_NULLS, "#N/A", "(null)", "None", "none", "nil", "-", "--", ".", "missing")
"""Stand for one where all other cells of the column are numbers."""
WORDS_OF_TRUTH = frozenset({"true", "false", "yes", "no", "t", "f", "y", "n"})


def is_known(cell: str) -> bool:
    """Return whether a cell is something that people put into one cell."""
    text = cell.strip()
    if not text:
        return True
    kinds = (NUMBER, _OTHER_NUMBER, _TIME, _WORDS, _URL, _MORE)
    return "\n" not in text and any(kind.fullmatch(text) for kind in kinds)


def is_number(cell: str) -> bool:
    """Return whether a cell is a number in digits, as Arrow and Python read it."""
    return NUMBER.fullmatch(cell) is not None


def is_time(cell: str) -> bool:
    """Return whether a cell is a date or a time with marks between its parts."""
    return _TIME.fullmatch(cell) is not None


def is_number_of_people(cell: str) -> bool:
    """Return whether a cell is a number as people write it, which the reader takes for text."""
    return _OTHER_NUMBER.fullmatch(cell) is not None and not is_number(cell)
