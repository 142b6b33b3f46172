"""``action=stop``: stops a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace import targets
from headrace.cli.actions import named_job

if TYPE_CHECKING:
    from headrace.config.compose import Plan


def perform(plan: Plan) -> None:
    """Stop the job and, unless ``job.wait=false``, wait until its instances are released.

    A job that has ended already is left as it is, and that is no failure: nothing runs.

    Raises:
        ConfigError: There is no such job, or the service cannot be asked.
        JobFailed: The service has not answered for a long time.
    """
    config = plan.config
    name = named_job(config)
    for line in targets.job_control(config).stop(name, wait=config.job.wait):
        print(line, flush=True)
