"""One host's part of a job, from its input folder to its output folders."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from headrace.runtime.chain.columns import Columns
from headrace.runtime.chain.kept import Kept, KeptRows, ReadAgain
from headrace.runtime.chain.pipeline import Process
from headrace.runtime.chain.preflight import Prepared, preflight
from headrace.runtime.chain.tables import files_of_tables
from headrace.runtime.data_files import files_of_input
from headrace.runtime.errors import DataError
from headrace.runtime.learning.analysis import Analysis, Gathering
from headrace.runtime.learning.files import taught
from headrace.runtime.learning.passes import Pass, passes
from headrace.runtime.output.outcome import Host, Outcome, Task, report_nothing
from headrace.runtime.process.messages import Progress
from headrace.runtime.process.threads import Background, in_order
from headrace.runtime.sources import Group, Portion, are_empty, groups_of, total_bytes
from headrace.runtime.sources.unchanged import unchanged
from headrace.runtime.spec import REPORT, JobSpec, under
from headrace.runtime.statistics.metrics import Totals


class Progressed(Protocol):
    """The rows of a group of blocks, which say how far the input has been read."""

    @property
    def done(self) -> int:
        """Return the bytes of the input read so far."""

    @property
    def seen(self) -> int:
        """Return the number of rows in the group."""


T = TypeVar("T")
W = TypeVar("W", bound=Progressed)


def execute(task: Task, host: Host) -> None:
    """Do the whole of a job.

    Args:
        task: The job.
        host: This host.

    Raises:
        HeadraceError: The data, the configuration or a plugin is not as it has to be.
    """
    started = time.monotonic()
    files, spec = input_of(task), task.spec
    if host.count > 1 and are_empty(files, spec.dataset):  # a share like any other
        report_nothing(task, host, timings_of(started, spec.threads))
        return
    with ExitStack() as stack:
        check = stack.enter_context(unchanged(files))
        tables = files_of_tables(spec, task.root)
        job = taught(preflight(spec, files, tables=tables), spec, task.root)
        run = Run(task, job, files, spec.runtime.block_bytes)
        run.learn(check)
        background = stack.enter_context(closing(Background()))
        outcome = stack.enter_context(closing(Outcome(task, run.job, host, background)))
        totals = Totals()
        for work in run.through(run.process):
            totals.add(work.rows)
            outcome.add(work.rows)
            run.process.lists_bad_rows &= outcome.lists_bad_rows
        if not outcome.is_a_share:
            refuse_nothing(totals, files)
        outcome.flush()
        statistics = run.process.statistics()  # while the last parts are being written
        outcome.finish()
        check()
    outcome.report(totals, statistics, timings_of(started, spec.threads))
    run.show_progress()  # which tells that the result is there


def input_of(task: Task) -> list[Path]:
    """Return the files of a job's input, once what the job needs is known to be installed."""
    if task.spec.evaluation is not None:
        from headrace.runtime.evaluation.model import require  # most jobs judge no model

        require()
    return files_of_input(under(task.root, task.spec.input))


