"""Packages that the image lacks: wheels that came as an input, unpacked and put on the path.

Needs the standard library alone, since NumPy or pyarrow may be what is unpacked here.
The format: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

from headrace.runtime.errors import HeadraceError
from headrace.runtime.spec import PACKAGES_INPUT, digest, under

LIBRARIES = ("purelib", "platlib")
"""The parts of a wheel's ``.data`` folder that are imported; scripts and headers are not."""
_DIGITS = 16
_CHUNK = 1 << 20


@dataclass(frozen=True)
class _Member:
    """A file of a wheel, and where it belongs below the folder."""

    wheel: Path
    info: zipfile.ZipInfo
    place: PurePosixPath


def use(root: Path, packages: Mapping[str, str]) -> None:
    """Make the shipped packages importable, ahead of the image's own.

    They are unpacked once for all processes of this user on this host, into a folder that only he
    can open. Doing it twice does no harm.

    Args:
        root: What stands in for ``/opt/ml``.
        packages: File name of each wheel → SHA-256.

    Raises:
        HeadraceError: A wheel is not there or not the one that was sent, has a file that leads out
            of its folder, or cannot be unpacked.
    """
    if not packages:
        return
    inputs = under(root, PACKAGES_INPUT)
    wheels = [_verified(inputs / name, sha256) for name, sha256 in packages.items()]
    key = digest(dict(packages))[:_DIGITS]
    folder = Path(tempfile.gettempdir(), f"headrace-packages-{key}-{os.getuid()}")
    members = [member for wheel in wheels for member in _members(wheel)]
    try:
        if not _is_whole(folder, members):
            _provide(folder, members)
    except OSError as error:
        what = f"the packages cannot be unpacked in {str(folder)!r} ({error.strerror})"
        raise HeadraceError(f"{what}; set TMPDIR to a folder that has room for them") from error
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _verified(wheel: Path, sha256: str) -> Path:
    try:
        with wheel.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise HeadraceError(
            f"the package {wheel.name} cannot be read ({error.strerror})"
        ) from error
    if found != sha256:
        raise HeadraceError(
            f"the package {wheel.name} is not the one that was sent: "
            f"its SHA-256 is {found}, and should be {sha256}"
        )
    return wheel


def _members(wheel: Path) -> Iterator[_Member]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except zipfile.BadZipFile as error:
        raise HeadraceError(f"the package {wheel.name} is no wheel: {error}") from error
    for info in infos:
        place = _place(info.filename, wheel)
        if place is not None:
            yield _Member(wheel, info, place)


def _place(name: str, wheel: Path) -> PurePosixPath | None:
    """Return where a file belongs; nowhere if nothing imports it."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise HeadraceError(f"the package {wheel.name} holds {name!r}, which leads out of it")
    if len(path.parts) > 1 and path.parts[0].endswith(".data"):
        return PurePosixPath(*path.parts[2:]) if path.parts[1] in LIBRARIES else None
    return path


def _is_whole(folder: Path, members: Sequence[_Member]) -> bool:
    """Return whether everything is there: files may have been removed from it since."""
    if not os.path.lexists(folder):
        return False
    status = folder.lstat()
    is_private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
    if not is_private or status.st_uid != os.getuid():
        what = "should be a folder of this user's that nobody else can open"
        raise HeadraceError(f"{folder}: {what}; remove it, or set TMPDIR to another place")
    sizes = {member.place: member.info.file_size for member in members}
    return all(_size(folder / place) == size for place, size in sizes.items())


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _provide(folder: Path, members: Sequence[_Member]) -> None:
    """Unpack aside and rename: other processes see the whole folder or none."""
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as scratch:
        aside = Path(scratch, "new")
        aside.mkdir(mode=0o700)
        for wheel, own in groupby(members, lambda member: member.wheel):
            _unpack(wheel, own, aside)
        if not _is_whole(folder, members):
            with suppress(FileNotFoundError):  # most often there is none
                folder.rename(Path(scratch, "old"))
        try:
            aside.rename(folder)
        except OSError:  # somebody else was quicker
            if not _is_whole(folder, members):
                raise


def _unpack(wheel: Path, members: Iterable[_Member], folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in members:
            place = folder / member.place
            place.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member.info) as source, place.open("wb") as file:
                shutil.copyfileobj(source, file, _CHUNK)
            is_executable = member.info.external_attr >> 16 & 0o111
            place.chmod(0o755 if is_executable else 0o644)
