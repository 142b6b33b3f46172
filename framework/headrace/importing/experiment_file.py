"""The text of the ``conf/experiment`` file that holds a request."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from headrace.importing.settings import Settings
from headrace.look.conf_file import comment, lines_of

GROUP = "experiment"
WIDTH = 98


def yaml_of(settings: Settings, name: str, command: str, notes: Sequence[str]) -> str:
    """Return the text of the file.

    Args:
        settings: What compiles to the request.
        name: Of the file, without its ending.
        command: Runs the program: ``headrace`` or ``python run.py``.
        notes: What of the request the file does not hold, and why.
    """
    lines = [
        "# @package _global_",
        f"# {command} {GROUP}={name}",
        "# Worth trying: action=plan target=aws",
        "#",
        *(line for note in notes for line in _wrapped(note)),
        "defaults:",
        f"  - override /backend: {settings.backend}",
        f"  - override /program: {settings.program}",
    ]
    for group, values in settings.values.items():
        lines += ["", f"{group}:", *(f"  {line}" for line in _lines(values))]
    return "\n".join([*lines, ""])


def _lines(values: Mapping[str, Any]) -> list[str]:
    lines = []
    for key, value in values.items():
        first, *others = lines_of("", value)
        lines += [f"{_key(key)}: {first.removeprefix(': ')}", *others]
    return lines


def _key(key: str) -> str:
    """Return a key as YAML reads it as a text."""
    return lines_of("", {key: 0})[0].removeprefix(": {").rpartition(": 0}")[0]


def _wrapped(note: str) -> list[str]:
    return textwrap.wrap(
        comment(note),
        WIDTH,
        initial_indent="# ",
        subsequent_indent="#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )
