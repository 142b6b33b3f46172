"""``headrace init FOLDER``: writes a small project, with one transform and its test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from headrace.cli.actions.schema import editor_files
from headrace.config.defaults import command
from headrace.errors import ConfigError, Problem
from headrace.results.whole_files import json_text, write_whole
from headrace.runtime.shown import plain, quoted

WHERE = "init"

_EXAMPLE = Path(__file__).parent / "project"


def make_project(folder: str) -> str:
    """Write the project.

    Args:
        folder: A new folder, or an empty one.

    Returns:
        What to say about it.

    Raises:
        ConfigError: The folder holds something, or cannot be written.
    """
    root = Path(folder)
    try:
        _refuse_if_taken(root)
        files = dict(_files())
        for path, content in files.items():
            write_whole(root / path, content)
    except OSError as exc:
        what = f"{quoted(folder)} cannot be written ({exc.strerror}); name another folder"
        raise ConfigError([Problem(WHERE, what)]) from exc
    return f"{plain(folder)} has a project; change to it and run: {command()} transform=mine"


def _refuse_if_taken(root: Path) -> None:
    if root.is_dir() and not any(root.iterdir()):
        return
    if root.exists() or root.is_symlink():
        what = "is not empty" if root.is_dir() else "is no folder"
        raise ConfigError([Problem(WHERE, f"{quoted(str(root))} {what}; name a new folder")])


def _files() -> Iterator[tuple[str, bytes]]:
    """Yield path in the project and content of each file."""
    for path in sorted(_EXAMPLE.rglob("*.*")):
        inside = path.relative_to(_EXAMPLE)
        if path.is_file() and "__pycache__" not in inside.parts:
            yield inside.as_posix(), path.read_bytes()
    yield ".gitignore", b"outputs/\nmultirun/\n__pycache__/\n"
    for name, data in editor_files():
        yield name, json_text(data).encode()
