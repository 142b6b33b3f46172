"""The value of a run for a sweeper that looks for the best settings, as Optuna does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from headrace.results.stored import StoredResult, UnreadableError

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
        hashed. Also where the error is too large for a number.
    """
    if result is None or not result.has_ended:
        return WORST
    try:
        metrics, _, report = StoredResult(result.output).reports(result.manifest)
    except UnreadableError:  # which the summary tells
        return WORST
    paths = (("binary_classification_metrics", "log_loss"), ("regression_metrics", "mse"))
    judged = [path for path in paths if isinstance(report, dict) and path[0] in report]
    known = [_number(report, *path, "value") for path in judged]
    known = known or [_number(metrics, "collision_rate")]
    return next((each for each in known if each is not None), WORST)


def _number(report: Any, *path: str) -> float | None:
    """Return a figure of a report, which may be a file of a program's own."""
    for key in path:
        report = report.get(key) if isinstance(report, dict) else None
    try:
        number = float(report) if isinstance(report, int | float) else math.nan
    except OverflowError:
        return None
    return None if math.isnan(number) else number
