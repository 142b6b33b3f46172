"""A flow as the definition of a SageMaker pipeline: plain data, made without the SDK.

Source: what `sagemaker.mlops.workflow.pipeline.Pipeline.definition` of SDK 3 makes, and
https://aws-sagemaker-mlops.github.io/sagemaker-model-building-pipeline-definition-JSON-schema/
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.aws.request import RequestView, step_arguments
from headrace.config.flow import GROUP, Scalar
from headrace.errors import ConfigError, Problem
from headrace.flow import flow as flows
from headrace.flow.arguments import (
    EXECUTION_MARK,
    Marked,
    Template,
    marks_of,
    text_of,
)
from headrace.flow.digests import sha256_of
from headrace.flow.flow import Flow, FlowJob, below
from headrace.flow.graph import operand
from headrace.flow.loading import typed
from headrace.flow.references import PARAM, references, with_texts
from headrace.flow.steps import Steps, decided_by
from headrace.job.account import OnPaper
from headrace.prepare import Ready, prepare
from headrace.results.whole_files import json_text
from headrace.runtime.spec import digest
from headrace.targets.base import Target
from headrace.uris import S3, join, uri_of, within

if TYPE_CHECKING:
    from headrace.config.models import JobConfig
    from headrace.job.account import Account
    from headrace.job.job import Job
    from headrace.results.result import Result

VERSION = "2020-12-01"
CODE = "code"
"""Folder of a flow's place on S3 that holds code, each file below its digest."""
EXPERIMENT = {
    "ExperimentName": {"Get": "Execution.PipelineName"},
    "TrialName": {"Get": "Execution.PipelineExecutionId"},
}
"""As the SDK writes it."""
NOT_ON_S3 = "a pipeline's results go to S3, as in output.path=s3://bucket/folder (got {path!r})"
NESTED = (
    "needs {other!r}, which has a condition of its own, and a pipeline of SageMaker has no "
    "condition inside another one; give one job all conditions, or use format=stepfunctions"
)
Sources = dict[str, bytes | Path]
"""URI on S3 → what has to be there."""


@dataclass(frozen=True)
class Pipeline:
    """The definition of a pipeline, and what it needs on S3."""

    name: str
    base: str
    """The place on S3 that everything lies below."""
    code: str
    """The place that code lies below, each file below its digest."""
    definition: dict[str, Any]
    files: Sources
    requests: Mapping[str, RequestView]
    """Label → the request, for whoever makes a policy: the ID of the execution is a mark, and ``*``
    stands for parameters in places on S3."""
    values: Mapping[str, Scalar]
    """The parameters of an execution, as the flow has them."""
    fixed: tuple[str, ...] = ()
    """Parameters that are part of the code, so that no execution can change them."""
    notes: tuple[str, ...] = ()

    def start_values(self) -> dict[str, str]:
        """Return the parameters whose values are not their defaults, as texts."""
        defaults = {each["Name"]: each["DefaultValue"] for each in self.definition["Parameters"]}
        return {
            name: text_of(value)
            for name, value in self.values.items()
            if value != defaults[name] or type(value) is not type(defaults[name])
        }

    @property
    def text(self) -> str:
        """Return the definition as JSON."""
        return json_text(self.definition)


class PipelineTarget(Target):
    """Jobs that a pipeline will run: everything is on S3."""

    is_remote: ClassVar[bool] = True
    platform: ClassVar[str | None] = "linux/amd64"

    def __init__(self, account: Account) -> None:
        self._account = account

    def account(self, config: JobConfig) -> Account:
        """Return the account that the pipeline is in."""
        return self._account

    def check(self, job: Job, config: JobConfig) -> None:
        """Refuse nothing: the account has been asked."""

    def run(self, job: Job, config: JobConfig) -> Result:
        """Refuse to run: the pipeline itself runs its jobs."""
        raise TypeError("a pipeline runs its own jobs")


@dataclass(frozen=True)
class _Compiled:
    """A job, compiled for a pipeline."""

    job: FlowJob
    arguments: dict[str, Any]
    files: Sources
    request: RequestView
    variables: frozenset[str]
    fixed: frozenset[str]
    notes: tuple[str, ...]


