"""The kinds of evaluation, by the names that a configuration uses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.evaluation.figures import logistic_report
from headrace.runtime.evaluation.judge import Judge
from headrace.runtime.evaluation.linear import LinearJudge, LinearModel, linear_report
from headrace.runtime.evaluation.model import Model
from headrace.runtime.evaluation.rows import refuse_other_labels
from headrace.runtime.spec import EvaluationSpec
from headrace.runtime.transform import Sampling


@dataclass(frozen=True)
class Kind:
    """A way to train and judge a model.

    Attributes:
        model: Makes the model: `learn`, `settle`, `scores`, `described`.
        judge: Makes what counts the scores of a channel: `add`.
        report: Tells the figures of what was counted, by channel; one of them for SageMaker.
        refuse: Raises `DataError` for labels that it is not for.
        shift: Returns what to add to scores because training rows were left out; raises
            `ChainError` where nothing would mend them.
    """

    model: Callable[[EvaluationSpec], Any]
    judge: Callable[[], Any]
    report: Callable[[Mapping[str, Any], str], dict[str, Any]]
    refuse: Callable[[pa.RecordBatch, int], None]
    shift: Callable[[Sampling | None], float]


def _log_odds(sampling: Sampling | None) -> float:
    """Return what to add to log-odds that were learned from a part of the rows of one label.

    ``p / (p + (1 - p) / rate)`` multiplies the odds of a 1 by the rate if the zeros are fewer.
    """
    if sampling is None or sampling.label not in (0, 1):
        return 0.0
    return math.log(sampling.rate) * (1 if sampling.label == 0 else -1)


def _nothing(sampling: Sampling | None) -> float:
    """Refuse rows that were left out by their label: how the mean label moves is not known."""
    if sampling is not None:
        what = "a linear regression cannot be corrected for the rows that downsample leaves out"
        raise ChainError("evaluation", f"{what} by their label; leave one of the two out")
    return 0.0


KINDS: Mapping[str, Kind] = {
    "logistic": Kind(Model, Judge, logistic_report, refuse_other_labels, _log_odds),
    "linear": Kind(LinearModel, LinearJudge, linear_report, lambda *_: None, _nothing),
}
