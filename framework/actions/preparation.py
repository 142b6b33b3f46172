"""What ``run`` and ``plan`` have in common: everything that can be done before money is spent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from framework import inputs, output_folder
from framework.compile import compile_job
from framework.errors import ConfigError, Problem
from framework.job_names import job_name

if TYPE_CHECKING:
    from framework.compose import Plan
    from framework.inputs import DataInput
    from framework.job import Job

PREFIX = "headrace"


def prepare(plan: Plan, *, look: bool) -> Job:
    """Compiles the job and checks it against the data and the output folder.

    Args:
        plan: The configuration.
        look: Read the data's header and check the chain against it. The runtime does the same
            first of all, so where it starts at once, looking here would only cost the time.

    Raises:
        ConfigError: The output folder, the input or the chain does not fit.
        DataError: The input is not what the configuration says it is.
    """
    data, problems = _data(plan)
    problems += output_folder.check(plan.config.output)
    if data is None or problems:
        raise ConfigError(problems)
    job = compile_job(plan, data, plan.config.job.name or job_name(PREFIX))
    if look and data.files:
        _preflight(job, data)
    return job


def _data(plan: Plan) -> tuple[DataInput | None, list[Problem]]:
    try:
        return inputs.resolve(plan.config.dataset.path), []
    except ConfigError as exc:
        return None, list(exc.problems)


def _preflight(job: Job, data: DataInput) -> None:
    # pyarrow takes its time to import, and only local files can be looked at
    from framework.runtime.chain import ChainError
    from framework.runtime.preflight import preflight

    try:
        preflight(job.spec, [Path(file) for file in data.files])
    except ChainError as exc:
        raise ConfigError([Problem(exc.where, exc.what)]) from exc
