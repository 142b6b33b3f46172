"""Builds the kernels of `headrace.runtime.kernels`, which travel with a job.

From the source that comes with this package, by zig (``pip install ziglang``), which compiles for
both kinds of machines that SageMaker has, or by the machine's own compiler for machines of its
kind. Without either NumPy works in their place.

    python -m headrace.job.kernels
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from headrace.runtime.kernels.library import FLAGS, SOURCES, SUFFIX, folders

MACHINES = ("x86_64", "aarch64")
GLIBC = "2.17"
"""The oldest that zig compiles for; nothing of it is used."""
_MARK = "built.json"
"""A file beside the built ones that says who built them, and has the digest of each."""
_SECONDS = 300
_ZIG, _CC = "zig", "cc"


@cache
def built() -> dict[str, bytes]:
    """Return the built kernels, file name → content; builds them first if that was not done yet.

    None are there if nothing can build them. A compiler tries once for each version of the source,
    unless it cannot even be started, or what it built is not there any more.
    """
    compiler, places = _compiler(), folders()
    for folder in places:
        maker, made = _found(folder)
        if made is not None and (maker == _ZIG or compiler in (None, maker)):
            return made
    for folder in places if compiler else ():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return _build(compiler or "", folder)
        except OSError:
            continue
    return {}


def _found(folder: Path) -> tuple[str, dict[str, bytes] | None]:
    """Return who built what lies in a folder, and all of it; None if it is not as it was built."""
    try:
        mark = json.loads((folder / _MARK).read_bytes())
        made = {name: (folder / name).read_bytes() for name in mark["digests"]}
    except (OSError, ValueError, KeyError, TypeError):
        return "", None
    is_whole = _digests(made) == mark["digests"]
    return str(mark.get("compiler")), made if is_whole else None


def _digests(made: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}


def _compiler() -> str | None:
    """Return what can build kernels here."""
    if importlib.util.find_spec("ziglang") is not None:
        return _ZIG
    is_linux = sys.platform == "linux" and platform.machine() in MACHINES
    return _CC if is_linux and shutil.which("cc") else None


def _build(compiler: str, folder: Path) -> dict[str, bytes]:
    """Build for every machine that the compiler knows; what fails is left out."""
    sources = sorted(file.name for file in SOURCES.glob("*.c"))
    made = {}
    for machine, command in _commands(compiler):
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as aside:
            file = Path(aside, f"{machine}{SUFFIX}")
            try:
                subprocess.run(  # noqa: S603 (our own words)
                    [*command, *FLAGS, "-o", str(file), *sources],
                    cwd=SOURCES,
                    env={**os.environ, "SOURCE_DATE_EPOCH": "0"},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_SECONDS,
                    check=True,
                )
            except subprocess.SubprocessError:
                continue
            made[file.name] = file.read_bytes()
            file.replace(folder / file.name)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as aside:
        mark = Path(aside, _MARK)
        mark.write_text(json.dumps({"compiler": compiler, "digests": _digests(made)}))
        mark.replace(folder / _MARK)
    return made


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
