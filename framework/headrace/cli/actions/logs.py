"""``action=logs``: prints the log of a job's containers, and follows it while the job runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace import targets
from headrace.cli.actions import named_job

if TYPE_CHECKING:
    from headrace.config.compose import Plan


def perform(plan: Plan) -> None:
    """Print the lines; with ``job.wait=false``, do not wait for more.

    Raises:
        ConfigError: There is no such job, or the service cannot be asked.
        JobFailed: The service has not answered for a long time.
    """
    config = plan.config
    name = named_job(config)
    for line in targets.job_control(config).logs(name, wait=config.job.wait):
        print(line, flush=True)
