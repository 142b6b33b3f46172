"""Builds the kernels of `headrace.runtime.kernels`, which travel with a job.

From the source that comes with this package, by zig (``pip install ziglang``), which compiles for
both kinds of machines that SageMaker has, or by the machine's own compiler for machines of its
kind. Without either NumPy works in their place.

    python -m headrace.job.kernels
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from headrace.runtime.kernels.library import FLAGS, SOURCES, SUFFIX, folders

MACHINES = ("x86_64", "aarch64")
GLIBC = "2.17"
"""The oldest that zig compiles for; nothing of it is used."""
_COMPILER = "compiler"
"""A file beside the built ones that says who built them."""
_SECONDS = 300
_ZIG, _CC = "zig", "cc"


@cache
def built() -> dict[str, bytes]:
    """Return the built kernels, file name → content; builds them first if that was not done yet.

    None are there if nothing can build them. A compiler tries once for each version of the source,
    unless it cannot even be started.
    """
    places = folders()
    compiler = _compiler()
    for folder in places:
        maker = _made_by(folder)
        if maker is not None and maker in (compiler, _ZIG):
            return _content(folder)
    for folder in places if compiler else ():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _build(compiler or "", folder)
        except OSError:
            continue
        return _content(folder)
    return {}


def _made_by(folder: Path) -> str | None:
    try:
        return (folder / _COMPILER).read_text(encoding="utf-8")
    except OSError:
        return None


def _content(folder: Path) -> dict[str, bytes]:
    names = (f"{machine}{SUFFIX}" for machine in MACHINES)
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def _compiler() -> str | None:
    """Return what can build kernels here."""
    if importlib.util.find_spec("ziglang") is not None:
        return _ZIG
    is_linux = sys.platform == "linux" and platform.machine() in MACHINES
    return _CC if is_linux and shutil.which("cc") else None


def _build(compiler: str, folder: Path) -> None:
    """Build for every machine that the compiler knows; what fails is left out."""
    for machine, command in _commands(compiler):
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as aside:
            made = Path(aside, f"{machine}{SUFFIX}")
            sources = sorted(file.name for file in SOURCES.glob("*.c"))
            try:
                subprocess.run(  # noqa: S603 (our own words)
                    [*command, *FLAGS, "-o", str(made), *sources],
                    cwd=SOURCES,
                    env={**os.environ, "SOURCE_DATE_EPOCH": "0"},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_SECONDS,
                    check=True,
                )
            except subprocess.SubprocessError:
                continue
            made.replace(folder / made.name)
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as said:
        said.write(compiler)
    Path(said.name).replace(folder / _COMPILER)


def _commands(compiler: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    if compiler == _CC:
        yield platform.machine(), ("cc", "-Wl,--build-id=none")
        return
    for machine in MACHINES:
        target = f"{machine}-linux-gnu.{GLIBC}"
        yield machine, (sys.executable, "-m", "ziglang", "cc", "-target", target)


def main() -> None:
    """Build the kernels and say what came of it."""
    made = built()
    if made:
        print(f"kernels: {', '.join(name.removesuffix(SUFFIX) for name in made)}")
    elif (compiler := _compiler()) is not None:
        print(f"note: {compiler} does not build the kernels here; NumPy works in their place")
    else:
        print("note: neither zig nor a C compiler is here; NumPy works in place of the kernels")


if __name__ == "__main__":
    main()
