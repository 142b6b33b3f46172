"""An input as a private root holds it: folders of this machine, one above the other.

Nothing is copied where it can be helped. A folder that is an input is a layer as it is; names of it
that an instance does not get are hidden. Files that do not lie below it under the names that the
container sees (single files, those of a manifest, what links lead to) come into a layer of their
own as hard links, or as copies where a hard link is impossible.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from headrace.targets.local.inputs import Link


@dataclass(frozen=True)
class Layers:
    """What one instance gets of an input.

    Attributes:
        inside: Folder in the container.
        folders: The layers, the uppermost first.
        hidden: Paths below them that the container does not see.
    """

    inside: PurePosixPath
    folders: tuple[Path, ...]
    hidden: tuple[str, ...] = ()


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
    plain, hidden = _seen(folder, sources) if folder is not None else (set[str](), ())
    staged = {name: source for name, source in sources.items() if name not in plain}
    if not staged and folder is not None:
        return Layers(inside, (folder,), hidden)
    staging.mkdir(parents=True)
    for name, source in staged.items():
        _stage(source, staging / name)
    return Layers(inside, (staging,) if folder is None else (staging, folder), hidden)


def _seen(folder: Path, sources: Mapping[str, Path]) -> tuple[set[str], tuple[str, ...]]:
    """Return the wanted files that lie in the folder themselves, and what of it is not wanted."""
    above = {str(parent) for name in sources for parent in PurePosixPath(name).parents}
    plain: set[str] = set()

    def unwanted(below: str) -> Iterator[str]:
        with os.scandir(folder / below) as entries:
            for entry in entries:
                name = f"{below}{entry.name}"
                if entry.is_dir(follow_symlinks=False) and name in above:
                    yield from unwanted(f"{name}/")
                elif name in sources and entry.is_file(follow_symlinks=False):
                    plain.add(name)
                elif name not in sources and name not in above:
                    yield name

    hidden = tuple(sorted(unwanted("")))
    return plain, hidden


def _stage(source: Path, place: Path) -> None:
    """Give a file another name. Whoever writes there changes a copy: overlayfs sees to that."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # another disk, or a file of somebody else
        os.link(source.resolve(), place)
        return
    shutil.copy(source, place)
