"""Renames that happen together or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from framework.targets.interrupts import Interrupts


class Moves:
    """Moves files and folders, and knows the way back.

    Args:
        tag: Told to nobody else; makes the names of what is set aside unique.
        interrupts: Obeyed between the files of a copy.
    """

    def __init__(self, tag: str, interrupts: Interrupts) -> None:
        self._tag = tag
        self._interrupts = interrupts
        self._way_back: list[Callable[[], object]] = []
        self._set_aside: list[Path] = []

    @contextmanager
    def together(self) -> Iterator[Moves]:
        """All moves made inside stay, or, if an exception leaves it, none does."""
        try:
            yield self
        except BaseException:
            for step in reversed(self._way_back):
                with contextlib.suppress(OSError):
                    step()
            raise
        for path in self._set_aside:
            remove(path)
            with contextlib.suppress(OSError):  # somebody still lives there
                path.parent.rmdir()

    def set_aside(self, path: Path) -> None:
        """Take what an earlier job left out of the way; it is removed when all has gone well."""
        if os.path.lexists(path):
            aside = path.with_name(f".{path.name}.before-{self._tag}")
            self._rename(path, aside)
            self._set_aside.append(aside)

    def place(self, source: Path, destination: Path) -> None:
        """Put a file or folder under its final name, whole at once, on any file system."""
        self._make_folder(destination.parent)
        try:
            self._rename(source, destination)
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            self._copy(source, destination)

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make_folder(folder.parent)
            folder.mkdir()
            self._way_back.append(folder.rmdir)

    def _rename(self, source: Path, destination: Path) -> None:
        os.rename(source, destination)  # noqa: PTH104 - names both paths in its errors
        self._way_back.append(lambda: os.rename(destination, source))  # noqa: PTH104

    def _copy(self, source: Path, destination: Path) -> None:
        aside = destination.with_name(f".{destination.name}.partial-{self._tag}")
        self._way_back.append(lambda: remove(aside))
        for each in [source, *sorted(source.rglob("*"))]:
            self._interrupts.check()
            _copy_one(each, aside / each.relative_to(source))
        self._rename(aside, destination)


def _copy_one(source: Path, destination: Path) -> None:
    if source.is_dir():
        destination.mkdir()
        return
    shutil.copyfile(source, destination)
    with destination.open("rb") as file:
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
