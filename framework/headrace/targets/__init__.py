"""The targets: programs that execute a job. A job goes in, a `Result` comes out.

A target knows no backend. This module is the registry and the one place that knows targets by name;
what differs between them, everybody else asks the target itself: see `headrace.targets.base`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.runtime.plugins.registry import Registry
from headrace.targets.local import early

if TYPE_CHECKING:
    from headrace.config.models import JobConfig
    from headrace.job.job import Job
    from headrace.results.result import Result
    from headrace.targets.base import JobControl, Target

TARGETS = Registry(
    "target",
    "headrace.targets",
    {
        "local": "headrace.targets.local.target:LocalTarget",
        "container": "headrace.targets.container.target:ContainerTarget",
        "aws": "headrace.targets.sagemaker.target:AwsTarget",
    },
)
CONTROLLED = "aws"
"""The target whose jobs the actions list if the chosen one keeps no jobs after its run."""


def run(job: Job, config: JobConfig) -> Result:
    """Execute the job on the target that the configuration names.

    Args:
        job: What to run.
        config: Names the target, and where the result goes.

    Returns:
        The result, which is on the disk as a whole.

    Raises:
        ConfigError: The target cannot do what the request asks for.
        JobFailed: The job ended without a result.
        PluginError: A transform broke its contract while the job ran.
        KeyboardInterrupt: The user stopped the job; nothing of it is left.
    """
    target = find(config)
    if not target.uses_this_python:
        early.end()  # it may take hours
    target.check(job, config)
    return target.run(job, config)


def find(config: JobConfig) -> Target:
    """Return the target that the configuration names; it is imported now."""
    target: Target = TARGETS.load(config.target.name)()
    return target


def job_control(config: JobConfig) -> JobControl:
    """Return what lists, describes and stops jobs: the target's own, else SageMaker's."""
    control: JobControl = find(config).job_control(config) or TARGETS.load(
        CONTROLLED
    )().job_control(config)
    return control
