"""Actions on a flow: runs it, shows what would run, makes a pipeline of it, or its policy."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from headrace import targets
from headrace.cli.actions.policy import listed
from headrace.cli.sweep import lines
from headrace.config.checks import SAGEMAKER, of_pipelines_alone
from headrace.config.defaults import run_folder
from headrace.config.problems import got
from headrace.errors import ConfigError, Problem
from headrace.flow.flow import Flow, compiled, single
from headrace.flow.loading import has_flow
from headrace.flow.permissions import policy_of
from headrace.flow.pipeline import Pipeline, pipeline_of
from headrace.flow.runner import FlowRun, failure, line_of
from headrace.flow.states import COLOURS, JobState, table
from headrace.flow.step_functions import state_machine
from headrace.job.account import OnPaper
from headrace.results.destination import shown
from headrace.results.pages import RUN_PAGE, try_flow_page
from headrace.results.records import unquoted
from headrace.results.result import Result, channels_of
from headrace.results.whole_files import json_text, write_whole
from headrace.terminal.colours import coloured
from headrace.terminal.links import linked
from headrace.uris import S3

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from headrace.config.flow import Scalar
    from headrace.job.account import Account

LONGEST = 80
"""Characters of the name of a folder for one run of a sweep."""
PIPELINE_FILE = "pipeline.json"
STEP_FUNCTIONS = "stepfunctions"
STATE_MACHINE_FILE = "state-machine.json"


def perform(config: DictConfig) -> Result | None:
    """Do what ``action`` says with a flow.

    Returns:
        The result of the last job of a run, if there is one such job.
    """
    action = ACTIONS.get(config.action)
    if action is None:
        allowed = ", ".join(sorted(ACTIONS))
        what = f"is for a single job; leave flow out (a flow has {allowed})"
        raise ConfigError([Problem("action", what)])
    problems = list(of_pipelines_alone(config.action, config.start, config.format))
    for key in ("watch", "regions", "profiles"):
        if config[key]:
            problems.append(Problem(key, "is for single jobs; leave it out"))
    if problems:
        raise ConfigError(problems)
    hydra = HydraConfig.get()
    overrides = list(hydra.overrides.task)
    run = name_of_run(overrides) if hydra.mode == RunMode.MULTIRUN else ""
    flow = compiled(config, overrides, run) if has_flow(config) else single(config, overrides)
    return action(flow, config)


def name_of_run(overrides: Sequence[str]) -> str:
    """Return a name for a run of a sweep, by what was typed for it: ``width=1024``."""
    said = [unquoted(each) for each in overrides if not each.startswith("flow=")]
    short = ",".join(each.lstrip("+").removeprefix("flow.parameters.") for each in said)
    name = re.sub(r"[^\w.,=-]+", "_", short)
    if name == short and len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}-{hashlib.sha256(short.encode()).hexdigest()[:8]}"


def _run(flow: Flow, config: DictConfig) -> Result | None:
    hydra = HydraConfig.get()
    sweep = str(Path(hydra.sweep.dir).absolute()) if hydra.mode == RunMode.MULTIRUN else ""
    run = FlowRun(flow, sweep=sweep, listener=told)
    try:
        run.run()
    finally:
        if run.has_begun:
            _show(flow, run.states)
    if (error := failure(run.states)) is not None:
        raise error
    if lines.in_sweep():
        lines.done(f"{len(run.states)} jobs, done")
    return _last(run)


def _plan(flow: Flow, config: DictConfig) -> None:
    run = FlowRun(flow)
    run.plan()
    _show(flow, run.states)
    try:
        pipeline = pipeline_of(flow, _account(flow))
    except ConfigError as error:
        for problem in error.problems:
            print(f"note     no pipeline.json is written: {problem}")
        return
    _write(pipeline, flow)


def _pipeline(flow: Flow, config: DictConfig) -> None:
    account = _account(flow)
    if config.format not in (SAGEMAKER, STEP_FUNCTIONS):
        what = f"should be {SAGEMAKER} or {STEP_FUNCTIONS} (got {got(config.format)})"
        raise ConfigError([Problem("format", what)])
    if config.start and account is None:
        what = "a pipeline starts on SageMaker; add target=aws, or leave this out"
        raise ConfigError([Problem("start", what)])
    pipeline = pipeline_of(flow, account, may_nest=config.format == STEP_FUNCTIONS)
    if config.format == STEP_FUNCTIONS:
        machine = state_machine(pipeline, flow)
        if account is not None:
            _on_aws("bring")(flow, pipeline, account)
        _write(pipeline, flow, STATE_MACHINE_FILE, json_text(machine))
        return
    _write(pipeline, flow)
    if account is not None:
        _on_aws("put")(flow, config, pipeline, account)


def _on_aws(name: str) -> Callable[..., None]:
    """Return a function of the module that asks AWS; importing boto3 is slow."""
    module = importlib.import_module("headrace.cli.actions.flow_on_aws")
    function: Callable[..., None] = getattr(module, name)
    return function


def told(state: JobState) -> None:
    """Tell whoever watches how a job stands."""
    colour = COLOURS.get(state.state)
    line = line_of(state)
    line = coloured(line, colour, sys.stderr) if colour else line
    print(line, file=sys.stderr, flush=True)


def folder_of(flow: Flow) -> Path:
    """Return where files about a flow go on this machine."""
    return Path(run_folder()) if flow.root.startswith(S3) else Path(flow.root)


def _policy(flow: Flow, config: DictConfig) -> None:
    pipeline = pipeline_of(flow, may_nest=True)
    account = OnPaper.of(_account(flow), flow.first_config())
    jobs = [job for job in flow.jobs.values() if job.plan is not None]
    lists = {job.label: listed(job.configured.config, job.label) for job in jobs}
    print(json.dumps(policy_of(pipeline, account, lists), indent=2))


def _account(flow: Flow) -> Account | None:
    """Return the account that the flow's jobs run in; None if they run on this machine."""
    settings = flow.first_config()
    if settings is None:
        return None
    target = targets.find(settings)
    return target.account(settings) if target.is_remote else None


