"""Find the encoding of text from its first bytes.

Byte order marks and the zeros of UTF-16 tell by themselves, and bytes that are valid UTF-8 are
UTF-8: other encodings are next to never valid by chance. What is left has one byte a character, as
a rule. Western text has its accented letters one at a time between ASCII letters, so the candidates
are tried in the order of their use, and the one wins in which most of the high bytes are letters or
the punctuation of word processors. Statistical detectors guess rare encodings for a few accents,
so charset-normalizer (which requests brings) is asked only where the high bytes come in runs: text
in another script, where it is good.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from headrace.runtime.sources.files import BOM, wide_encoding

UTF8 = "utf-8"
_WESTERN = ("cp1252", "latin-1", "cp850", "mac_roman", "cp437")
_TYPOGRAPHY = frozenset("€£¥§©®™°±²³µ·¿¡«»“”„—…•½¼¾ºª\u2018\u2019\u201a\u2013")
_HIGH = re.compile(rb"[\x80-\xff]+")
_RUNS = 0.6
"""Of the high bytes that stand beside another one in text that is not Western."""
_ASKED = 1 << 15
"""Bytes that charset-normalizer looks at."""
_REPLACED = 0.05
"""Of all sequences of high bytes that may be broken in what is still UTF-8."""


@dataclass(frozen=True)
class Encoding:
    """An encoding as Python calls it, and what speaks for it."""

    name: str
    reason: str


def encoding_of(data: bytes, *, is_whole: bool) -> Encoding:
    """Return the encoding that some text is most likely in.

    Args:
        data: The beginning of the text.
        is_whole: Whether it is all of it, so that nothing is cut off in the middle.
    """
    if data.startswith(BOM):
        return Encoding(UTF8, "byte order mark")
    if wide := wide_encoding(data):
        return Encoding(*wide)
    if is_utf8(data, is_whole=is_whole):
        return Encoding(UTF8, "ASCII" if data.isascii() else "valid UTF-8")
    if _is_nearly_utf8(data):
        return Encoding(UTF8, "UTF-8 but for some broken characters")
    if _stands_in_runs(data) and (guessed := _asked(data)):
        return Encoding(guessed, "not UTF-8, and not Western; a guess")
    name = max(_WESTERN, key=lambda each: _plausibility(data, each))
    return Encoding(name, "not UTF-8; Western text, one byte a character")


def is_utf8(data: bytes, *, is_whole: bool) -> bool:
    """Return whether bytes are valid UTF-8; a character may be cut off at the end of a beginning.

    Args:
        data: Any bytes.
        is_whole: Whether nothing is cut off.
    """
    try:
        codecs.getincrementaldecoder(UTF8)().decode(data, final=is_whole)
    except UnicodeDecodeError:
        return False
    return True


def decoded(data: bytes, encoding: str) -> str:
    """Return the text; bytes that cannot be decoded become U+FFFD, and there is no mark left."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    return decoder.decode(data, final=False).removeprefix("\ufeff")


def _is_nearly_utf8(data: bytes) -> bool:
    """Return whether almost all sequences of high bytes are characters in UTF-8."""
    runs = _HIGH.findall(data)
    broken = sum(not is_utf8(run, is_whole=True) for run in runs)
    return broken <= len(runs) * _REPLACED


def _stands_in_runs(data: bytes) -> bool:
    runs = list(map(len, _HIGH.findall(data)))
    return sum(length for length in runs if length > 1) > sum(runs) * _RUNS


def _asked(data: bytes) -> str | None:
    from charset_normalizer import from_bytes  # takes its time; few files are of this kind

    lines = [line for line in data.splitlines() if not line.isascii()]
    best = from_bytes(b"\n".join(lines)[:_ASKED]).best()
    return None if best is None else str(best.encoding)


def _plausibility(data: bytes, encoding: str) -> float:
    """Return how many of the high bytes make sense, between 0 and 1."""
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return 0
    sense = [_sense(found, encoding) for found in _HIGH.finditer(data)]
    return sum(sense) / len(sense)


def _sense(found: re.Match[bytes], encoding: str) -> float:
    text, data = found[0].decode(encoding), found.string
    neighbours = data[max(found.start() - 1, 0) : found.start()] + data[found.end() :][:1]
    if all(each.isalpha() for each in text):
        return 1.0 if neighbours.isalpha() else 0.7
    if all(each in _TYPOGRAPHY or each.isalpha() for each in text):
        return 0.8
    return 0.0
