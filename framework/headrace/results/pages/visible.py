"""Make untrusted text safe to show: nothing invisible, nothing that changes text direction.

Escaping keeps ``<script>`` text; it does not help against a right-to-left mark that reverses what
stands after it, nor against a cell of a million characters.
"""

from __future__ import annotations

import unicodedata

LONGEST = 120
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode's categories of what has no shape of its own."""


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


def _spelled(sign: str) -> str:
    if unicodedata.category(sign) not in _HIDDEN:
        return sign
    code = ord(sign)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