def pipeline_of(flow: Flow, account: Account | None = None, *, may_nest: bool = False) -> Pipeline:
    """Return the pipeline of a flow.

    Args:
        flow: The flow.
        account: The account that it will run in; default: what can be said without asking.
        may_nest: Allow a condition inside another one, which SageMaker itself does not.

    Raises:
        ConfigError: A job cannot be a step.
    """
    nested = [] if may_nest else [*_nested(flow)]
    if nested:
        raise ConfigError(nested)
    return _Compiler(flow, account).pipeline()


class _Compiler:
    def __init__(self, flow: Flow, account: Account | None) -> None:
        self._account = account
        self._given = flow
        self._any = OnPaper.of(account, flow.first_config())
        self._base = self._place(flow)
        root = below(self._base, EXECUTION_MARK)
        self._flow = replace(flow, root=root, jobs={})
        self._code = (flow.config.code_path or below(self._base, CODE)).rstrip("/")

    def _place(self, flow: Flow) -> str:
        if flow.root.startswith(S3):
            return flow.root.rstrip("/")
        if self._account is not None and flow.is_placed:
            raise ConfigError([Problem("output.path", NOT_ON_S3.format(path=flow.root))])
        return self._any.default_place(f"flows/{flow.name}")

    def pipeline(self) -> Pipeline:
        for label in self._given.jobs:
            decided_by(self._given, label)
        compiled: dict[str, _Compiled] = {}
        problems: list[Problem] = []
        for job in self._given.jobs.values():
            if not self._flow.jobs.keys() >= set(job.needs):
                continue  # what is wrong there has been told
            try:
                made = flows.composed(self._flow, job)
                self._flow = self._flow.with_jobs({job.label: made})
                if made.plan is not None:
                    compiled[job.label] = self._compiled(made)
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)
        used = {name for each in compiled.values() for name in each.variables}
        used |= set(_used_elsewhere(self._given))
        steps = Steps(self._flow, {label: each.arguments for label, each in compiled.items()})
        varying = [name for name in self._parameters() if name in used]
        definition = {
            "Version": VERSION,
            "Metadata": {},
            "Parameters": [self._parameter(name) for name in varying],
            "PipelineExperimentConfig": EXPERIMENT,
            "Steps": steps.all(),
        }
        return Pipeline(
            self._given.name,
            self._base,
            self._code,
            definition,
            {uri: source for each in compiled.values() for uri, source in each.files.items()},
            {label: each.request for label, each in compiled.items()},
            {name: self._parameters()[name] for name in varying},
            tuple(
                name
                for name in self._parameters()
                if any(name in each.fixed for each in compiled.values())
            ),
            tuple(dict.fromkeys(note for each in compiled.values() for note in each.notes)),
        )

    def _parameters(self) -> Mapping[str, Scalar]:
        return self._given.config.parameters

    def _parameter(self, name: str) -> dict[str, Any]:
        settings = self._given.config
        kind, value = settings.types[name], self._parameters()[name]
        default = typed(settings.stated.get(name, value), kind)
        return {"Name": name, "Type": kind, "DefaultValue": default}

    def _compiled(self, job: FlowJob) -> _Compiled:
        ready = self._ready(job, may_ask=True)
        template, fixed = Template(ready.job.request), set[str]()
        used = [each.name for each in references(job.settings.overrides) if each.kind == PARAM]
        variables = set[str]()
        for name in dict.fromkeys(used):
            value = self._parameters()[name]
            mark, other = self._marked(name, job)
            if other is None or not _has_same_code(ready.job, other.job):
                fixed.add(name)
            elif template.add(Marked(name, value, mark, _named(other, ready))):
                variables.add(name)
            else:
                fixed.add(name)
        output = uri_of(ready.config.output.path)
        moved, files = self._addressed(ready.job, output)
        outputs = {
            uri: each.expression(name)
            for each in self._flow.jobs.values()
            if each.label in job.needs
            for name, uri in each.outputs.items()
        }
        filled = template.filled(outputs)
        arguments = step_arguments(RequestView(_at_new_places(ready.job.request, filled, moved)))
        return _Compiled(
            job,
            arguments,
            files,
            RequestView(with_texts(template.anywhere(), lambda text: moved.get(text, text))),
            frozenset(variables),
            frozenset(fixed),
            ready.notes if self._account is not None else (),
        )

    def _ready(self, job: FlowJob, *, may_ask: bool) -> Ready:
        config = job.configured.config
        if not config.output.path.startswith(S3):
            what = NOT_ON_S3.format(path=config.output.path)
            raise ConfigError([Problem(f"{GROUP}.jobs.{job.label}", what)])
        account = (self._account if may_ask else None) or self._any
        coming = [uri for label in job.needs for uri in self._flow.jobs[label].outputs.values()]
        try:
            return prepare(
                job.configured,
                dry=True,
                coming=coming,
                checks_output=False,
                target=PipelineTarget(account),
                may_ask=account is not self._any,
            )
        except ConfigError as error:
            where = f"{GROUP}.jobs.{job.label}"
            raise ConfigError([Problem(where, str(each)) for each in error.problems]) from error

    def _marked(self, name: str, job: FlowJob) -> tuple[Scalar, Ready | None]:
        """Return another value of a parameter and the job that it makes; None if it takes none."""
        value = self._parameters()[name]
        for mark in marks_of(value):
            try:
                other = flows.composed(self._flow, job, parameters={name: mark})
                return mark, self._ready(other, may_ask=False)
            except ConfigError:
                continue
        return value, None

    def _addressed(self, job: Job, output: str) -> tuple[dict[str, str], Sources]:
        """Return where the files of a job lie by their content: old URI → new one, and the files.

        Step caching compares URIs, so the same content has to have the same one.
        """
        contents: dict[str, bytes | Path] = {**job.files, **job.uploads}
        moved: dict[str, str] = {}
        files: Sources = {}
        for channel in job.view.inputs:
            if not channel.uri.startswith(f"{output}/"):
                continue
            name = channel.uri.removeprefix(f"{output}/")
            inside = {
                path: each
                for path, each in contents.items()
                if path == name or within(path, name.rstrip("/"))
            }
            if not inside:
                continue
            digests = {path: _sha256(each) for path, each in inside.items()}
            sha256 = digests[name] if name in digests else digest(digests)
            folder, _, last = name.rstrip("/").rpartition("/")
            place = join(self._code, sha256, last)
            moved[channel.uri] = f"{place}/" if channel.uri.endswith("/") else place
            base = f"{folder}/" if folder else ""
            for path, each in inside.items():
                files[join(self._code, sha256, path.removeprefix(base))] = each
        return moved, files


