"""``program=script``: the user's own script, started unchanged."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from headrace.config.program.models import ScriptProgram
from headrace.errors import ConfigError, Problem
from headrace.job.backend import CODE, PY_FILES, PY_FILES_INPUT, Code, Shipment, Way
from headrace.job.job import Program, Wheels
from headrace.job.program import Surroundings
from headrace.programs import source
from headrace.programs.base import OwnProgram
from headrace.programs.source import ENTRY, PATH, Source
from headrace.runtime.shown import quoted
from headrace.runtime.spec import CODE_INPUT
from headrace.uris import FILE, S3, join, path_of

LAUNCHER = "headrace_launch.py"
ARCHIVE = "headrace_source.zip"
SITE = "sitecustomize.py"
"""Python runs a module of this name when it starts, which is how Spark's executors get packages."""
SITE_TEXT = "import headrace_launch\n\nheadrace_launch.use_packages()\n"
SETTINGS_LINE = "SETTINGS: dict[str, Any] = {}\n"


class Script(OwnProgram):
    """Ship a script and start it, as ``ScriptProcessor`` and its like of SDK 2.x did."""

    def problems(self, way: Way, *, asking: bool) -> list[Problem]:
        """Return what is wrong with the script."""
        return [*self._way_problems(way), *self._place_problems(way, asking)]

    def notes(self) -> list[str]:
        """Return which of the other files Python cannot compile."""
        return [] if self._is_on_s3 else [f"{PATH}: {note}" for note in self._source.notes]

    def variables(self, way: Way, wheels: Wheels) -> Mapping[str, str]:
        """Return where the packages' unpacking lies, for each of a cluster's processes."""
        return {"PYTHONPATH": CODE_INPUT} if way == "spark" and wheels else {}

    def compile(self, around: Surroundings) -> tuple[Code, Program]:
        """Return the script alone; a launcher with its folder, or with its packages."""
        config, wheels = self._program, around.wheels
        packages = {name: hashlib.sha256(wheels[name]).hexdigest() for name in wheels}
        if self._is_on_s3:
            uri, entry = self._on_s3()
            about = Program("script", path=config.path, entry=entry)
            return Code((), entry, config.command, uri), about
        script = self._source
        about = Program(
            "script",
            path=config.path,
            entry=script.entry,
            sha256=script.sha256,
            size=script.size,
            packages=packages,
        )
        if not script.is_folder and not packages:
            return Code(
                (_shipped(script.entry, script.files[script.entry]),), script.entry, config.command
            ), about
        shipments = tuple(self._launched(around.way, packages))
        return Code(shipments, LAUNCHER), about

    @property
    def _program(self) -> ScriptProgram:
        program = self._config.program
        if not isinstance(program, ScriptProgram):
            raise TypeError(f"program={program.name} is no script")
        return program

    @property
    def _is_on_s3(self) -> bool:
        return self._program.path.startswith(S3)

    @cached_property
    def _source(self) -> Source:
        path = path_of(self._program.path) or Path(self._program.path)
        return source.read(str(path), self._program.entry)

    def _way_problems(self, way: Way) -> Iterator[Problem]:
        if way == "image":
            what = "ships no script; choose backend=script, or program=image"
            yield Problem("program", f"backend={self._config.backend.name} {what}")
        if way == "spark" and self._program.command:
            yield Problem("program.command", "Spark's image starts the script; leave this out")

    def _place_problems(self, way: Way, asking: bool) -> Iterator[Problem]:
        path = self._program.path
        if "://" in path and not path.startswith((S3, FILE)):
            yield Problem(PATH, f"cannot read {quoted(path, 400)}; allowed: a local path or s3://…")
        elif self._is_on_s3:
            yield from self._s3_problems(asking)
        else:
            yield from self._source.problems
            yield from self._name_problems(way)

    def _name_problems(self, way: Way) -> Iterator[Problem]:
        where = ENTRY if self._source.is_folder else PATH
        for name in (LAUNCHER, ARCHIVE, SITE):
            if name in self._source.files:
                yield Problem(PATH, f"headrace ships a file {name!r} of its own; rename yours")
        entry = self._source.entry
        if way == "spark" and entry and shlex.quote(entry) != entry:
            what = f"the image hands it to a shell as it is, which would change {quoted(entry)}"
            yield Problem(where, f"{what}; rename it")

    def _s3_problems(self, asking: bool) -> Iterator[Problem]:
        uri, entry = self._on_s3()
        if not entry:
            what = "this key is required, since program.path is a folder"
            yield Problem(ENTRY, f"{what}, as in program.entry=main.py")
        if self._config.backend.requirements:
            what = "needs a script on this machine, since a launcher travels with it"
            yield Problem("backend.requirements", f"{what} (program.path={quoted(uri, 400)})")
        if asking and entry:
            from headrace.aws.s3 import object_at  # boto3 takes its time

            try:
                object_at(join(uri, entry) if self._program.entry else uri, PATH)
            except ConfigError as exc:
                yield from exc.problems

    def _on_s3(self) -> tuple[str, str]:
        """Return what the input of the code names, and the file in it that starts."""
        path, entry = self._program.path, self._program.entry
        if entry is not None:
            return join(path, ""), str(PurePosixPath(entry))
        return path, "" if path.endswith("/") else path.rpartition("/")[2]

    def _launched(self, way: Way, packages: dict[str, str]) -> Iterator[Shipment]:
        script, archive = self._source, {}
        if script.is_folder:
            content = script.archive()
            place, name = (PY_FILES, PY_FILES_INPUT) if way == "spark" else (CODE, CODE_INPUT)
            archive = {f"{place}/{ARCHIVE}": hashlib.sha256(content).hexdigest()}
            yield Shipment(place, name, f"{place}/{ARCHIVE}", content)
        else:
            yield _shipped(script.entry, script.files[script.entry])
        settings = {
            "entry": script.entry,
            "command": [*self._program.command],
            "archive": archive,
            "packages": packages,
        }
        yield _shipped(LAUNCHER, launcher(settings))
        if way == "spark" and packages:
            yield _shipped(SITE, SITE_TEXT.encode())


def launcher(settings: Mapping[str, object]) -> bytes:
    """Return the launcher with its settings, which are texts, lists and mappings of texts."""
    text = Path(__file__).with_name("launch.py").read_text(encoding="utf-8")
    before, line, after = text.partition(SETTINGS_LINE)
    if not line:
        raise ValueError("launch.py has no line for its settings")
    stated = f"SETTINGS: dict[str, Any] = {json.dumps(settings, indent=4, ensure_ascii=True)}\n"
    return f"{before}{stated}{after}".encode()


def _shipped(name: str, content: bytes) -> Shipment:
    return Shipment(CODE, CODE_INPUT, f"{CODE}/{name}", content)