def _write(
    pipeline: Pipeline, flow: Flow, name: str = PIPELINE_FILE, text: str | None = None
) -> None:
    """Write the definition of the pipeline, and say what is to be known of it."""
    path = folder_of(flow) / name
    try:
        write_whole(path, (text or pipeline.text).encode())
    except OSError as error:
        what = f"cannot write {shown(path)}: {error.strerror}"
        raise ConfigError([Problem("output.path", what)]) from error
    for name in pipeline.fixed:
        what = "changes files that travel with a job, so an execution cannot change it"
        print(f"note     the parameter {name} {what}; with another value, make the pipeline again")
    for note in pipeline.notes:
        print(f"note     {note}")
    print(f"pipeline {path}", flush=True)


def _show(flow: Flow, states: Mapping[str, JobState]) -> None:
    if states.keys() == flow.jobs.keys():  # else it did not come that far
        show(flow, list(states.values()), {})


def show(flow: Flow, jobs: Sequence[JobState], facts: Mapping[str, Scalar]) -> None:
    """Print a table of the jobs of a flow, and draw them.

    Args:
        flow: The flow.
        jobs: How they stand.
        facts: What to tell beside the parameters.
    """
    if not lines.in_sweep():
        print("\n".join(table(jobs, sys.stdout)), flush=True)
    folder, facts = folder_of(flow), {**facts, **flow.config.parameters}
    page = try_flow_page(folder, flow.name, jobs, dict(_links(folder, jobs)), facts)
    if page is not None and not lines.is_live():
        print(f"flow     {linked(str(page), sys.stdout)}", flush=True)


def _links(folder: Path, jobs: Sequence[JobState]) -> Iterator[tuple[str, str]]:
    """Yield the jobs whose result has a page, and where that is as seen from the flow's."""
    for job in jobs:
        page = Path(job.place) / RUN_PAGE
        is_here = job.place and not job.place.startswith(S3)
        if job.has_result and is_here and page.is_file():
            yield job.label, quote(os.path.relpath(page, folder))


def _last(run: FlowRun) -> Result | None:
    """Return the result that no other job reads, if it is the only one of a run."""
    needed = {label for job in run.flow.jobs.values() for label in job.needs}
    last = [state for label, state in run.states.items() if label not in needed]
    if len(last) != 1 or not last[0].has_result:
        return None
    manifest = dict(last[0].manifest)
    return Result(str(Path(last[0].place)), manifest, last[0].seconds or 0.0, channels_of(manifest))


def _ask_aws(name: str, flow: Flow, config: DictConfig) -> None:
    _on_aws(name)(flow, config)


ACTIONS: Mapping[str, Callable[[Flow, DictConfig], Result | None]] = {
    "run": _run,
    "plan": _plan,
    "pipeline": _pipeline,
    **{name: partial(_ask_aws, name) for name in ("jobs", "describe", "logs", "stop")},
    "policy": _policy,
}
