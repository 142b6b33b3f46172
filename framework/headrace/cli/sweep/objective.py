"""The value of a run for a sweeper that looks for the best settings, as Optuna does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from headrace.results.stored import StoredResult

if TYPE_CHECKING:
    from headrace.results.result import Result

WORST = math.inf
"""No NaN: hydra-optuna-sweeper breaks off at one."""


def objective(result: Result | None) -> float:
    """Return a number to minimise.

    Args:
        result: What came out of a run; None if nothing did.

    Returns:
        The log loss or the mean squared error if a model was judged, else the collision rate;
        `WORST` where there is neither: the run failed, is not waited for, or its rows are not
        hashed.
    """
    if result is None or not result.has_ended:
        return WORST
    stored = StoredResult(result.output)
    report = stored.report("evaluation")
    logistic, linear = report.get("binary_classification_metrics"), report.get("regression_metrics")
    loss = logistic["log_loss"]["value"] if logistic else linear["mse"]["value"] if linear else None
    return _number(stored.report("metrics").get("collision_rate") if loss is None else loss)


def _number(figure: Any) -> float:
    return WORST if figure is None or math.isnan(figure) else float(figure)
