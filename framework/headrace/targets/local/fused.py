"""The runs of a sweep that one process does together: it reads and hashes their input once.

In: jobs that differ only in ``n_features``. Out: a result or an error for each. Each has its own
lock, sandbox and delivery, as a single job does (`headrace.targets.local.target`). The process is
that of the first job and is told where the sandboxes of the others are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from headrace.errors import HeadraceError, JobFailed, PluginError
from headrace.runtime.process.main import ALONGSIDE_VARIABLE
from headrace.targets.local.checks import check_here
from headrace.targets.local.command import commands
from headrace.targets.local.target import LaidOutJob, error_of, laid_out, run_processes
from headrace.targets.shutdown.interrupts import Interrupts

if TYPE_CHECKING:
    from headrace.config.models import JobConfig
    from headrace.job.job import Job
    from headrace.results.result import Result


def run_together(jobs: Sequence[tuple[Job, JobConfig]]) -> list[Result | HeadraceError]:
    """Execute several jobs in one process, which reads their common input once.

    Args:
        jobs: At least two, each with its configuration; one instance each, alike but for
            ``n_features``, and each with an output folder of its own.

    Returns:
        The result of each, or the error that it failed with.

    Raises:
        HeadraceError: They cannot even be started; see `headrace.targets.run`.
    """
    for job, config in jobs:
        check_here(job, config)
    _, config = jobs[0]
    with Interrupts().caught() as interrupts, ExitStack() as stack:
        runs = [stack.enter_context(laid_out(*each, interrupts)) for each in jobs]
        error = error_of(lambda: _execute(runs, config.job.logs, interrupts))
        errors = [_own_error(run) or error for run in runs]
        return [run.outcome(why, interrupts) for run, why in zip(runs, errors, strict=True)]


def _execute(runs: Sequence[LaidOutJob], logs: bool, interrupts: Interrupts) -> None:
    """Run the process of the first job, which does the others too."""
    first, *others = runs
    (command,) = commands(first.hosts, first.job.view)
    roots = json.dumps([str(host.ml) for run in others for host in run.hosts])
    told = replace(command, environment={**command.environment, ALONGSIDE_VARIABLE: roots})
    try:
        run_processes(first.job, [told], logs, interrupts)
    except (JobFailed, PluginError) as error:
        raise type(error)(_revealed(str(error), others)) from None


def _own_error(run: LaidOutJob) -> HeadraceError | None:
    """Return the error that the process left for this job, if it could not do this one alone."""
    messages = [host.reveal(message) for host in run.hosts if (message := host.message())]
    return JobFailed(messages[0]) if messages else None


def _revealed(text: str, runs: Sequence[LaidOutJob]) -> str:
    """Return the text with the user's own paths in the place of those of any sandbox."""
    for run in runs:
        for host in run.hosts:
            text = host.reveal(text)
    return text
