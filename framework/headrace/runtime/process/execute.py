"""Execute one host's part of a job, from its input folder to its output folders.

Several jobs that differ in nothing but ``n_features`` are done in one go: the input is read and
hashed once.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from headrace.runtime.chain.pipeline import Process
from headrace.runtime.chain.preflight import Prepared, preflight
from headrace.runtime.data_files import files_of_input
from headrace.runtime.errors import DataError, HeadraceError
from headrace.runtime.evaluation.model import require
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.learning.analysis import Analysis, Gathering
from headrace.runtime.learning.passes import Pass, passes
from headrace.runtime.output.outcome import (
    Host,
    Outcome,
    Outcomes,
    Task,
    Written,
    report_nothing,
)
from headrace.runtime.plugins.transforms import load
from headrace.runtime.process.messages import Progress, tell
from headrace.runtime.process.threads import Background, in_order
from headrace.runtime.sources import Group, Portion, are_empty, groups_of, total_bytes
from headrace.runtime.sources.unchanged import unchanged
from headrace.runtime.spec import JobSpec, StepSpec, under
from headrace.runtime.statistics.metrics import Totals
from headrace.runtime.transform import Transform, learner

WIDTH = "n_features"


def execute(tasks: Sequence[Task], host: Host) -> None:
    """Do the whole of one job, or of several that differ in ``n_features`` alone.

    Args:
        tasks: The jobs, at least one; they have the same input.
        host: This host.

    Raises:
        HeadraceError: The data, the configuration or a plugin is not as it has to be.
    """
    started = time.monotonic()
    refuse_unlike([task.spec for task in tasks])
    spec = tasks[0].spec
    if spec.evaluation is not None:
        require()
    files = files_of_input(under(tasks[0].root, spec.input))
    threads = spec.threads
    if host.count > 1 and are_empty(files, spec.dataset):  # a share like any other
        for task in tasks:
            report_nothing(task, host, _timings(started, threads, len(tasks)))
        return
    with ExitStack() as stack:
        check = stack.enter_context(unchanged(files))
        tasks, jobs = _fitting(tasks, files)
        if note := jobs[0].columns.note:
            print(f"note: {note}", flush=True)
        run = _Run(spec, jobs, files, threads)
        run.learn(check)
        background = stack.enter_context(closing(Background()))
        outcomes = [
            stack.enter_context(closing(Outcome(task, job, host)))
            for task, job in zip(tasks, run.jobs, strict=True)
        ]
        written = run.write(outcomes, background)
        check()
    statistics, timings = run.process.statistics(), _timings(started, threads, len(tasks))
    for outcome, rows in zip(outcomes, written, strict=True):
        outcome.report(rows, statistics, timings)


def _fitting(tasks: Sequence[Task], files: Sequence[Path]) -> tuple[list[Task], list[Prepared]]:
    """Return the jobs that can work on the input; leave in its root why another one cannot.

    Raises:
        HeadraceError: No job can.
    """
    chosen, jobs, errors = [], [], []
    for task in tasks:
        try:
            jobs.append(preflight(task.spec, files))
            chosen.append(task)
        except HeadraceError as error:
            tell(task.root, str(error))
            errors.append(error)
    if not jobs:
        raise errors[0]
    return chosen, jobs


class _Run:
    """Some jobs on their way through the pipeline."""

    def __init__(
        self, spec: JobSpec, jobs: Sequence[Prepared], files: Sequence[Path], threads: int
    ) -> None:
        self.spec = spec
        self.jobs = jobs
        self.files = files
        self.threads = threads
        self.process = self._process()
        self._first_rows: list[int] | None = None
        self._passes = passes(jobs[0])
        self._progress = Progress(total_bytes(files), 1 + len(self._passes))

    def learn(self, check: Callable[[], None]) -> None:
        """Run the passes that have to come before; most jobs have none. Each ends with a check."""
        for this in self._passes:
            learned = self._learned(this)
            check()
            self.jobs = [job.with_states(learned) for job in self.jobs]
            self.process = self._process()

    def _learned(self, this: Pass) -> dict[str, pa.Table]:
        job, first_rows, rows = self.jobs[0], [], 0
        look, gathering = Analysis(job, self.process, this), Gathering(job, this)
        for seen in in_order(look, self._numbered(), self.threads):
            first_rows.append(rows)
            rows += seen.rows
            gathering.add(seen.states)
            self._progress.advance(seen.done, 0)
        self._progress.next_pass()
        if this.numbers:
            self._first_rows = first_rows
        return gathering.finished()

    def write(self, outcomes: Sequence[Outcome], background: Background) -> list[Written]:
        """Run the pass that makes the results."""
        together = Outcomes(outcomes, background, same_rows=self.process.same_rows)
        for work in in_order(self.process, self._numbered(), self.threads):
            together.add(work.results)
            self.process.lists_bad_rows &= together.lists_bad_rows
            self._progress.advance(work.done, work.results[0].good + work.results[0].rejected)
        self._progress.show()
        if not outcomes[0].is_a_share:
            for totals in together.totals:
                refuse_nothing(totals, self.files)
        return together.finish()

    def _process(self) -> Process:
        return Process(self.jobs, skip_bad_rows=self.spec.dataset.skips_bad_rows)

    def _groups(self) -> Iterator[Group]:
        size = self.spec.runtime.block_bytes
        if len(self.jobs) > 1:  # every block is held once for each job
            size = max(1, size // 2)
        portions = [Portion(file) for file in self.files]
        return groups_of(portions, self.spec.dataset, self.jobs[0].columns, size)

    def _numbered(self) -> Iterator[tuple[Group, int]]:
        if self._first_rows is None:
            return ((group, 0) for group in self._groups())
        return zip(self._groups(), self._first_rows, strict=True)


def refuse_nothing(totals: Totals, files: Sequence[Path]) -> None:
    """Refuse an input of which nothing is left to write.

    Raises:
        DataError: There are no good rows.
    """
    if totals.rows:
        return
    if totals.rejected:
        raise DataError(f"all {totals.rejected} rows are bad; nothing is left to write")
    name = files[0].name if len(files) == 1 else f"the {len(files)} files"
    raise DataError(f"{name}: there are no rows after the header")


def _timings(started: float, threads: int, jobs: int) -> dict[str, Any]:
    """Return what differs from run to run; kept apart so that everything else is the same bytes."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    timings = {
        "seconds": round(time.monotonic() - started, 3),
        "peak_memory_mb": round(kilobytes * 1024 / 1e6, 1),
        "threads": threads,
    }
    return {**timings, "fused_runs": jobs} if jobs > 1 else timings


