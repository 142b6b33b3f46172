"""The command that starts a user's program in a private root, and how the program ended."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from headrace.aws.request import RequestView
from headrace.errors import JobFailed
from headrace.runtime.shown import quoted
from headrace.runtime.spec import ML_ROOT
from headrace.targets.local import spark_submit as spark
from headrace.targets.local.private_root import enter
from headrace.targets.local.private_root.layers import Layers
from headrace.uris import within

ENTER = (sys.executable, "-I", "-S", enter.__file__)
PYTHON = frozenset({"python", "python3"})
"""Programs that headrace's own interpreter stands for, with the packages that it has."""


@dataclass(frozen=True)
class PrivateRoot:
    """A private root of one instance.

    Attributes:
        ml: Becomes ``/opt/ml``.
        folder: Holds all that is needed beside it; not there yet.
        inputs: What is mounted below ``/opt/ml``.
        outputs: Folders in the container.
        place: Where the program finds `ml`.
        borrows: The machine's own folder is used, since there can be no private one.
    """

    ml: Path
    folder: Path
    inputs: Sequence[Layers] = ()
    outputs: Sequence[str] = ()
    place: str = ML_ROOT
    borrows: bool = False

    @property
    def _report(self) -> Path:
        return self.folder / "report.json"

    def command(self, argv: Sequence[str], environment: dict[str, str]) -> tuple[str, ...]:
        """Return what starts a program in it; writes what that has to know.

        Args:
            argv: The program, a path or one that is found on its ``PATH``, and its arguments.
            environment: Its environment.
        """
        root = self.folder / "root"
        root.mkdir(parents=True)
        spec = {
            "place": self.place,
            "ml": str(self.ml),
            "root": str(root),
            "report": str(self._report),
            "inputs": [self._input(*each) for each in enumerate(self.inputs)],
            "outputs": [str(PurePosixPath(path).relative_to(self.place)) for path in self.outputs],
            "borrows": self.borrows,
            "argv": list(argv),
            "environment": environment,
        }
        file = self.folder / "spec.json"
        content = json.dumps(spec).encode()
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # it has secrets
        with open(descriptor, "wb") as opened:  # noqa: PTH123 - a descriptor
            opened.write(content)
        return (*ENTER, str(file))

    def _input(self, index: int, layers: Layers) -> dict[str, Any]:
        folders = {name: self.folder / "inputs" / str(index) / name for name in ("upper", "work")}
        for folder in folders.values():
            folder.mkdir(parents=True)
        for name in layers.others:
            (folders["upper"] / name).mkdir(parents=True, exist_ok=True)
        return {
            "at": str(layers.inside.relative_to(self.place)),
            "layers": list(map(str, layers.folders)),
            "hidden": list(layers.hidden),
            **{name: str(folder) for name, folder in folders.items()},
        }

    def source(self, path: str) -> Path:
        """Return where a path of the container lies on this machine before the program runs."""
        for layers in self.inputs:
            if within(path, str(layers.inside)):
                inside = PurePosixPath(path).relative_to(layers.inside)
                places = [folder / inside for folder in layers.folders]
                return next((place for place in places if place.exists()), places[0])
        return self.ml / PurePosixPath(path).relative_to(self.place)

    def known(self) -> Known:
        """Return what is known of the program; nothing if it was killed with all around it."""
        try:
            content = json.loads(self._report.read_bytes())
        except (FileNotFoundError, ValueError):
            return Known()
        error, strays = content.get("error", ""), content.get("strays", ())
        peak = content.get("peak_memory_kb", 0) // 1024
        seconds = (content.get("seconds", 0.0), content.get("cpu_seconds", 0.0))
        return Known(error, tuple(strays), peak, *seconds)


@dataclass(frozen=True)
class Known:
    """The end of a program.

    Attributes:
        error: Why it could not be started; empty if it was.
        strays: Paths that it made outside ``/opt/ml`` and that are gone with it.
        peak_memory_mb: The largest of its processes.
        seconds: From its start to its end.
        cpu_seconds: Of it and of those that it waited for.
    """

    error: str = ""
    strays: tuple[str, ...] = ()
    peak_memory_mb: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def argv(request: RequestView, path: str) -> tuple[str, ...]:
    """Return what runs on this machine when a request is executed.

    Args:
        request: The request; it names an entrypoint.
        path: Where programs are looked for.

    Raises:
        JobFailed: There is no such program.
    """
    program, *words = (*request.entrypoint, *request.arguments)
    if program in PYTHON:
        return (sys.executable, *words)
    if program == spark.PROGRAM:
        return (program, *words)
    if "/" not in program and shutil.which(program, path=path) is None:
        what = f"the entrypoint {quoted(program)} is no program of this machine"
        raise JobFailed(f"{what}; install it, or use target=container")
    return (program, *words)
