"""The actions: one module for each value of ``action``.

In: a checked configuration (`headrace.config.compose.Plan`). Out: what the action prints or writes;
``run`` also returns its result. The modules are thin and leave the work to the folders below.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from headrace.errors import ConfigError, Problem

if TYPE_CHECKING:
    from headrace.config.compose import Plan
    from headrace.config.models import JobConfig
    from headrace.results.result import Result

MODULES = {"import": "import_job"}
"""Of actions that cannot be the name of a module."""


def perform(plan: Plan) -> Result | None:
    """Do what ``action`` says; only that action's module is imported.

    Returns:
        What came out of a run, nothing of any other action.
    """
    module = MODULES.get(plan.config.action, plan.config.action)
    action = importlib.import_module(f"headrace.cli.actions.{module}")
    result: Result | None = action.perform(plan)
    return result


def named_job(config: JobConfig) -> str:
    """Return its name.

    Raises:
        ConfigError: The configuration names none.
    """
    if config.job.name is None:
        what = f"this key is required by action={config.action}"
        raise ConfigError([Problem("job.name", what)])
    return config.job.name
