"""``action=jobs``: lists the newest Processing jobs of the account and region, of any origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace import targets

if TYPE_CHECKING:
    from headrace.config.compose import Plan


def perform(plan: Plan) -> None:
    """Print the table; ``job.name`` narrows it to names that contain it."""
    lines = targets.job_control(plan.config).list(plan.config.job.name)
    print("\n".join(lines))
