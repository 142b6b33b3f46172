"""What can be done with a job: one file for each value of ``action``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework.compose import Plan


def perform(plan: Plan) -> None:
    """Does what ``action`` says; only that action's module is imported."""
    importlib.import_module(f"framework.actions.{plan.config.action}").perform(plan)