def difference(one: JobSpec, other: JobSpec) -> str | None:
    """Return what keeps two jobs from being done in one go, in words; None if nothing does."""
    for field in fields(JobSpec):
        if field.name != "steps" and getattr(one, field.name) != getattr(other, field.name):
            return f"they differ in {field.name}"
    if _without_widths(one) != _without_widths(other):
        return "they differ in transform.steps"
    steps = load(one.steps)
    for place, ((label, transform), step, twin) in enumerate(
        zip(steps, one.steps, other.steps, strict=True)
    ):
        if isinstance(transform, Hasher):
            return _learned_from_widths(steps[place:])
        if step != twin:
            return f"they differ in transform.steps.{label}, before the rows are hashed"
    return "no step hashes"


def refuse_unlike(specs: Sequence[JobSpec]) -> None:
    """Refuse jobs that one pass cannot do.

    Raises:
        HeadraceError: Two of them differ in more than a width.
    """
    for other in specs[1:]:
        if reason := difference(specs[0], other):
            raise HeadraceError(f"these jobs cannot be done in one go: {reason}")


def _learned_from_widths(steps: Sequence[tuple[str, Transform]]) -> str | None:
    learning = [label for label, transform in steps if learner(transform) is not None]
    return f"transform.steps.{learning[0]} learns from hashed rows" if learning else None


def _without_widths(spec: JobSpec) -> list[StepSpec]:
    return [
        replace(step, parameters={k: v for k, v in step.parameters.items() if k != WIDTH})
        for step in spec.steps
    ]
