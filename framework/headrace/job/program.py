"""The interface of programs: what each needs in the container, and what brings it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from headrace.errors import Problem
from headrace.job.backend import Code, Way
from headrace.job.job import Program, Wheels
from headrace.job.mapping import ProcessingInput, ProcessingOutput


@dataclass(frozen=True)
class Surroundings:
    """The way of starting code and the channels that a program is compiled for."""

    way: Way
    inputs: tuple[ProcessingInput, ...]
    """Those that the user names; not those that bring the program."""
    outputs: tuple[ProcessingOutput, ...]
    """The program's own."""
    wheels: Wheels
    files: tuple[str, ...]
    """Paths below ``output.path`` of what the job brings beside the program."""
    column_order: tuple[str, ...] = ()
    """The columns of the data, if several instances have to agree on their order."""


class ProgramCompiler(Protocol):
    """Compiles one of the programs of a configuration; see `headrace.programs`."""

    def problems(self, way: Way, *, asking: bool) -> list[Problem]:
        """Return what keeps the program from running; `asking` allows to look at S3."""

    def notes(self) -> list[str]:
        """Return what the user should know, though it keeps nothing from running."""

    def outputs(self) -> tuple[ProcessingOutput, ...]:
        """Return the folders of the container that are delivered."""

    def variables(self, way: Way, wheels: Wheels) -> Mapping[str, str]:
        """Return what each process of a cluster needs in its environment."""

    def compile(self, around: Surroundings) -> tuple[Code, Program]:
        """Return what brings and starts the program, and what the job says of it.

        Raises:
            PluginError: A plugin cannot travel to the container.
        """
