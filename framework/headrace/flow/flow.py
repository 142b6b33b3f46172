"""A compiled flow: every job validated, with what it needs and where its result goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import ValidationError

from headrace import targets
from headrace.config import defaults
from headrace.config.compose import Plan, compose
from headrace.config.flow import (
    DEFAULT_FOLDER,
    GROUP,
    CacheSettings,
    FlowConfig,
    FlowJobSettings,
    RetrySettings,
    Scalar,
    When,
)
from headrace.config.hydra import session
from headrace.config.hydra.session import quoted_value
from headrace.config.learned import WHERE as LEARNED
from headrace.config.learned import JobToCome
from headrace.config.models import JobConfig, OutputConfig
from headrace.config.problems import keys_of, problems_of, suggest
from headrace.errors import ConfigError, Problem
from headrace.flow import graph
from headrace.flow.arguments import Expression, output_of, property_of
from headrace.flow.conditions import of_chain
from headrace.flow.loading import common_overrides, flow_config
from headrace.flow.references import OUTPUT, PARAM, Reference, references, replaced, whole
from headrace.programs import program_of
from headrace.runtime.shown import plain, quoted
from headrace.runtime.spec import REPORT
from headrace.uris import S3, full_path, path_of, uri_of, within

Outputs = Mapping[str, str]
"""Name of an output → the URI that it goes to."""
DEFAULT_NAME = "flow"
SINGLE = "job"
"""Label of the job of a flow of one."""
IN_A_LIST = (
    "a list names files that are there before the flow runs; name the output of one job, "
    "without a list (got ${{output:{name}}})"
)
NOT_THE_REPORT = (
    "names the report of a job, which has what it learned, as in "
    "transform.learned=${{output:{label}.report}} (got {got})"
)
NO_PROPERTY = (
    "{label!r} is a raw step, whose outputs are properties of the step, as in "
    "${{output:{label}.ModelArtifacts.S3ModelArtifacts}} (got {what})"
)
_PROPERTY = re.compile(r"[A-Z]\w*((\.\w+)|(\[(\d+|'[^']+')\]))*")
"""A property of a step, as pipelines name it."""
_NO_NAME = re.compile(r"[^\w.]+")
NOT_WAITED_FOR = "a flow waits for its jobs; leave it out"


@dataclass(frozen=True)
class FlowJob:
    """One job of a flow."""

    label: str
    settings: FlowJobSettings
    needs: tuple[str, ...]
    conditions: tuple[When, ...]
    cache: CacheSettings
    retry: tuple[RetrySettings, ...]
    overrides: tuple[str, ...] = ()
    """The configuration that it was composed of, without references."""
    plan: Plan | None = None
    """The configuration; None for a raw step."""
    outputs: Outputs = field(default_factory=dict)

    @property
    def configured(self) -> Plan:
        """Return the configuration of a job that is no raw step."""
        if self.plan is None:
            raise TypeError(f"{self.label} is a raw step")
        return self.plan

    @property
    def place(self) -> str:
        """Return where the result goes: a path or a URI; empty for a raw step."""
        return "" if self.plan is None else self.plan.config.output.path

    def expression(self, name: str) -> Expression:
        """Return an output as the steps of a pipeline name it."""
        if self.settings.raw is not None:
            return property_of(self.label, name)
        return output_of(self.label, name)


@dataclass(frozen=True)
class Flow:
    """Jobs in an order in which each comes behind all that it needs."""

    name: str
    config: FlowConfig
    """The values of its parameters have their types."""
    root: str
    """The place that the results go below: a path or a URI."""
    jobs: Mapping[str, FlowJob]
    common: tuple[str, ...] = ()
    """Overrides that each job gets before its own."""
    is_placed: bool = True
    """The user has chosen `root`."""

    def first_config(self) -> JobConfig | None:
        """Return the configuration of the first job that is no raw step: where the flow runs."""
        plans = (job.plan for job in self.jobs.values() if job.plan is not None)
        return next((plan.config for plan in plans), None)

    def outputs(self) -> dict[str, str]:
        """Return all outputs: ``job.channel`` → the URI that it goes to."""
        return {
            f"{job.label}.{name}": uri
            for job in self.jobs.values()
            for name, uri in job.outputs.items()
        }

    def with_jobs(self, jobs: Mapping[str, FlowJob]) -> Flow:
        """Return the same flow with some of its jobs in the place of those of their labels."""
        return replace(self, jobs={**self.jobs, **jobs})


def compiled(config: DictConfig, typed: Sequence[str], run: str = "") -> Flow:
    """Compose and validate all jobs of a flow. Nothing runs, nothing is written.

    Args:
        config: What Hydra composed, with the flow in it.
        typed: The overrides that it was composed of.
        run: A name of this run of a sweep, whose runs have places of their own.

    Raises:
        ConfigError: Everything that is wrong with the flow or a job.
        PluginError: A transform that a job names is broken.
    """
    settings = flow_config(config)
    needs = graph.order(settings)
    name = settings.name or DEFAULT_NAME
    root = _root(config)
    common = tuple(common_overrides(typed))
    place = root or _default_root(name, run)
    flow = Flow(name, settings, place, {}, common, is_placed=root is not None)
    problems: list[Problem] = []
    broken: set[str] = set()
    for label, needed in needs.items():
        job = _described(label, needed, settings)
        if broken.isdisjoint(needed):
            try:
                job = composed(flow, job)
            except ConfigError as error:
                problems += error.problems
                broken.add(label)
        else:
            broken.add(label)
        flow = flow.with_jobs({label: job})
    problems += [] if broken else [*_condition_problems(flow), *_shared_places(flow)]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return flow


def single(config: DictConfig, typed: Sequence[str]) -> Flow:
    """Return a flow of the one job that a configuration without a flow is.

    Args:
        config: What Hydra composed.
        typed: The overrides that it was composed of.

    Raises:
        ConfigError: The job's configuration is wrong.
    """
    name = config.job.name or DEFAULT_NAME
    root = _root(config)
    flow = of_one(SINGLE, common_overrides(typed), root or _default_root(name))
    return replace(flow, name=name, is_placed=root is not None)


def of_one(label: str, overrides: Sequence[str], root: str) -> Flow:
    """Return a flow of one job.

    Args:
        label: Of the job; the flow has the same name.
        overrides: What makes the job, but for its place.
        root: The place that its result goes below.

    Raises:
        ConfigError: The job's configuration is wrong.
    """
    try:
        settings = FlowConfig.model_validate({"name": label, "jobs": {label: []}})
    except ValidationError as error:
        what = f"{quoted(label)} should be letters, digits and hyphens, a letter or digit first"
        raise ConfigError([Problem("name", what)]) from error
    flow = Flow(label, settings, root, {}, tuple(common_overrides(overrides)))
    job = composed(flow, _described(label, (), settings))
    return flow.with_jobs({label: job})


def composed(
    flow: Flow,
    job: FlowJob,
    *,
    parameters: Mapping[str, Scalar] | None = None,
    places: Mapping[str, str] | None = None,
) -> FlowJob:
    """Return a job with its configuration.

    Args:
        flow: Has all jobs that this one needs.
        job: The job; a raw step has no configuration.
        parameters: Values to use instead of the flow's.
        places: ``job.channel`` → URI, to use instead of the flow's.

    Raises:
        ConfigError: Its configuration is wrong.
    """
    _check_outputs(job, flow)
    outputs = {**flow.outputs(), **(places or {})}
    values = {**flow.config.parameters, **(parameters or {})}
    if job.settings.raw is not None:
        return replace(job, outputs=dict(_properties(flow, job.label)))

    def value_of(reference: Reference) -> Scalar:
        if reference.kind == PARAM:
            return values[reference.name]
        uri = outputs[reference.name]
        return str(path_of(uri) or uri)

    own = [replaced(each, value_of) for each in job.settings.overrides]
    place = f"output.path={quoted_value(below(flow.root, job.label))}"
    overrides = (*flow.common, place, *own)
    try:
        if any(each.partition("=")[0].strip().lstrip("+~") == GROUP for each in own):
            raise ConfigError([Problem(GROUP, "a job of a flow is no flow; leave it out")])
        _check_learned(job.settings.overrides)
        plan = compose(session.composed(overrides), _coming(job, flow, outputs))
        if plan.config.action != "run":
            raise ConfigError([Problem("action", "is that of the whole flow; leave it out")])
        if not plan.config.job.wait:
            raise ConfigError([Problem("job.wait", NOT_WAITED_FOR)])
        _check_list(plan, outputs)
        if not flow.is_placed and not flow.root.startswith(S3):
            folder = flow.root.rpartition(f"{DEFAULT_FOLDER}/")[2]
            plan = _with_default_place(plan, f"flows/{folder}/{job.label}")
    except ConfigError as error:
        where = f"{GROUP}.jobs.{job.label}"
        raise ConfigError([Problem(where, str(each)) for each in error.problems]) from error
    made = {each.name: each.uri for each in program_of(plan).outputs() if each.uri}
    return replace(job, overrides=overrides, plan=plan, outputs=made)


def below(root: str, *names: str) -> str:
    """Return a place below another one, a path or a URI."""
    return "/".join((root.rstrip("/"), *names))


def _check_learned(overrides: Sequence[str]) -> None:
    """Refuse another output than the report of a job for what it learned.

    Raises:
        ConfigError: There is one.
    """
    for override in overrides:
        key, _, value = override.partition("=")
        if key.strip().lstrip("+~") != LEARNED:
            continue
        named = whole(value.strip().strip("\"'"))
        is_report = named is not None and named.channel == REPORT
        for each in () if is_report else references(value):
            if each.kind == OUTPUT:
                what = NOT_THE_REPORT.format(label=each.job, got=plain(value))
                raise ConfigError([Problem(LEARNED, what)])


def _coming(job: FlowJob, flow: Flow, outputs: Outputs) -> dict[str, JobToCome]:
    """Return the jobs that a job needs, by the URIs of their reports."""
    return {
        outputs[f"{label}.{REPORT}"]: JobToCome(label, needed.plan, not needed.needs)
        for label, needed in ((label, flow.jobs[label]) for label in job.needs)
        if needed.plan is not None and REPORT in needed.outputs
    }


def _properties(flow: Flow, label: str) -> Iterator[tuple[str, str]]:
    """Yield the properties of a raw step that jobs use, with URIs that stand for their values."""
    for job in flow.config.jobs.values():
        for each in references([*job.overrides, job.raw]):
            if each.kind == OUTPUT and each.job == label and _PROPERTY.fullmatch(each.channel):
                yield each.channel, uri_of(below(flow.root, label, _NO_NAME.sub("-", each.channel)))


def _described(label: str, needs: tuple[str, ...], flow: FlowConfig) -> FlowJob:
    job = flow.jobs[label]
    cache = flow.cache if job.cache is None else job.cache
    retry = flow.retry if job.retry is None else job.retry
    return FlowJob(label, job, needs, flow.when.get(label, ()), cache, retry)


def _root(config: DictConfig) -> str | None:
    """Return the place that the user has chosen; None if that is Hydra's run folder.

    Raises:
        ConfigError: It is no path.
    """
    path: Any = config.output.path
    if isinstance(path, str) and defaults.is_run_folder(path):
        return None
    given = {"path": OmegaConf.to_container(path) if OmegaConf.is_config(path) else path}
    found = problems_of(OutputConfig.model_validate, given, partial(keys_of, OutputConfig), {})
    if found:
        raise ConfigError([Problem(f"output.{each.where}", each.what) for each in found])
    return full_path(OutputConfig.model_validate(given).path)


def _default_root(name: str, run: str = "") -> str:
    return str(Path(DEFAULT_FOLDER, name, run).absolute())


def _with_default_place(plan: Plan, name: str) -> Plan:
    """Have the account of a remote target choose the place."""
    output = plan.config.output
    with defaults.run_folder_is(output.path):
        account = targets.find(plan.config).account(plan.config)
        placed = output.model_copy(update={"path": account.output_path(output.path, name)})
    return replace(plan, config=plan.config.model_copy(update={"output": placed}))


def _check_outputs(job: FlowJob, flow: Flow) -> None:
    """Refuse outputs that the jobs do not have.

    Raises:
        ConfigError: With all of them.
    """
    used = [*references(job.settings.overrides), *references(job.settings.raw)]
    problems = [
        _no_output(f"{GROUP}.jobs.{job.label}", flow.jobs[each.job], each.channel)
        for each in dict.fromkeys(used)
        if each.kind == OUTPUT and each.channel not in flow.jobs[each.job].outputs
    ]
    if problems:
        raise ConfigError(problems)


def _check_list(plan: Plan, outputs: Mapping[str, str]) -> None:
    """Refuse outputs of other jobs in a list of paths, whose files are named before a job runs.

    Raises:
        ConfigError: The list has one.
    """
    paths = plan.config.dataset.paths if plan.config.program.is_chain else ()
    if len(paths) == 1:
        return
    for path in paths:
        for name, uri in outputs.items():
            if within(uri_of(path), uri):
                raise ConfigError([Problem("dataset.path", IN_A_LIST.format(name=name))])


def _no_output(where: str, job: FlowJob, channel: str) -> Problem:
    what = f"the job {job.label!r} has no output {quoted(channel)}"
    if job.plan is None:
        return Problem(where, NO_PROPERTY.format(label=job.label, what=quoted(channel)))
    return Problem(
        where, f"{what}; {suggest(channel, job.outputs) if job.outputs else 'it has none'}"
    )


def _condition_problems(flow: Flow) -> Iterator[Problem]:
    for job in flow.jobs.values():
        for each in job.conditions:
            where, other = f"{GROUP}.when.{job.label}", flow.jobs[each.job]
            if each.channel not in other.outputs:
                yield _no_output(f"{where}.output", other, each.channel)
            elif other.configured.config.program.is_chain:
                yield from of_chain(each, other.configured.config, where)


def _shared_places(flow: Flow) -> Iterator[Problem]:
    placed = [job for job in flow.jobs.values() if job.plan is not None]
    for one, other in combinations(placed, 2):
        first, second = uri_of(one.place), uri_of(other.place)
        if within(first, second) or within(second, first):
            what = f"writes to {quoted(other.place, 400)}, and {one.label!r} to"
            what = f"{what} {quoted(one.place, 400)}; give each a place of its own"
            yield Problem(f"{GROUP}.jobs.{other.label}", what)
