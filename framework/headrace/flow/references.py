"""``${param:name}`` and ``${output:job.channel}``: found in texts, and replaced in overrides.

OmegaConf never sees them: it has no resolvers of these names, and a flow's jobs are read as plain
text. What replaces them becomes a part of an override, so it is quoted as Hydra's grammar wants.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from headrace.config.flow import Scalar
from headrace.config.hydra.session import quoted_value

PARAM, OUTPUT = "param", "output"
_REFERENCE = re.compile(rf"\$\{{\s*({PARAM}|{OUTPUT})\s*:\s*([^{{}}]*?)\s*\}}")
_ESCAPED = re.compile(rf"(\\*)\1\\(?=\$\{{\s*(?:{PARAM}|{OUTPUT})\s*:)")
"""Backslashes by which OmegaConf would leave a reference alone."""
_SIMPLE = re.compile(r"[^\[\]{}'\"$\\]*")
"""Text around references that means nothing in Hydra's grammar once it is quoted as a whole."""


@dataclass(frozen=True)
class Reference:
    """One reference in a text."""

    kind: str
    """`PARAM` or `OUTPUT`."""
    name: str
    """A parameter's name, or ``job.channel``."""

    @property
    def job(self) -> str:
        """Return the job whose output it is."""
        return self.name.partition(".")[0]

    @property
    def channel(self) -> str:
        """Return the output's name."""
        return self.name.partition(".")[2]

    def __str__(self) -> str:
        return f"${{{self.kind}:{self.name}}}"


def references(value: Any) -> Iterator[Reference]:
    """Yield all references in a text, or in the texts of lists and mappings, in their order."""
    if isinstance(value, str):
        yield from (Reference(*found.groups()) for found in _REFERENCE.finditer(value))
    elif isinstance(value, dict):
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from references(each)


def with_texts(value: Any, change: Callable[[str], Any]) -> Any:
    """Return plain data with each of its texts changed; keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: with_texts(each, change) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [with_texts(each, change) for each in value]
    return value


def without_escapes(text: str) -> str:
    """Return a text whose references are not escaped, as a dict of overrides has them."""
    return _ESCAPED.sub(r"\1", text)


def whole(value: object) -> Reference | None:
    """Return the reference that a text consists of; None if there is more or less."""
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return Reference(*found.groups()) if found else None


def pieces(text: str) -> list[str | Reference]:
    """Return a text in pieces: what stands between references, and these."""
    made: list[str | Reference] = []
    end = 0
    for found in _REFERENCE.finditer(text):
        made += [text[end : found.start()], Reference(*found.groups())]
        end = found.end()
    return [each for each in (*made, text[end:]) if each != ""]


def replaced(override: str, value_of: Callable[[Reference], Scalar]) -> str:
    """Return an override with its references replaced.

    Args:
        override: As it stands in the flow.
        value_of: What to put in the place of a reference.
    """
    if not any(references(override)):
        return override
    key, sign, given = override.partition("=")
    key = "".join(
        _text(value_of(each)) if isinstance(each, Reference) else each for each in pieces(key)
    )
    values = {each: value_of(each) for each in references(given)}
    if not any(isinstance(value, str) for value in values.values()):
        return f"{key}{sign}{_joined(given, values, _text)}"
    if _SIMPLE.fullmatch(_REFERENCE.sub("", given)):
        return f"{key}{sign}{quoted_value(_joined(given, values, _text))}"
    return f"{key}{sign}{_joined(given, values, _as_value)}"


def _joined(text: str, values: dict[Reference, Scalar], shown: Callable[[Scalar], str]) -> str:
    found = (shown(values[each]) if isinstance(each, Reference) else each for each in pieces(text))
    return "".join(found)


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_value(value: Scalar) -> str:
    return quoted_value(value) if isinstance(value, str) else _text(value)
