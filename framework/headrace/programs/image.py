"""``program=image``: what the image itself runs. Nothing ships."""

from __future__ import annotations

from headrace.config.program.models import ImageProgram
from headrace.errors import Problem
from headrace.job.backend import Code, Way
from headrace.job.job import Program
from headrace.job.program import Surroundings
from headrace.programs.base import OwnProgram


class Image(OwnProgram):
    """The SDK's plain ``Processor``."""

    def problems(self, way: Way, *, asking: bool) -> list[Problem]:
        """Return that the image has no command of its own, if it is one of AWS's."""
        backend = self._config.backend
        if way == "image" or self._entrypoint():
            return []
        what = (
            f"backend={backend.name} has no command of its own; choose backend=processor, "
            "or set program.entrypoint"
        )
        return [Problem("program", what)]

    def compile(self, around: Surroundings) -> tuple[Code, Program]:
        """Return the command alone."""
        return Code(command=self._entrypoint()), Program("image")

    def _entrypoint(self) -> tuple[str, ...]:
        program = self._config.program
        return program.entrypoint if isinstance(program, ImageProgram) else ()
