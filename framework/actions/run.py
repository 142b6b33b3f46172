"""``action=run``: compiles the job and has the target execute it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import targets
from framework.actions.preparation import prepare
from framework.summary import summary

if TYPE_CHECKING:
    from framework.compose import Plan
    from framework.targets.base import Result


def perform(plan: Plan) -> Result:
    """Runs the job to its end and shows what came out."""
    ready = prepare(plan, dry=False)
    return shown(targets.run(ready.job, ready.config))


def shown(result: Result) -> Result:
    """The same result, after its summary has been printed."""
    print(summary(result), flush=True)
    return result
