"""The same jobs from Python: compiled and looked at, then run, in a notebook or a program."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from headrace import targets
from headrace.aws.request import with_sources
from headrace.cli.actions.plan import NAME_WIDTH, facts, mapping_rows
from headrace.config import defaults
from headrace.config.compose import Plan, compose
from headrace.config.hydra import session
from headrace.config.hydra.session import Overrides
from headrace.config.models import JobConfig
from headrace.config.program.overrides import Keys, Path, program_overrides
from headrace.errors import ConfigError, Problem
from headrace.flow import flow as flows
from headrace.flow.loading import has_flow
from headrace.flow.pipeline import pipeline_of
from headrace.flow.runner import FlowRun, failure
from headrace.flow.states import JobState, cells, table
from headrace.job.job import Job
from headrace.prepare import Ready, prepare
from headrace.results.result import RunResult
from headrace.terminal.tables import aligned, as_html, listed

__all__ = [
    "CompiledFlow",
    "CompiledJob",
    "RunResult",
    "compile",
    "compile_flow",
    "open_result",
    "run",
]

ACTIONS = "is for the command line; in Python, compile() plans a job and run() runs it"
A_FLOW = "has several jobs; use compile_flow()"
NO_FLOW = "this key is required, as in compile_flow('flow=ctr')"
ONE_JOB = "run() takes one compiled job or overrides; compile() it with them"


@dataclass(frozen=True, eq=False, repr=False)
class CompiledJob:
    """A job that has been checked and may start; made by `compile`."""

    job: Job
    """The exact ``CreateProcessingJob`` request, and the files that it ships."""
    config: JobConfig
    """The whole configuration, checked, with the place that the result goes to."""
    notes: tuple[str, ...] = ()
    """Notes on what could not be checked, or still has to become right."""
    _plan: Plan = field(kw_only=True)
    _overrides: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def request(self) -> dict[str, Any]:
        """Return the arguments of ``CreateProcessingJob``."""
        return self.job.request

    @property
    def files(self) -> dict[str, bytes]:
        """Return the files that the job ships: path below ``output.path`` → content."""
        return self.job.files

    @property
    def mapping(self) -> list[tuple[str, str, str, str]]:
        """Return a row for each input and output: which of the two, its name, from, and to."""
        return mapping_rows(self.job)[1:]

    def step(
        self,
        name: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        depends_on: Sequence[Any] = (),
        cache: bool | str = True,
        property_files: Sequence[Any] = (),
        retry_policies: Sequence[Any] = (),
        upload: bool = True,
    ) -> Any:
        """Return the job as a step of the SageMaker SDK's pipelines.

        It goes into ``sagemaker.mlops.workflow.pipeline.Pipeline`` beside the SDK's own steps, and
        needs the extra ``sagemaker``. The place of its outputs has the ID of the execution in it.

        Args:
            name: Of the step.
            inputs: Name of an input → an expression of the SDK that takes the place of its URI, as
                ``other.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri``.
            depends_on: Steps that have to end before, if no expression says so.
            cache: Whether SageMaker may use an earlier result; or for how long, as in ``"P30D"``.
            property_files: The SDK's objects, for conditions.
            retry_policies: The SDK's objects.
            upload: Bring the code to S3 now. Without it, the pipeline fails when it runs.

        Raises:
            ConfigError: The SDK is not installed, or the job cannot be a step.
            JobFailed: The code cannot be brought to S3.
        """
        from headrace.targets.sagemaker.step import processing_step  # the SDK takes its time

        account = targets.find(self.config).account(self.config) if upload else None
        flow = flows.of_one(name, self._overrides, self.config.output.path)
        pipeline = pipeline_of(flow, account)
        if upload:
            from headrace.flow.service import bring_files  # boto3 takes its time

            bring_files(pipeline, self.config.job.kms_key)
        (step,) = pipeline.definition["Steps"]
        arguments = with_sources(step["Arguments"], inputs or {})
        expiry = {"ExpireAfter": cache} if isinstance(cache, str) else {}
        return processing_step(
            name,
            arguments,
            depends_on=depends_on,
            cache_config={"Enabled": True, **expiry} if cache else None,
            property_files=property_files,
            retry_policies=retry_policies,
        )

    def __repr__(self) -> str:
        """Return what ``action=plan`` shows."""
        lines = [*aligned(mapping_rows(self.job)), "", *listed(self._facts(), NAME_WIDTH)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return that for a notebook."""
        return as_html(mapping_rows(self.job)) + as_html(self._facts(), has_header=False)

    def _facts(self) -> list[tuple[str, str]]:
        return [*facts(self.job, self._plan), *(("note", note) for note in self.notes)]


