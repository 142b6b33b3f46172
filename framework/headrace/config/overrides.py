"""Overrides from Python: texts as on the command line, or dicts whose values need no quoting.

Source: https://hydra.cc/docs/1.3/advanced/override_grammar/basic/
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from os import PathLike, fspath

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

Overrides = str | Mapping[str, object]


def texts_of(overrides: Sequence[Overrides]) -> Iterator[str]:
    """Return all overrides in Hydra's grammar.

    Raises:
        TypeError: What is no value of a configuration.
    """
    for each in overrides:
        if isinstance(each, str):
            yield each
        else:
            yield from (f"{key}={_text(value)}" for key, value in each.items())


_QUOTED_KEY = re.compile(r"([{,]\s*)([\"'])([\w.-]+)\2\s*:")


def with_quotes(override: str) -> str | None:
    """Return the override as a shell takes it, with quotes around a value that needs them.

    Returns:
        None if quotes around the value, or around the members of a list, do not help.
    """
    key, _, value = override.partition("=")
    if value.startswith("{"):  # the keys of a mapping take no quotes
        better = f"{key}=" + _QUOTED_KEY.sub(r"\1\3:", value)
        if better == override:
            return None
    elif value.startswith("[") and value.endswith("]"):
        members = [each.strip() for each in value[1:-1].split(",")]
        better = f"{key}=[{','.join(map(_in_double_quotes, members))}]"
    else:
        better = f"{key}={_in_double_quotes(value)}"
    try:
        OverridesParser.create().parse_overrides([better])
    except HydraException:
        return None
    return shlex.quote(better) if value else None


def _in_double_quotes(text: str) -> str:
    return '"' + re.sub(r"(\\*)(\"|$)", _escaped, text) + '"'


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
    return backslashes * 2 + (f"\\{quote}" if quote else "")
