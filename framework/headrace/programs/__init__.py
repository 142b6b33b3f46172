"""Programs: what runs in the container, one file each.

A checked configuration goes in; what brings the program there, and what starts it, comes out.
`headrace.config.program.models.PROGRAMS` is the registry. A program knows no backend, only the way
in which one starts code (`headrace.job.backend.Way`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.config.program.models import PROGRAMS

if TYPE_CHECKING:
    from headrace.config.compose import Plan
    from headrace.job.program import ProgramCompiler


def program_of(plan: Plan) -> ProgramCompiler:
    """Return what compiles the program that a configuration names."""
    compiler: ProgramCompiler = PROGRAMS.load(plan.config.program.name)(plan)
    return compiler
