"""``action=jobs``: lists the newest Processing jobs of the account and region, of any origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace import targets
from headrace.targets.base import Watched

if TYPE_CHECKING:
    from headrace.config.compose import Plan


def perform(plan: Plan) -> None:
    """Print the table; ``job.name`` narrows it to names that contain it.

    With ``watch=true`` it is kept up to date until the user has seen enough.

    Raises:
        ConfigError: The service cannot be asked.
        KeyboardInterrupt: The user has pressed Ctrl-C.
    """
    config = plan.config
    control = targets.job_control(config)
    if config.watch:
        control.watch(Watched(config.job.name, config.regions, config.profiles))
    else:
        print("\n".join(control.list(config.job.name)))
