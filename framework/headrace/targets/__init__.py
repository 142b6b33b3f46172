"""Targets: who executes a job's request. A target knows no backend and looks at nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.config.models import JobConfig
    from headrace.job.job import Job
    from headrace.results.result import Result
    from headrace.targets.base import Target


def run(job: Job, config: JobConfig) -> Result:
    """Execute the job on the target that the configuration names.

    Args:
        job: What to run.
        config: Who runs it and where the result goes.

    Returns:
        What came out, all of it on disk.

    Raises:
        ConfigError: The target cannot do what the request asks for.
        JobFailed: The job ended without a result.
        PluginError: A transform broke its contract while the job ran.
        KeyboardInterrupt: The user stopped the job; nothing of it is left.
    """
    return find(config.target.name).run(job, config)


def find(name: str) -> Target:
    """The target of that name; its imports wait until somebody asks for it."""
    match name:
        case "local":
            from headrace.targets.local.target import LocalTarget

            return LocalTarget()
        case "container":
            from headrace.targets.container.target import ContainerTarget

            return ContainerTarget()
        case "aws":
            from headrace.targets.sagemaker.target import AwsTarget

            return AwsTarget()
    raise LookupError(f"no target is called {name!r}")  # the configuration's model knows them all
