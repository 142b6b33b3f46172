"""A job's calls on Spark: progress as they go, and an end as soon as one meets a mistake."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from py4j.protocol import Py4JJavaError

from headrace.runtime.errors import HeadraceError
from headrace.runtime.process.messages import Progress
from headrace.runtime.sources import Portion
from headrace.runtime.spark.calls import Counters, Failures, Learn, Merging, Scan, Write
from headrace.runtime.spark.order import Learned, Order, Place
from headrace.runtime.spark.scan import Seen, look_at
from headrace.runtime.spark.splits import Split, shared_out, splits_to_json
from headrace.runtime.spark.tasks import Learning, Written, learned_together, written_together

if TYPE_CHECKING:
    from pyspark import RDD, SparkContext

T = TypeVar("T")
Item = tuple[str, int]
"""The input of a task, as text, and the bytes that it reads."""
FEW = 64
"""Results that the driver puts together by itself; of more, executors make fewer first."""
FEW_WINDOWS = 16
"""The driver has looked at so many before Spark would have begun to."""
SCANS = 4
"""Tasks for each core that look at windows; each has as many as that takes."""
_SECONDS = 0.2
"""From one look at the counters to the next."""
_RAISED = re.compile(r"PythonException: (?P<traceback>.*?)(?=\n\s*at org\.apache|\Z)", re.DOTALL)
"""Spark's words for an exception that a task raised."""


class TaskFailed(HeadraceError):
    """A mistake of the user's that a task met."""

    def __init__(self, what: str, exit_status: int) -> None:
        super().__init__(what)
        self.exit_status = exit_status


class TaskError(Exception):
    """A bug of ours or of a plugin's that a task met.

    Args:
        traceback: The task's own.
    """

    def __init__(self, traceback: str) -> None:
        *_, end = re.split(r"^\s.*\n", traceback, flags=re.MULTILINE)
        super().__init__(end)
        self.add_note(f"in a task of Spark's:\n{traceback}")


class Cluster:
    """Spark, for one job.

    Args:
        context: Where it runs.
        order: What every task is told.
        progress: Shown as bytes are read.
    """

    def __init__(self, context: SparkContext, order: Order, progress: Progress) -> None:
        self._context = context
        self._order = order
        self._progress = progress
        failures = context.accumulator([], Failures())
        self._counters = Counters(failures, context.accumulator(0), context.accumulator(0))
        self._shown = (0, 0)

    @property
    def cores(self) -> int:
        """Return how many tasks run at a time."""
        return int(self._context.defaultParallelism)

    def scan(self, windows: Sequence[Portion]) -> list[Seen]:
        """Look at windows of files; what each of them tells, in order."""
        if len(windows) <= FEW_WINDOWS:
            spec = self._order.job
            with ThreadPoolExecutor(spec.threads, "scan") as pool:
                return list(pool.map(partial(look_at, dataset=spec.dataset), windows))
        each = math.ceil(len(windows) / (SCANS * self.cores))
        shares = [windows[start : start + each] for start in range(0, len(windows), each)]
        splits = [Split(number, tuple(share), 0) for number, share in enumerate(shares)]
        found = self._items(_single(splits)).map(Scan(self._order, self._counters))
        return [seen for share in self._watched(found.collect) for seen in share or ()]

    def learn(self, learned: Learned, place: Place, splits: Sequence[Split]) -> Learning:
        """Let steps learn from all splits."""
        known = self._context.broadcast(learned)
        items = _single(splits)
        results = self._results(Learn(self._order, self._counters, known, place), items)
        return learned_together(self._order, learned, place, results)

    def write(self, learned: Learned, splits: Sequence[Split]) -> Written:
        """Write the parts of all splits."""
        known = self._context.broadcast(learned) if learned else None
        shares = shared_out(splits, self.cores)
        items = [(splits_to_json(each), sum(split.bytes for split in each)) for each in shares]
        return written_together(self._results(Write(self._order, self._counters, known), items))

    def _results(self, call: Merging[T], items: Sequence[Item]) -> list[T]:
        """Call a function for all items; return what is left to be put together, never much."""
        self._counters.bytes.value = 0
        results = self._items(items).map(call)
        if len(items) > FEW:
            results = results.repartition(math.isqrt(len(items))).mapPartitions(call.together)
        found = self._watched(results.collect)
        self._show()
        self._progress.next_pass()
        return [result for result in found if result is not None]

    def _items(self, items: Sequence[Item]) -> RDD[Item]:
        return self._context.parallelize(items, len(items))

    def _watched(self, action: Callable[[], list[T]]) -> list[T]:
        """Yield what Spark gives, and show the progress meanwhile.

        Raises:
            HeadraceError: A task met a mistake of the user's, or Spark gave up.
        """
        with ThreadPoolExecutor(1, "spark") as pool:
            waiting = pool.submit(action)
            while not wait([waiting], _SECONDS).done:
                self._show()
                if self._counters.failures.value:
                    self._context.cancelAllJobs()
        if failures := self._counters.failures.value:
            raise TaskFailed(*failures[0])
        return _given(waiting)

    def _show(self) -> None:
        """Show what is new; tasks that are tried again count again, so it may seem too much."""
        counted = (self._counters.bytes.value, self._counters.rows.value)
        if counted != self._shown:
            self._progress.advance(counted[0], counted[1] - self._shown[1])
            self._shown = counted


def _single(splits: Sequence[Split]) -> list[Item]:
    return [(split.to_json(), split.bytes) for split in splits]


def _given(waiting: Future[list[T]]) -> list[T]:
    try:
        return waiting.result()
    except Py4JJavaError as error:
        told = str(error.java_exception.getMessage())
        if (found := _RAISED.search(told)) is not None:
            raise TaskError(found["traceback"].strip()) from None
        reason = told.splitlines()[0] if told else "it does not say why"
        raise HeadraceError(f"Spark gave the job up: {reason}") from error
