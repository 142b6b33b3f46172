"""``action=import``: turns a job, or a request, into the ``conf/experiment`` file that makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace import targets
from headrace.config.checks import IMPORT
from headrace.config.defaults import command
from headrace.config.models import FROM
from headrace.errors import ConfigError, Problem
from headrace.importing import experiment_file, request_file
from headrace.importing.importing import configuration_of, refusal
from headrace.look import conf_file, dataset_file
from headrace.runtime.shown import plain
from headrace.terminal.tables import listed

if TYPE_CHECKING:
    from headrace.config.compose import Plan
    from headrace.importing.request_file import Imported

WIDTH = 11
JOB_NAME = "job.name"


def perform(plan: Plan) -> None:
    """Print the file, or write it if ``name`` says how it is called.

    Raises:
        ConfigError: There is no such job or request, headrace refuses it, or the file cannot be
            written.
    """
    config = plan.config
    if config.name is not None:
        conf_file.checked_name(config.name)
    job, file = config.job.name, config.request_file
    if file is not None and job is not None:
        raise ConfigError(
            [Problem(FROM, f"the request comes from one place; leave out {JOB_NAME}")]
        )
    if file is not None:
        where, source, imported = FROM, plain(file), request_file.read(file)
    elif job is not None:
        answer = targets.job_control(config).answer(job)
        where, source, imported = JOB_NAME, f"the job {job}", request_file.checked(answer, JOB_NAME)
    else:
        what = f"this key is required by action={IMPORT}, or {FROM}=request.json"
        raise ConfigError([Problem(JOB_NAME, what)])
    try:
        made = configuration_of(imported, source)
    except ConfigError as exc:
        raise refusal(exc, where) from exc
    if config.name is None:
        name = _name_of(imported)
        print(made.yaml(name, command()), end="")
        return
    path = conf_file.write(experiment_file.GROUP, config.name, made.yaml(config.name, command()))
    again = f"{command()} {experiment_file.GROUP}={config.name}"
    notes = [("note", note) for note in made.notes if note.startswith(("Not", "Added", "Changed"))]
    print("\n".join(listed([("written", str(path)), *notes, ("next", again)], WIDTH)))


def _name_of(imported: Imported) -> str:
    return dataset_file.name_for(imported.name)