class Run:
    """A job on its way through the passes over its input.

    Args:
        task: The job.
        job: The job, fitted to its input.
        files: The input.
        block_bytes: How much of the input is read at a time.

    Attributes:
        job: The job, its steps knowing what they have learned.
        process: Its chain.
        learned: What the steps have learned, by their labels.
    """

    def __init__(self, task: Task, job: Prepared, files: Sequence[Path], block_bytes: int) -> None:
        self.job = job
        self.learned: dict[str, pa.Table] = {}
        self.process = process_of(task.spec, job)
        self._spec = task.spec
        self._files = files
        self._block_bytes = block_bytes
        self._first_rows: list[int] | None = None
        self._kept = Kept(under(task.root, task.spec.outputs[REPORT]))
        self._groups = 0
        """Number of them, once they have been read."""
        self._passes = passes(job)
        self._progress = Progress(total_bytes(files), 1 + len(self._passes))
        if job.columns.note:
            print(f"note: {job.columns.note}", flush=True)

    def learn(self, check: Callable[[], None]) -> None:
        """Make the passes in which steps learn; most jobs have none.

        Args:
            check: Called after each pass; raises if the input has been changed.
        """
        for learning in self._passes:
            learned = self._learned(learning)
            check()
            self.learned |= learned
            self.job = self.job.with_states(learned)
            self.process = process_of(self._spec, self.job)

    def _learned(self, learning: Pass) -> dict[str, pa.Table]:
        columns = learning.columns(self.job)
        if columns is None or self._spec.dataset.skips_bad_rows:
            return self._learned_from(self.job, learning)
        try:
            return self._learned_from(replace(self.job, columns=columns), learning)
        except DataError:  # a row in front of this one may be bad in a column that was not read
            return self._learned_from(self.job, learning)

    def _learned_from(self, job: Prepared, learning: Pass) -> dict[str, pa.Table]:
        first_rows, rows = [], 0
        process = process_of(self._spec, job)
        # Rows are not kept before they are numbered, nor if a step may find them bad once they
        # have been counted.
        keeps = process.ends_hashed and not learning.numbers
        analysis = Analysis(job, process, learning, self._kept if keeps else None)
        gathering = Gathering(job, learning)
        with self._kept.filled():
            for number, seen in enumerate(self._in_order(analysis, job.columns)):
                first_rows.append(rows)
                rows += seen.rows
                gathering.add(seen.states)
                if seen.kept is not None:
                    self._kept.put(number, seen.kept)
                self._progress.advance(seen.done, 0)
        self._groups = len(first_rows)
        self._progress.next_pass()
        if learning.numbers:
            self._first_rows = first_rows
        return gathering.finished()

    def through(self, process: Callable[[Group | KeptRows, int], W]) -> Iterator[W]:
        """Make the pass in which rows are written.

        Args:
            process: Runs the chain on a group of blocks; called in several threads.

        Yields:
            What `process` makes of each group, in the order of the input.
        """
        for work in self._in_order(process, self.job.columns):
            yield work
            self._progress.advance(work.done, work.seen)
        self.show_progress()

    def show_progress(self) -> None:
        """Print how far the job is."""
        self._progress.show()

    def _in_order(
        self, function: Callable[[Group | KeptRows, int], T], columns: Columns
    ) -> Iterator[T]:
        """Call a function for each group, in threads, with the position of its first row."""

        def call(number: int, group: Group | KeptRows) -> T:
            first_row = 0 if self._first_rows is None else self._first_rows[number]
            try:
                return function(group, first_row)
            except ReadAgain:
                self._kept.give_up()
                (group,) = islice(self._read(columns), number, number + 1)
                return function(group, first_row)

        return in_order(call, enumerate(self._kept_or_read(columns)), self._spec.threads)

    def _kept_or_read(self, columns: Columns) -> Iterator[Group | KeptRows]:
        done = 0
        if self._groups and len(self._kept) == self._groups:
            while rows := self._kept.take(done):
                yield rows
                done += 1
            if done == self._groups:
                return
        for number, group in enumerate(islice(self._read(columns), done, None), done):
            yield self._kept.take(number) or group

    def _read(self, columns: Columns) -> Iterator[Group]:
        portions = [Portion(file) for file in self._files]
        return groups_of(portions, self._spec.dataset, columns, self._block_bytes)


def process_of(spec: JobSpec, job: Prepared) -> Process:
    """Return the chain of a job."""
    skip, counts = spec.dataset.skips_bad_rows, spec.output.tokens
    return Process(job, skip_bad_rows=skip, counts_tokens=counts)


def refuse_nothing(totals: Totals, files: Sequence[Path]) -> None:
    """Refuse an input that leaves no rows to write.

    Raises:
        DataError: There are no good rows.
    """
    if totals.rows:
        return
    if totals.rejected:
        raise DataError(f"all {totals.rejected} rows are bad; nothing is left to write")
    name = files[0].name if len(files) == 1 else f"the {len(files)} files"
    raise DataError(f"{name}: there are no rows after the header")


def timings_of(started: float, threads: int) -> dict[str, Any]:
    """Return what differs from run to run; it has a file of its own, all others are the same bytes.

    Args:
        started: When the work began, by the monotonic clock.
        threads: Number of threads that did it.
    """
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": round(time.monotonic() - started, 3),
        "peak_memory_mb": round(kilobytes * 1024 / 1e6, 1),
        "threads": threads,
    }
