#!/usr/bin/env python3
"""Start a user's script in the container, unchanged.

headrace ships this file beside a script that is a folder or brings packages. It unpacks the folder
beside itself, puts the packages on Python's path, and then becomes the script: the same process,
with the same arguments. It needs the standard library alone, of Python 3.7 or later.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

SETTINGS: dict[str, Any] = {}
HERE = Path(__file__).absolute().parent
INPUTS = HERE.parent


def main(arguments: list[str]) -> NoReturn:
    """Become the script."""
    folder = HERE
    for name, sha256 in SETTINGS["archive"].items():
        folder = unpack_source(INPUTS / name, sha256)
        os.chdir(folder)
    use_packages()
    command = SETTINGS["command"] or [sys.executable]
    words = [*command, str(folder / SETTINGS["entry"]), *arguments]
    os.execvp(words[0], words)  # noqa: S606 - no shell


def unpack_source(archive: Path, sha256: str) -> Path:
    """Unpack the script's folder beside this file, or elsewhere where that cannot be written to.

    Returns:
        Where its files are.
    """
    check(archive, sha256)
    folder = HERE
    if not os.access(str(HERE), os.W_OK):
        folder = Path(tempfile.mkdtemp(prefix="headrace-script-"))
    with zipfile.ZipFile(str(archive)) as opened:
        for info in opened.infolist():
            place = Path(opened.extract(info, str(folder)))
            place.chmod(stat.S_IMODE(info.external_attr >> 16))
    return folder


def use_packages() -> None:
    """Put the packages on the path of this process and of those that it starts."""
    packages = SETTINGS["packages"]
    if not packages:
        return
    for name, sha256 in packages.items():
        check(INPUTS / "packages" / name, sha256)
    key = hashlib.sha256(repr(sorted(packages.items())).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir(), f"headrace-script-packages-{key}-{os.getuid()}")
    if not is_whole(folder, packages):
        unpack_packages(packages, folder)
    sys.path.insert(1, str(folder))
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *([others] if others else [])])


def unpack_packages(packages: dict[str, str], folder: Path) -> None:
    """Unpack wheels aside and rename: other processes see the whole folder or none."""
    aside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=str(folder.parent)))
    try:
        new = aside / "new"
        new.mkdir(0o700)
        for name in packages:
            unpack_wheel(INPUTS / "packages" / name, new)
        if is_ours(folder) and not is_whole(folder, packages):
            folder.rename(aside / "old")
        try:
            new.rename(folder)
        except OSError:  # another process was quicker
            if not is_whole(folder, packages):
                raise
    finally:
        shutil.rmtree(str(aside), ignore_errors=True)


def unpack_wheel(wheel: Path, folder: Path) -> None:
    """Unpack what Python imports."""
    with zipfile.ZipFile(str(wheel)) as opened:
        for info in imported(opened):
            place = Path(opened.extract(info, str(folder)))
            place.chmod(0o755 if info.external_attr >> 16 & 0o111 else 0o644)


def imported(wheel: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """Yield the files of a wheel that are imported, named as they are below the folder.

    Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
    """
    for info in wheel.infolist():
        parts = info.filename.split("/")
        if info.is_dir():
            continue
        if len(parts) > 2 and parts[0].endswith(".data"):
            if parts[1] not in ("purelib", "platlib"):
                continue
            info.filename = "/".join(parts[2:])
        yield info


def is_whole(folder: Path, packages: dict[str, str]) -> bool:
    """Tell whether all files are there: who cleans up temporary files removes old ones."""
    if not is_ours(folder):
        return False
    sizes = {}
    for name in packages:
        with zipfile.ZipFile(str(INPUTS / "packages" / name)) as wheel:
            sizes.update({info.filename: info.file_size for info in imported(wheel)})
    try:
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except OSError:
        return False


def is_ours(folder: Path) -> bool:
    """Tell whether a folder is there; end if others can open it."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    is_private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
    if not is_private or status.st_uid != os.getuid():
        sys.exit(f"{folder}: should be a folder that nobody else can open; remove it")
    return True


def check(file: Path, sha256: str) -> None:
    """End with a message if a file is not the one that was sent."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            for block in iter(lambda: opened.read(1 << 20), b""):
                digest.update(block)
    except OSError as error:
        sys.exit(f"{file}: cannot be read ({error.strerror})")
    if digest.hexdigest() != sha256:
        sys.exit(f"{file}: is not the file that was sent, whose SHA-256 is {sha256}")


if __name__ == "__main__":
    main(sys.argv[1:])
