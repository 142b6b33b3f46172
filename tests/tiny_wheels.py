"""Wheels of a few bytes, made by hand."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

EXECUTABLE = 0o100755 << 16


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> Path:
    """Make a wheel.

    Args:
        folder: Where it goes.
        name: Of the package, its normalized one.
        version: Of the package.
        tag: What it fits.
        requires: Values of ``Requires-Dist``.
        files: Path in the wheel → text; default: a module of that name that knows the version.
    """
    info = f"{name}-{version}.dist-info"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata += [f"Requires-Dist: {each}" for each in requires]
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in (files or {f"{name}.py": f"VERSION = {version!r}\n"}).items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = EXECUTABLE if path.endswith(".so") else 0
            archive.writestr(entry, text)
        archive.writestr(f"{info}/METADATA", "\n".join(metadata) + "\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel
