"""Preparation, which ``run`` and ``plan`` share: all that can be done before money is spent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from headrace import targets
from headrace.backends import backend_of
from headrace.config import defaults
from headrace.config.registry import lists_of
from headrace.errors import ConfigError, Problem
from headrace.job import inputs, sources
from headrace.job.account import Account
from headrace.job.compiler import compile_job
from headrace.job.job_names import job_name
from headrace.programs import program_of
from headrace.results import destination as output_folder
from headrace.runtime.data_files import is_data
from headrace.runtime.errors import HeadraceError
from headrace.runtime.spec import LEARNED, DatasetSpec, JobSpec
from headrace.targets.local import scratch
from headrace.uris import S3, path_of, uri_of

if TYPE_CHECKING:
    from headrace.config.compose import Plan
    from headrace.config.learned import JobToCome
    from headrace.config.models import JobConfig
    from headrace.job.compiler import Found
    from headrace.job.inputs import DataInput
    from headrace.job.job import Job, Wheels
    from headrace.targets.base import Target

PREFIX = "headrace"
FirstFile = Callable[[], tuple[Path, str] | None]
NOT_ASKED = "no AWS credentials, so what is on AWS was not looked at"


@dataclass(frozen=True)
class Ready:
    """A job that may start."""

    job: Job
    config: JobConfig
    """The plan's, with the place that the result goes to."""
    inputs: Found
    """Files of each input; a chain's data is called ``data``."""
    notes: tuple[str, ...] = ()
    """Notes on what could not be checked, or still has to become right."""


def prepare(
    plan: Plan,
    *,
    dry: bool,
    coming: Collection[str] = (),
    checks_output: bool = True,
    target: Target | None = None,
    may_ask: bool = True,
) -> Ready:
    """Compile the job and check it against the data, the output folder and the account.

    Args:
        plan: The configuration.
        dry: Nothing is going to run: without credentials, what is on AWS is not looked at, and
            there may be fewer files than instances as yet.
        coming: URIs of what other jobs of a flow have yet to make, and this one reads.
        checks_output: Whether the place of the result is looked at; see `output_problems`.
        target: Compile for this one; default: the one that the configuration names.
        may_ask: Whether AWS is asked if there are credentials.

    Raises:
        ConfigError: Everything that stands in the way, as far as it can be known.
        DataError: The input is not what the configuration says it is.
        JobFailed: The packages that the image lacks cannot be fetched.
    """
    target = target or targets.find(plan.config)
    name = plan.config.job.name or job_name(PREFIX)
    account = target.account(plan.config)
    asking = may_ask and _may_ask(plan.config, target, dry)
    account.check_access(asking)
    placed = _placed(plan, account, name)
    is_fresh, plan = placed != plan, placed  # a folder that only this job has
    backend, program = backend_of(plan.config.backend), program_of(plan)
    found, problems = sources.find(plan, target.is_remote, asking, coming)
    notes, problems = _put_off(problems) if dry else ((), problems)
    if checks_output and not is_fresh:
        problems += output_problems(plan.config, asking)
    problems += (broken := program.problems(backend.way, asking=asking))
    if broken or not sources.are_all(plan, found):
        raise ConfigError(problems)
    with ExitStack() as stack:
        # Of data on S3, the first object is fetched for this; several have to know its columns.
        first = cache(lambda: stack.enter_context(_first_file(plan.config, found, asking)))
        try:
            wheels = {} if problems else _wheels(plan.config, target)
            order = () if problems else _column_order(plan, first)
            job = compile_job(plan, backend, program, found, name, account, wheels, order)
        except ConfigError as exc:
            raise ConfigError([*problems, *exc.problems]) from exc
        problems += account.problems(job.request, asking)
        if problems:
            raise ConfigError(problems)
        if job.program.spec is not None and (dry or not target.looks_first):
            for step in plan.chain:
                step.plugin.check_imports()
            if (spec := _told(job.program.spec, plan, found, asking)) is not None:
                notes = (*notes, *_preflight(spec, found, first))
    notes = (*notes, *program.notes(), *_without_effect(plan.config, target))
    return Ready(job, plan.config, found, notes if asking else (*notes, NOT_ASKED))


def _without_effect(config: JobConfig, target: Target) -> Iterator[str]:
    are_passed = target.passes_arguments and not config.backend.ships_program
    if config.job.arguments and config.program.is_chain and not are_passed:
        yield "job.arguments: headrace's own program takes none, so they have no effect"


def _wheels(config: JobConfig, target: Target) -> Wheels:
    if not config.backend.requirements:
        return {}
    from headrace.images.packages import wheels_for  # most jobs have none

    python = None if target.uses_this_python else config.backend.python_version
    is_chain = config.program.is_chain
    return wheels_for(config.backend.requirements, python, any_version=is_chain)


def _placed(plan: Plan, account: Account, name: str) -> Plan:
    output = plan.config.output
    place = output.model_copy(update={"path": account.output_path(output.path, name)})
    return replace(plan, config=plan.config.model_copy(update={"output": place}))


def _may_ask(config: JobConfig, target: Target, dry: bool) -> bool:
    """Return whether AWS can be asked, if there is anything to ask. A job that runs has to."""
    paths = (config.output.path, *sources.paths(config))
    if not target.is_remote and not any(path.startswith(S3) for path in paths):
        return True
    from headrace.aws.clients import has_credentials

    return has_credentials(required=not dry)


def _put_off(problems: list[Problem]) -> tuple[tuple[str, ...], list[Problem]]:
    """Put off what only a run has to have right: return that as notes, and all other problems."""
    notes = tuple(str(problem) for problem in problems if problem.where == inputs.INSTANCES)
    return notes, [problem for problem in problems if problem.where != inputs.INSTANCES]


def output_problems(config: JobConfig, asking: bool = True) -> list[Problem]:
    """Return what keeps a result from being written to its place."""
    if not config.output.path.startswith(S3):
        is_run_folder = defaults.is_run_folder(str(path_of(uri_of(config.output.path))))
        problems = scratch.recover(config.output.path)
        return problems or output_folder.check(config.output, is_run_folder=is_run_folder)
    if not asking:
        return []
    from headrace.results import output_prefix

    return output_prefix.check(config.output)


def _dataset(config: JobConfig) -> DatasetSpec:
    return DatasetSpec(**config.dataset.model_dump(exclude={"path"}))


def _column_order(plan: Plan, first: FirstFile) -> tuple[str, ...]:
    """Return the columns of the first file, if several instances have to agree on their order."""
    config = plan.config
    is_shared = config.resources.instance_count > 1 and not config.backend.is_a_cluster
    return _columns(plan, first) if config.program.is_chain and is_shared else ()


def _columns(plan: Plan, first: FirstFile) -> tuple[str, ...]:
    """Return the columns of the first file; none if it is not there, or cannot be read."""
    from headrace.runtime.sources import columns_of  # pyarrow takes its time to import

    with suppress(HeadraceError):  # told later
        file = first()
        dataset = replace(_dataset(plan.config), lists=lists_of(plan.chain))
        return () if file is None else columns_of(file[0], dataset, file[1]).names
    return ()


def _columns_to_come(job: JobToCome, asking: bool) -> tuple[str, ...]:
    """Return the columns that a job of a flow will find; none if that cannot be known."""
    config = job.plan.config
    if not job.has_its_data:
        return ()
    with ExitStack() as stack:

        def first() -> tuple[Path, str] | None:
            found = {inputs.DATA: inputs.resolve(*config.dataset.paths, asking=asking)}
            return stack.enter_context(_first_file(config, found, asking))

        return _columns(job.plan, first)


def _data_files(data: DataInput) -> list[Path]:
    """Return the files of a table, as `files_of_input` finds them in the job."""
    files = [Path(file) for file in data.files]
    return [each for each in files if is_data(str(each.relative_to(data.folder)))] or files


def _told(spec: JobSpec, plan: Plan, found: Found, asking: bool) -> JobSpec | None:
    """Return the job, knowing the columns of the job that learned; None if nobody knows them."""
    job = None if plan.learned is None else plan.learned.job
    if spec.learned is None or job is None:
        return spec
    report = found[LEARNED]
    if report.is_to_come or not (asking or report.files):
        columns = _columns_to_come(job, asking)
        return replace(spec, learned=replace(spec.learned, columns=columns)) if columns else None
    # pyarrow takes its time to import
    from headrace.results.stored import StoredResult
    from headrace.runtime.chain.chain import ChainError
    from headrace.runtime.online.run_folder import RunFolder, told_by

    uri = report.uri.rpartition("/")[0]
    place = str(path_of(uri) or uri)
    try:
        return told_by(RunFolder.of(place, StoredResult(place).manifest()), spec)
    except ChainError as exc:
        raise ConfigError([Problem(exc.where, exc.what)]) from exc


def _preflight(spec: JobSpec, found: Found, first: FirstFile) -> tuple[str, ...]:
    """Read the first file's columns; what a person should know of them."""
    # pyarrow takes its time to import
    from headrace.runtime.chain.chain import ChainError
    from headrace.runtime.chain.preflight import preflight, refuse_named
    from headrace.runtime.process.setup import leave_pandas_out

    leave_pandas_out()
    tables = {name: _data_files(found[name]) if name in found else [] for name in spec.inputs}
    file = first()
    try:
        refuse_named([Path(each) for each in found[inputs.DATA].files], spec)
        if file is not None:
            path, below = file
            here = tables if all(tables.values()) else None  # tables on S3 are not fetched
            note = preflight(spec, [path], below, here).columns.note
            return (note,) if note else ()
    except ChainError as exc:
        raise ConfigError([Problem(exc.where, exc.what)]) from exc
    return ()


@contextmanager
def _first_file(config: JobConfig, found: Found, asking: bool) -> Iterator[tuple[Path, str] | None]:
    """Return the first file that is not empty, and its path below what the job reads."""
    data = found[inputs.DATA]
    if data.is_to_come:
        yield None
    elif data.files:
        from headrace.runtime.sources import first_file  # pyarrow takes its time to import

        file = first_file([Path(each) for each in data.files], _dataset(config))
        yield file, str(file.relative_to(data.folder))
    elif not asking:
        yield None
    else:
        from headrace.aws.clients import explained
        from headrace.aws.reading import stand_in

        objects = sources.objects_of(data)
        first = next((each for each in objects if each.size), objects[0])
        with explained(), stand_in(first) as file:
            yield file, first.uri.removeprefix(f"{data.uri.rstrip('/')}/").removeprefix(S3)
