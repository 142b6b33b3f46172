"""Overrides from Python: texts as on the command line, or dicts whose values need no quoting.

Source: https://hydra.cc/docs/1.3/advanced/override_grammar/basic/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from os import PathLike, fspath

Overrides = str | Mapping[str, object]


def texts_of(overrides: Sequence[Overrides]) -> Iterator[str]:
    """All of them in Hydra's grammar.

    Raises:
        TypeError: What is no value of a configuration.
    """
    for each in overrides:
        if isinstance(each, str):
            yield each
        else:
            yield from (f"{key}={_text(value)}" for key, value in each.items())


def _text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Real):  # NumPy's numbers too
        return repr(int(value) if isinstance(value, Integral) else float(value))
    if isinstance(value, Mapping):
        raise TypeError(
            f"a value is no dict; write a key for each, as 'job.tags.team' (got {value})"
        )
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return f"[{','.join(map(_text, value))}]"
    if not isinstance(value, str | PathLike):
        raise TypeError(f"{value!r} cannot be a value of a configuration")
    return _quoted(str(fspath(value)))


def _quoted(text: str) -> str:
    # What OmegaConf takes for a link is none, and a backslash before it no escape.
    without_links = re.sub(r"(\\*)(\$\{)", r"\1\1\\\2", text)
    # Backslashes count as such only before a quote.
    return "'" + re.sub(r"(\\*)('|$)", _escaped, without_links) + "'"


def _escaped(found: re.Match[str]) -> str:
    backslashes, quote = found.groups()
    return backslashes * 2 + ("\\'" if quote else "")
