"""Jobs of the user's own programs, compiled without Hydra."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from headrace.backends import backend_of
from headrace.config.compose import Plan
from headrace.config.models import JobConfig
from headrace.errors import ConfigError
from headrace.job import sources
from headrace.job.account import NoAccount
from headrace.job.compiler import compile_job
from headrace.job.inputs import DataInput
from headrace.job.job import NO_WHEELS, Job, Wheels
from headrace.programs import program_of

INPUT = "/opt/ml/processing/input"
OUTPUT = "/opt/ml/processing/output"


def plan(**groups: Any) -> Plan:
    """A configuration; by default an own image and a script."""
    raw: dict[str, Any] = {
        "backend": {"name": "script", "region": "eu-central-1", "image_uri": "mine:1"},
        "target": {"name": "local"},
        "program": {"name": "script", "path": "/nowhere/prepare.py"},
        "dataset": {"path": "/nothing", "label": None},
        "transform": {"steps": {"nothing": None}},
        "output": {"path": "/results/churn"},
    }
    for group, values in groups.items():
        raw[group] = values if group in ("program", "backend") else {**raw.get(group, {}), **values}
    return Plan(JobConfig.model_validate(raw), ())


def made(
    wanted: Plan, found: Mapping[str, DataInput] | None = None, wheels: Wheels = NO_WHEELS
) -> Job:
    """Compile a job that has to be right."""
    backend, program = backend_of(wanted.config.backend), program_of(wanted)
    assert program.problems(backend.way, asking=False) == []
    if found is None:
        found, problems = sources.find(wanted, is_remote=False, asking=True)
        assert problems == []
    return compile_job(wanted, backend, program, found, "churn-1", NoAccount(wanted.config), wheels)


def refused(wanted: Plan, found: Mapping[str, DataInput] | None = None) -> list[str]:
    """Return what is wrong with the program, its inputs or the whole job."""
    backend, program = backend_of(wanted.config.backend), program_of(wanted)
    problems = program.problems(backend.way, asking=False)
    looked, others = sources.find(wanted, is_remote=False, asking=True)
    if not problems and not others:
        with pytest.raises(ConfigError) as caught:
            compile_job(
                wanted,
                backend,
                program,
                looked if found is None else found,
                "churn-1",
                NoAccount(wanted.config),
            )
        problems = list(caught.value.problems)
    return [str(problem) for problem in [*problems, *others]]


def script(folder: Path, text: str = "print('hello')\n", name: str = "prepare.py") -> Path:
    """Write a script."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def of(file: Path, **settings: Any) -> dict[str, Any]:
    """Return the settings of a program that is this script."""
    return {"name": "script", "path": str(file), **settings}
