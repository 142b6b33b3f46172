"""A job on Spark, as its driver sees it: cut the input, let steps learn, write, judge, report.

A model is trained and judged by the driver, which has all of the input as every host does. Gradient
descent takes one row after the other, so the driver reads and hashes all rows once more, in the
input's order, as one machine would: the model is the very same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.runtime.chain.bad_rows import Rejection
from headrace.runtime.chain.pipeline import Process
from headrace.runtime.chain.preflight import Prepared, preflight, refuse_unwritable
from headrace.runtime.chain.tables import files_of_tables
from headrace.runtime.data_files import files_of_input
from headrace.runtime.evaluation.evaluator import Evaluator
from headrace.runtime.evaluation.model import require
from headrace.runtime.learning import states
from headrace.runtime.learning.analysis import concluded
from headrace.runtime.learning.files import taught
from headrace.runtime.learning.passes import passes
from headrace.runtime.online.run_folder import told
from headrace.runtime.output.parts import Part
from headrace.runtime.output.report import Report
from headrace.runtime.process.execute import refuse_nothing
from headrace.runtime.process.messages import Progress
from headrace.runtime.process.threads import Background, in_order
from headrace.runtime.sources import Group, first_file, total_bytes
from headrace.runtime.sources.unchanged import unchanged
from headrace.runtime.spark.cluster import Cluster
from headrace.runtime.spark.order import Learned, Order
from headrace.runtime.spark.splits import Split, numbered, splits_of
from headrace.runtime.spark.tasks import groups_of_split, part_writer
from headrace.runtime.spec import REPORT, EvaluationSpec, JobSpec, under
from headrace.runtime.statistics.observed import Observed

if TYPE_CHECKING:
    from pyspark import SparkContext


def execute(spec: JobSpec, root: Path, context: SparkContext) -> None:
    """Do a job on a cluster whose hosts all have its input.

    Args:
        spec: The job.
        root: What stands in for ``/opt/ml``, on every host.
        context: The cluster.

    Raises:
        HeadraceError: The data, the configuration or a plugin is not as it has to be.
    """
    started = time.monotonic()
    spec = told(spec, root)
    if spec.evaluation is not None:
        require()
    files = files_of_input(under(root, spec.input))
    folder = under(root, spec.outputs[REPORT])
    with unchanged(files) as check:
        run = _Run(spec, root, context, files)
        run.learn(check)
        refuse_unwritable(spec.output, run.job.schema)
        parts, observed, peak, rejections = run.write()
        check()
        refuse_nothing(observed.totals, files)
        folder.mkdir(parents=True, exist_ok=True)
        evaluator = run.judged(folder)
        check()
    timings = {
        "seconds": round(time.monotonic() - started, 3),
        "peak_memory_mb": peak,
        "threads": run.cluster.cores,
    }
    report = Report(folder, spec, run.job)
    report.write(report.write_states(), parts, observed, timings, evaluator, rejections)


class _Run:
    """A job on its way."""

    def __init__(
        self, spec: JobSpec, root: Path, context: SparkContext, files: Sequence[Path]
    ) -> None:
        self.files = files
        job = preflight(spec, self.files, tables=files_of_tables(spec, root))
        self.job = taught(job, spec, root)
        if note := self.job.columns.note:
            print(f"note: {note}", flush=True)
        self._passes = passes(self.job)
        first = first_file(self.files, spec.dataset)
        self._order = Order(spec.to_json(), str(root), str(first))
        progress = Progress(total_bytes(self.files), 1 + len(self._passes))
        self.cluster = Cluster(context, self._order, progress)
        self._splits = splits_of(self.files, spec, self.cluster.scan)
        self._learned: Learned = _learned(self.job)

    def learn(self, check: Callable[[], None]) -> None:
        """Run the passes that have to come before; most jobs have none. Each ends with a check."""
        for this in self._passes:
            place = (this.place, this.labels, this.numbers)
            rows, content = self.cluster.learn(self._learned, place, self._splits)
            check()
            self.job = concluded(self.job, this, [content])
            self._learned = _learned(self.job)
            if this.numbers:
                counts = [rows[split.number] for split in self._splits]
                self._splits = numbered(self._splits, counts)

    def write(self) -> tuple[dict[str, list[Part]], Observed, float, list[Rejection]]:
        """Run the pass that makes the results.

        Returns:
            The parts, what was seen of the rows, the peak memory in MB, the first bad rows.
        """
        written = self.cluster.write(self._learned, self._splits)
        parts = {name: [Part(**part) for part in each] for name, each in written.parts.items()}
        for each in parts.values():
            each.sort(key=lambda part: part.file)
        parts |= self._without_rows([name for name, each in parts.items() if not each])
        rejections = [each for _, each in written.rejected]
        return parts, written.observed, written.peak_memory_mb, rejections

    def judged(self, folder: Path) -> Evaluator | None:
        """Return the model, if one is to be judged."""
        evaluation = self._order.job.evaluation
        if evaluation is None:
            return None
        return judged(self._order, self.job, self._splits, evaluation, folder)

    def _without_rows(self, channels: Sequence[str]) -> dict[str, list[Part]]:
        """Give each channel without rows one part without rows."""
        mark = self._splits[0].mark
        with closing(Background()) as background:
            return part_writer(self._order, self.job, channels, mark, background).close()


def _learned(job: Prepared) -> Learned:
    known = [(link.label, link.state) for link in job.links if link.state is not None]
    return tuple((label, states.to_bytes(state)) for label, state in known)


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
    process = Process(job, skip_bad_rows=spec.dataset.skips_bad_rows)
    with closing(Evaluator(evaluation, job.schema, job.channels, folder)) as evaluator:
        for work in in_order(process, _groups(order, job, splits), spec.threads):
            for channel, batch in work.rows.by_channel.items():
                evaluator.add(job.channels[channel], batch)
        evaluator.finish()
        return evaluator


def _groups(order: Order, job: Prepared, splits: Sequence[Split]) -> Iterator[tuple[Group, int]]:
    return (group for split in splits for group in groups_of_split(order, job, split))
