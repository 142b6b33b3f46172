"""``action=describe``: shows all that the service knows of a job, and what came out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace import targets
from headrace.cli.actions import named_job

if TYPE_CHECKING:
    from headrace.config.compose import Plan


def perform(plan: Plan) -> None:
    """Print the description.

    Raises:
        ConfigError: There is no such job, or the service cannot be asked.
    """
    name = named_job(plan.config)
    print("\n".join(targets.job_control(plan.config).describe(name)))
