"""``action=run``: compiles the job and has the target execute it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import targets
from framework.actions.preparation import prepare
from framework.summary import summary

if TYPE_CHECKING:
    from framework.compose import Plan


def perform(plan: Plan) -> None:
    """Runs the job to its end and shows what came out."""
    ready = prepare(plan, dry=False)
    print(summary(targets.run(ready.job, ready.config)))
