"""Actions on the SageMaker pipeline of a flow: make, start, follow, list and stop it."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from headrace.aws.account import AwsAccount
from headrace.cli.actions.flow import show, told
from headrace.config.flow import GROUP
from headrace.errors import ConfigError, Problem
from headrace.flow.service import PipelineService, bring_files, state_of
from headrace.flow.states import JobState
from headrace.targets.sagemaker.shipping import provide_bucket

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from headrace.config.models import JobConfig
    from headrace.flow.flow import Flow
    from headrace.flow.pipeline import Pipeline
    from headrace.job.account import Account

RAW_ALONE = "raw steps alone do not say in which account and region they run; add another job"


def put(flow: Flow, config: DictConfig, pipeline: Pipeline, account: Account) -> None:
    """Create or update the pipeline; with ``start=true`` start and follow it."""
    service = PipelineService(flow.name, account.region())
    settings = _settings(flow)
    provide_bucket(pipeline.base, account.region())
    done = service.put(pipeline, account.role(), settings.job.kms_key)
    print(f"{flow.name}: {done} in {account.region()}", flush=True)
    if config.start:
        _follow(service, service.start(pipeline.start_values()), flow)


def bring(flow: Flow, pipeline: Pipeline, account: Account) -> None:
    """Bring the files of all jobs to S3, for whoever starts the jobs."""
    settings = _settings(flow)
    provide_bucket(pipeline.base, account.region())
    bring_files(pipeline, settings.job.kms_key)


def _follow(service: PipelineService, arn: str, flow: Flow) -> None:
    print(f"started {arn}", file=sys.stderr, flush=True)
    try:
        service.follow(arn, told)
    finally:
        _show_execution(service, arn, flow)


def _show_execution(service: PipelineService, arn: str, flow: Flow) -> None:
    """Print the jobs of an execution, and draw them."""
    begun = {state.label: state for state in map(state_of, service.steps(arn))}
    needs = {label: job.needs for label, job in flow.jobs.items()}
    states = [
        replace(begun.get(label, JobState(label, "blocked")), needs=needed)
        for label, needed in needs.items()
    ]
    show(flow, states, {"execution": arn})


def jobs(flow: Flow, config: DictConfig) -> None:
    """Print the newest executions."""
    print("\n".join(_service(flow).executions()))


def logs(flow: Flow, config: DictConfig) -> None:
    """Follow the newest execution, or the one that ``job.name`` names."""
    service = _service(flow)
    service.follow(service.newest(config.job.name), told)


def describe(flow: Flow, config: DictConfig) -> None:
    """Print and draw the jobs of an execution."""
    service = _service(flow)
    _show_execution(service, service.newest(config.job.name), flow)


def stop(flow: Flow, config: DictConfig) -> None:
    """End an execution."""
    service = _service(flow)
    print(service.stop(service.newest(config.job.name)))


def _service(flow: Flow) -> PipelineService:
    return PipelineService(flow.name, AwsAccount(_settings(flow)).region())


def _settings(flow: Flow) -> JobConfig:
    """Return the configuration that says where the flow runs.

    Raises:
        ConfigError: None does.
    """
    if (settings := flow.first_config()) is None:
        raise ConfigError([Problem(f"{GROUP}.jobs", RAW_ALONE)])
    return settings
