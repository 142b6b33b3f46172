"""An input as a private root holds it: folders of this machine, one above the other.

Nothing is copied where it can be helped. A folder that is an input is a layer as it is; names of it
that an instance does not get are hidden. Files that do not lie below it under the names that the
container sees (single files, those of a manifest, what links lead to) come into a layer of their
own as hard links, or as copies where a hard link is impossible.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from headrace.targets.local.inputs import Link


@dataclass(frozen=True)
class Layers:
    """The files of an input that one instance gets.

    Attributes:
        inside: Folder in the container.
        folders: The layers, the uppermost first.
        hidden: Paths below them that the container does not see.
        others: Folders below them that are another user's or group's. Overlayfs cannot change what
            such an owner has if the user is alone in his namespace; a new folder above can be
            written to.
    """

    inside: PurePosixPath
    folders: tuple[Path, ...]
    hidden: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def layers(
    links: Sequence[Link], inside: PurePosixPath, folder: Path | None, staging: Path
) -> Layers:
    """Arrange the files of an input.

    Args:
        links: The files of one instance.
        inside: Folder in the container that all of them are below.
        folder: The folder that is the input, if it is one.
        staging: Where a layer may be made; not there yet.

    Raises:
        OSError: A file cannot be read, or the disk is full.
    """
    sources = {str(link.path.relative_to(inside)): link.source for link in links}
    seen = _Seen(folder, sources)
    staged = {name: source for name, source in sources.items() if name not in seen.plain}
    rest = (tuple(sorted(seen.unwanted)), tuple(sorted(seen.others)))
    if not staged and folder is not None:
        return Layers(inside, (folder,), *rest)
    staging.mkdir(parents=True)
    for name, source in staged.items():
        _stage(source, staging / name)
    return Layers(inside, (staging,) if folder is None else (staging, folder), *rest)


class _Seen:
    """The entries of a folder.

    Attributes:
        plain: The wanted files that lie in it themselves.
        unwanted: What else it holds.
        others: Wanted folders of another owner.
    """

    def __init__(self, folder: Path | None, sources: Mapping[str, Path]) -> None:
        self.plain: set[str] = set()
        self.unwanted: list[str] = []
        self.others: list[str] = []
        self._sources = sources
        self._above = {str(parent) for name in sources for parent in PurePosixPath(name).parents}
        if folder is not None:
            self._look(folder, "")

    def _look(self, folder: Path, below: str) -> None:
        with os.scandir(folder / below) as entries:
            for entry in entries:
                name = f"{below}{entry.name}"
                if entry.is_dir(follow_symlinks=False) and name in self._above:
                    if _is_others(entry.stat(follow_symlinks=False)):
                        self.others.append(name)
                    self._look(folder, f"{name}/")
                elif name in self._sources and entry.is_file(follow_symlinks=False):
                    self.plain.add(name)
                elif name not in self._sources and name not in self._above:
                    self.unwanted.append(name)


def _is_others(found: os.stat_result) -> bool:
    user = os.geteuid()
    return user != 0 and (found.st_uid, found.st_gid) != (user, os.getegid())


def _stage(source: Path, place: Path) -> None:
    """Give a file another name. Whoever writes there changes a copy: overlayfs sees to that."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # another disk, or a file of somebody else
        os.link(source.resolve(), place)
        return
    shutil.copy(source, place)
