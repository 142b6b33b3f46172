"""A file below ``conf/`` that headrace makes: how values are written; no other is overwritten."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from headrace.errors import ConfigError, Problem
from headrace.results.whole_files import write_whole
from headrace.runtime.plugins import roots
from headrace.runtime.shown import harmless, plain, quoted

WHERE = "name"
EDITOR = ".vscode"
SCHEMAS = f"{EDITOR}/schemas"
"""The place of the JSON Schemas of a project's files, one for each folder of ``conf/``."""
MODELINE = "# yaml-language-server: $schema="
GLOBAL = "# @package _global_"
"""The first line of a file that may set anything, wherever it lies."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_PLAIN = re.compile(r"[A-Za-z_/][\w ./-]*", re.ASCII)
_SUFFIXES = (".yaml", ".yml")
_WIDTH = 100


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # yaml has no type hints
    """Puts every text between quotes that is no simple word: nothing else can be read in it."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if _PLAIN.fullmatch(text) and not text.endswith(" ") else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def lines_of(key: str, value: Any) -> list[str]:
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


def comment(text: str) -> str:
    """Return a text that stands in one line behind a ``#``."""
    return harmless(text).replace("\n", " ").replace("\t", " ")


def checked_name(name: str) -> str:
    """Return the name of a file below ``conf/``, as it was given.

    Raises:
        ConfigError: It cannot be one.
    """
    if not _NAME.fullmatch(name) or name.endswith(_SUFFIXES):
        what = (
            f"should be letters, digits, '_', '-' and '.', without an ending (got {quoted(name)})"
        )
        raise ConfigError([Problem(WHERE, what)])
    return name


def path_of(group: str, name: str) -> Path:
    """Return where the file goes: into the ``conf/`` of the current folder."""
    return Path.cwd() / roots.CONF / group / f"{name}.yaml"


def with_modeline(path: PurePosixPath, text: str) -> str:
    """Return a file's text with the comment by which editors find its JSON Schema.

    Args:
        path: The file's path in the project, as in ``conf/dataset/mine.yaml``.
        text: What stands in it. The comment goes below those that it opens with.
    """
    kind = path.parts[1] if len(path.parts) > 2 else path.stem
    kind = "experiment" if text.startswith(GLOBAL) else kind
    named = f"{MODELINE}{'../' * (len(path.parts) - 1)}{SCHEMAS}/{kind}.json"
    lines = [line for line in text.removesuffix("\n").split("\n") if not line.startswith(MODELINE)]
    head = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "\n".join([*lines[:head], named, *lines[head:], ""])


def write(group: str, name: str, text: str) -> Path:
    """Write the file, whole; no other file is overwritten.

    In a project with schemas for editors, as ``headrace init`` makes it, the file names its own.

    Raises:
        ConfigError: There is another file of that name, or it cannot be written.
    """
    path = path_of(group, name)
    project = path.parents[2]
    if (project / SCHEMAS / f"{group}.json").is_file():
        text = with_modeline(PurePosixPath(path.relative_to(project)), text)
    for root in {project, roots.SHIPPED}:
        there = root / roots.CONF / group / path.name
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