def _nested(flow: Flow) -> Iterator[Problem]:
    """Yield a problem for each condition inside another one.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html, and
    the schema of definitions.
    """
    for job in flow.jobs.values():
        deciding = decided_by(flow, job.label)
        if job.conditions and len(deciding) > 1:
            yield Problem(f"{GROUP}.when.{job.label}", NESTED.format(other=deciding[-2]))


def _used_elsewhere(flow: Flow) -> Iterator[str]:
    """Yield the parameters that conditions and raw steps use."""
    for job in flow.jobs.values():
        found = [*references(job.settings.raw)]
        for each in job.conditions:
            found += references(operand(each)[1])
        yield from (each.name for each in found if each.kind == PARAM)


def _has_same_code(one: Job, other: Job) -> bool:
    return one.files == other.files and one.uploads == other.uploads


def _named(ready: Ready, like: Ready) -> dict[str, Any]:
    """Return a request with the name of another one, which is a fresh one each time."""
    return {
        key: like.job.request[key] if value == ready.job.name else value
        for key, value in ready.job.request.items()
    }


def _at_new_places(base: Any, filled: Any, moved: Mapping[str, str]) -> Any:
    """Return `filled` with a new place wherever `base` has an old one."""
    if isinstance(base, str):
        return moved.get(base, filled)
    if isinstance(base, dict):
        return {key: _at_new_places(base[key], filled[key], moved) for key in base}
    if isinstance(base, list):
        return [_at_new_places(one, two, moved) for one, two in zip(base, filled, strict=True)]
    return filled


def _sha256(source: bytes | Path) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    return sha256_of(source)