def compile(
    *overrides: Overrides,
    program: Path | Keys | None = None,
    inputs: Mapping[str, Path | Keys] | None = None,
    outputs: Sequence[str] | Mapping[str, Keys | None] | None = None,
) -> CompiledJob:
    """Compile a job and check all that can be checked. Nothing runs, nothing is written.

    Args:
        overrides: As on the command line, ``"backend=script"``; or a dict, key → value, whose
            values need no quoting: ``{"dataset.path": path, "transform.n_features": 4096}``.
            Without ``output.path`` the result will go to a folder of its own below the current one,
            ``outputs/<date>/<time>``.
        program: What runs: the name of a choice, as ``"churn"``; the path of a script, as a
            `pathlib.Path`; or its keys, ``{"path": "prepare.py", "arguments": {"split": 0.8}}``.
        inputs: Name → a path, or the keys of an input.
        outputs: Their names; or name → the keys of an output.

    Raises:
        ConfigError: Everything that is wrong with the configuration.
        PluginError: A transform that it names is broken.
        DataError: The input is not what the configuration says it is.
    """
    with defaults.run_folder_is(session.fresh_folder()):
        own = program_overrides(program, inputs, outputs)
        texts = session.texts_of([*overrides, *own])
        config = session.composed(texts)
        if has_flow(config):
            raise ConfigError([Problem("flow", A_FLOW)])
        plan = compose(config)
        if plan.config.action != "run":
            raise ConfigError([Problem("action", ACTIONS)])
        return _compiled(plan, prepare(plan, dry=True), texts)


def run(
    *what: CompiledJob | Overrides,
    program: Path | Keys | None = None,
    inputs: Mapping[str, Path | Keys] | None = None,
    outputs: Sequence[str] | Mapping[str, Keys | None] | None = None,
) -> RunResult:
    """Run a job to its end, on the target that it names.

    Args:
        what: A job that `compile` made, which is run as it is; or what `compile` takes.
        program: As for `compile`.
        inputs: As for `compile`.
        outputs: As for `compile`.

    Raises:
        ConfigError: Something is wrong with the configuration, or cannot be done.
        DataError: The input is not what the configuration says it is.
        JobFailed: The job ended without a result.
        PluginError: A transform is broken.
        KeyboardInterrupt: It was interrupted (a notebook's stop button); nothing of it is left.
    """
    overrides = [each for each in what if not isinstance(each, CompiledJob)]
    jobs = [each for each in what if isinstance(each, CompiledJob)]
    is_more = len(what) > 1 or not (program is inputs is outputs is None)
    if jobs and is_more:
        raise ConfigError([Problem("", ONE_JOB)])
    if jobs:
        compiled = _checked(jobs[0])
    else:
        made = compile(*overrides, program=program, inputs=inputs, outputs=outputs)
        compiled = _checked(made)
    return RunResult.of(targets.run(compiled.job, compiled.config), compiled.request)


def open_result(place: str | os.PathLike[str]) -> RunResult:
    """Open the result of a run that has ended, as `run` returned it.

    Args:
        place: ``output.path``: a folder, or ``s3://…``.

    Raises:
        HeadraceError: There is no result.
    """
    return RunResult.at(place)


@dataclass(frozen=True, eq=False, repr=False)
class CompiledFlow:
    """Jobs that feed each other, composed and validated; made by `compile_flow`."""

    flow: flows.Flow

    def plan(self) -> dict[str, JobState]:
        """Return how each job stands, and whether it would run; nothing runs.

        Raises:
            ConfigError: Everything that stands in the way of a job.
        """
        run = FlowRun(self.flow)
        run.plan()
        return run.states

    def run(self) -> dict[str, JobState]:
        """Run what has to be run; return what has become of each job.

        Raises:
            ConfigError: Everything that stands in the way of a job; nothing has run.
            JobFailed: Jobs have failed; the others have their results.
            KeyboardInterrupt: It was interrupted; what has ended before stays.
        """
        run = FlowRun(self.flow)
        run.run()
        if (error := failure(run.states)) is not None:
            raise error
        return run.states

    def pipeline(self) -> dict[str, Any]:
        """Return the definition of a SageMaker pipeline; AWS is not asked.

        Raises:
            ConfigError: A job cannot be a step.
        """
        return pipeline_of(self.flow).definition

    def __repr__(self) -> str:
        """Return what ``action=plan`` shows."""
        return "\n".join(table(list(self.plan().values())))

    def _repr_html_(self) -> str:
        """Return that for a notebook."""
        return as_html(cells(list(self.plan().values())))


def compile_flow(*overrides: Overrides) -> CompiledFlow:
    """Compose all jobs of a flow and check what can be checked. Nothing runs.

    Args:
        overrides: As for `compile`, with the flow among them: ``"flow=ctr"``.

    Raises:
        ConfigError: Everything that is wrong with the flow or a job.
        PluginError: A transform that a job names is broken.
    """
    with defaults.run_folder_is(session.fresh_folder()):
        texts = session.texts_of(overrides)
        config = session.composed(texts)
        if not has_flow(config):
            raise ConfigError([Problem("flow", NO_FLOW)])
        return CompiledFlow(flows.compiled(config, texts))


def _compiled(plan: Plan, ready: Ready, overrides: Sequence[str]) -> CompiledJob:
    texts = tuple(overrides)
    return CompiledJob(ready.job, ready.config, ready.notes, _plan=plan, _overrides=texts)


def _checked(compiled: CompiledJob) -> CompiledJob:
    """Check what was not looked at for want of credentials, before the job runs."""
    if not compiled.notes:
        return compiled
    settings = compiled.config.job.model_copy(update={"name": compiled.job.name})
    config = compiled.config.model_copy(update={"job": settings})
    plan = replace(compiled._plan, config=config)
    return _compiled(plan, prepare(plan, dry=False), compiled._overrides)
