"""The ``conf/dataset/NAME.yaml`` that reads a file: its text, and how it is written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from headrace.config.hydra_session import texts_of
from headrace.errors import ConfigError, Problem
from headrace.results.whole_files import write_whole
from headrace.runtime.plugins import roots
from headrace.runtime.shown import harmless, plain, quoted

WHERE = "name"
GROUP = "dataset"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_PLAIN = re.compile(r"[A-Za-z_/][\w ./-]*", re.ASCII)
_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z_./~-][\w./@+-]*|s3://[\w./@+-]+", re.ASCII)
_SUFFIXES = (".yaml", ".yml")
_WIDTH = 100


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # yaml has no type hints
    """Puts every text between quotes that is no simple word: nothing else can be read in it."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if _PLAIN.fullmatch(text) and not text.endswith(" ") else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


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
        written = _written(key, value)
        if key in notes:
            written[0] += f"  # {_comment(notes[key])}"
        lines += written
    return "\n".join([*lines, ""])


def _written(key: str, value: Any) -> list[str]:
    """Return the lines of one key; a list or a mapping stands between brackets."""
    text = yaml.dump(
        _escaped(value),
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        width=_WIDTH - len(key) - 4,
        default_flow_style=isinstance(value, list | tuple | dict),
    )
    first, *others = [line for line in str(text).splitlines() if line != "..."]
    return [f"{key}: {first}", *(f"  {line}" for line in others)]


def _escaped(value: Any) -> Any:
    """Return a value in which OmegaConf sees no link: ``${``, without a backslash before it."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", lambda found: f"{found[1] * 2}\\${{", value)
    if isinstance(value, Mapping):
        return {key: _escaped(each) for key, each in value.items()}
    return [_escaped(each) for each in value] if isinstance(value, list | tuple) else value


def _comment(text: str) -> str:
    return harmless(text).replace("\n", " ").replace("\t", " ")


def checked_name(name: str) -> str:
    """Return the name of a file in ``conf/dataset``, as it was given.

    Raises:
        ConfigError: It cannot be one, or there is such a file among those that are shipped.
    """
    if not _NAME.fullmatch(name) or name.endswith(_SUFFIXES):
        what = (
            f"should be letters, digits, '_', '-' and '.', without an ending (got {quoted(name)})"
        )
        raise ConfigError([Problem(WHERE, what)])
    return name


def path_of(name: str) -> Path:
    """Return where the file goes: into the ``conf/`` of the current folder."""
    return Path.cwd() / roots.CONF / GROUP / f"{name}.yaml"


def write(name: str, text: str) -> Path:
    """Write the file, whole; no other file is overwritten.

    Raises:
        ConfigError: There is another file of that name, or it cannot be written.
    """
    path = path_of(name)
    for root in {path.parents[2], roots.SHIPPED}:
        there = root / roots.CONF / GROUP / path.name
        if there.is_symlink() or there.exists():
            if there == path and _is_same(there, text):
                return path
            what = f"there is {quoted(str(there), 400)} already; choose another name"
            raise ConfigError([Problem(WHERE, what)])
    try:
        write_whole(path, text.encode())
    except OSError as error:
        what = f"{plain(str(path))} cannot be written ({error.strerror})"
        raise ConfigError([Problem(WHERE, what)]) from error
    return path


def _is_same(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False


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
