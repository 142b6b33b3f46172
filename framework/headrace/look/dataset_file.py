"""The ``conf/dataset/NAME.yaml`` that reads a file: its text and its name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from headrace.config.hydra.session import texts_of
from headrace.look.conf_file import comment, lines_of

GROUP = "dataset"
_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z_./~-][\w./@+-]*|s3://[\w./@+-]+", re.ASCII)


def yaml_of(
    name: str, keys: Mapping[str, Any], notes: Mapping[str, str], command: str, trying: str
) -> str:
    """Return the text of the file.

    Args:
        name: Of the file, without its ending.
        keys: Key of ``dataset`` → value, in the order of the file.
        notes: Key → what stands behind it as a comment.
        command: Runs the program: ``headrace`` or ``python run.py``.
        trying: An override that is worth trying.
    """
    lines = [
        f"# {command} dataset={name}",
        f"# Worth trying: {trying}",
        "#",
        "# Made by action=look, from the first rows of the data; look it through.",
    ]
    for key, value in keys.items():
        written = lines_of(key, value)
        if key in notes:
            written[0] += f"  # {comment(notes[key])}"
        lines += written
    return "\n".join([*lines, ""])


def override(key: str, value: str | list[str]) -> str:
    """Return an override as a shell takes it."""
    if isinstance(value, str) and _NEEDS_NO_QUOTES.fullmatch(value):
        return f"{key}={value}"
    return shlex.quote(next(iter(texts_of([{key: value}]))))


def name_for(path: str, taken: Sequence[str] = ()) -> str:
    """Return a name for the file that goes by that of the data.

    Args:
        path: ``dataset.path``.
        taken: Names that are no use.
    """
    base = path.rstrip("/").rpartition("/")[2]
    base = re.split(r"[.*?\[]", base)[0]
    name = re.sub(r"[^A-Za-z0-9_]+", "_", base).strip("_").lower()[:40]
    return f"my_{name}" if name in taken else name or "mine"
