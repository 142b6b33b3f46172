"""A model trained and judged by Spark's driver, which has all of the input as every host does.

Gradient descent takes one row after the other, so the driver reads and hashes all rows once more,
in the input's order, as one machine would: the model is the very same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from headrace.runtime.chain.pipeline import Process
from headrace.runtime.chain.preflight import Prepared
from headrace.runtime.evaluation.evaluator import Evaluator
from headrace.runtime.process.threads import in_order
from headrace.runtime.sources import Group
from headrace.runtime.spark.order import Order
from headrace.runtime.spark.splits import Split
from headrace.runtime.spark.tasks import groups_of_split
from headrace.runtime.spec import EvaluationSpec


def judged(
    order: Order, job: Prepared, splits: Sequence[Split], evaluation: EvaluationSpec, folder: Path
) -> Evaluator:
    """Train on all rows of ``train``, judge on the others.

    Args:
        order: What every task is told.
        job: Its steps know what they learned.
        splits: All of them.
        evaluation: How the model is trained.
        folder: Where the disk has room for the rows.

    Raises:
        DataError: A label is neither 0 nor 1, or a channel has no rows.
    """
    spec = order.job
    process = Process([job], skip_bad_rows=spec.dataset.skips_bad_rows)
    with closing(Evaluator(evaluation, job.schema, job.channels, folder)) as evaluator:
        for work in in_order(process, _groups(order, job, splits), spec.threads):
            for channel, batch in work.results[0].by_channel.items():
                evaluator.add(job.channels[channel], batch)
        evaluator.finish()
        return evaluator


def _groups(order: Order, job: Prepared, splits: Sequence[Split]) -> Iterator[tuple[Group, int]]:
    return (group for split in splits for group in groups_of_split(order, job, split))
