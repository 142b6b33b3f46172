"""Format values for the pages: numbers with units, and text from outside.

Escaping keeps ``<script>`` text; it does not help against a right-to-left mark that reverses what
stands after it, nor against a cell of a million characters: `visible` does.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

from headrace.terminal.units import size

NARROW = "\N{NARROW NO-BREAK SPACE}"
NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"
LONGEST = 120

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode's categories of characters without a shape of their own."""


def count(number: float | None) -> str:
    """Format a count: 1234567 → ``1,234,567``."""
    if number is None:
        return NONE
    text = f"{number:,}" if isinstance(number, int) else f"{number:,.0f}"
    return text.replace("-", MINUS)


def share(fraction: float | None) -> str:
    """Format a share: 0.17204 → ``17.2 %``; a share above zero is never shown as zero."""
    if fraction is None:
        return NONE
    percent = fraction * 100
    if 0 < percent < 0.01:
        return f"< 0.01{NARROW}%"
    decimals = 0 if percent in (0, 100) else 2 if percent < 10 else 1
    text = f"{percent:.{decimals}f}"
    if fraction < 1 and text.startswith("100"):
        text = "99.9"
    return f"{text}{NARROW}%"


def score(number: float | None) -> str:
    """Format a metric's value, to four decimals."""
    return NONE if number is None else f"{number:.4f}".replace("-", MINUS)


def measure(number: float | None) -> str:
    """Format a measured number: 9131.79787 → ``9,132``; 0.123456 → ``0.1235``; 1e200."""
    if number is None:
        return NONE
    digits = 4 if number == 0 else max(0, 3 - math.floor(math.log10(abs(number))))
    if digits > 9 or abs(number) >= 1e15:
        return f"{number:.4g}".replace("-", MINUS)
    return f"{number:,.{digits}f}".replace("-", MINUS)


def seconds(number: float | None) -> str:
    """Format seconds: 0.8312 → ``0.83 s``."""
    if number is None:
        return NONE
    if number < 100:
        return f"{number:.{2 if number < 10 else 1}f}{NARROW}s"
    minutes, rest = divmod(round(number), 60)
    return f"{minutes:,}{NARROW}min {rest}{NARROW}s"


def megabytes(number: float | None) -> str:
    """Format millions of bytes: 485.2 → ``485 MB``."""
    return NONE if number is None else octets(number * 1e6)


def octets(number: float | None) -> str:
    """Format bytes: 78412 → ``78.4 kB``."""
    return NONE if number is None else size(number).replace(" ", NARROW)


def widths(numbers: Sequence[int]) -> list[str]:
    """Format widths for an axis: 256, 65536 → ``2⁸``, ``2¹⁶``; 1000, 50000 → ``1k``, ``50k``."""
    if all(number & (number - 1) == 0 for number in numbers):
        return [f"2{str(number.bit_length() - 1).translate(_RAISED)}" for number in numbers]
    return [_short(number) for number in numbers]


def marks(numbers: Sequence[float], scale: float = 1) -> list[str]:
    """Format the marks of an axis, all but zero with as many decimals as the longest needs.

    Args:
        numbers: Positions of the marks.
        scale: Factor for their texts, as 100 for percent.
    """
    texts = [f"{number * scale:.10g}" for number in numbers]
    decimals = max(len(text.partition(".")[2]) for text in texts)
    return [
        f"{number * scale:,.{decimals}f}".replace("-", MINUS) if number else "0"
        for number in numbers
    ]


def visible(value: object, longest: int = LONGEST) -> str:
    r"""Return the text with control and format characters spelled out, ``\u202e``, and cut if long.

    Args:
        value: Anything that has a text.
        longest: Characters that stay.
    """
    text = str(value)
    cut = text if len(text) <= longest else f"{text[: longest - 1]}…"
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(_spelled(sign) for sign in cut)


def _short(number: int) -> str:
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= unit:
            return f"{number / unit:.3g}{name}"
    return str(number)


@lru_cache(maxsize=1024)
def _spelled(sign: str) -> str:
    if unicodedata.category(sign) not in _HIDDEN:
        return sign
    code = ord(sign)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


FILTERS: dict[str, Callable[..., str]] = {
    filter_.__name__: filter_
    for filter_ in (count, share, score, measure, seconds, megabytes, octets, visible)
}
"""The functions that templates may call."""
