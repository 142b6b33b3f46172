"""Jobs that differ in nothing but ``n_features``, done in one go: which can be, and doing it.

The input is read, transformed and hashed once; from there on every job has its own chain, parts and
report, as a single job has (`headrace.runtime.process.execute`), and leaves the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pyarrow as pa

from headrace.runtime.chain.kept import KeptRows
from headrace.runtime.chain.pipeline import Process, Work
from headrace.runtime.chain.preflight import Prepared, preflight
from headrace.runtime.chain.tables import files_of_tables
from headrace.runtime.errors import HeadraceError
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.learning.files import taught
from headrace.runtime.output.outcome import Host, Outcome, Task
from headrace.runtime.output.parts import DenseColumns
from headrace.runtime.output.writers.base import Writer
from headrace.runtime.plugins.transforms import load
from headrace.runtime.process.execute import Run, input_of, process_of, refuse_nothing, timings_of
from headrace.runtime.process.messages import tell
from headrace.runtime.process.threads import Background
from headrace.runtime.sources import Group
from headrace.runtime.sources.unchanged import unchanged
from headrace.runtime.spec import JobSpec, StepSpec
from headrace.runtime.statistics.metrics import Totals
from headrace.runtime.statistics.statistics import Statistics
from headrace.runtime.transform import Transform, learner

WIDTH = "n_features"


def difference(one: JobSpec, other: JobSpec) -> str | None:
    """Return why two jobs cannot be done in one go; None if they can."""
    for field in fields(JobSpec):
        if field.name != "steps" and getattr(one, field.name) != getattr(other, field.name):
            return f"they differ in {field.name}"
    if _without_widths(one) != _without_widths(other):
        return "they differ in transform.steps"
    steps = load(one.steps)
    for index, (label, transform) in enumerate(steps):
        if isinstance(transform, Hasher):
            return _learned_from_widths(steps[index:])
        if one.steps[index] != other.steps[index]:
            return f"they differ in transform.steps.{label}, before the rows are hashed"
    return "no step hashes"


def _learned_from_widths(steps: Sequence[tuple[str, Transform]]) -> str | None:
    learning = [label for label, transform in steps if learner(transform) is not None]
    return f"transform.steps.{learning[0]} learns from hashed rows" if learning else None


def _without_widths(spec: JobSpec) -> list[StepSpec]:
    return [
        replace(step, parameters={k: v for k, v in step.parameters.items() if k != WIDTH})
        for step in spec.steps
    ]


def execute_together(tasks: Sequence[Task], host: Host) -> None:
    """Do the whole of several jobs that differ in ``n_features`` only.

    Args:
        tasks: The jobs, at least one; they have the same input.
        host: This host.

    Raises:
        HeadraceError: The data, the configuration or a plugin is not as it has to be, or two jobs
            differ in more than a width.
    """
    started = time.monotonic()
    _refuse_unlike([task.spec for task in tasks])
    spec, files = tasks[0].spec, input_of(tasks[0])
    with ExitStack() as stack:
        check = stack.enter_context(unchanged(files))
        tasks, jobs = _fitting(tasks, files)
        run = Run(tasks[0], jobs[0], files, _block_bytes(spec, len(jobs)))
        run.learn(check)
        jobs = [job.with_states(run.learned) for job in jobs]
        chains = _Chains([process_of(spec, job) for job in jobs])
        background = stack.enter_context(closing(Background()))
        dense_columns = _Shared(len(jobs)) if chains.same_rows else DenseColumns.of
        outcomes = [
            stack.enter_context(closing(Outcome(task, job, host, background, dense_columns)))
            for task, job in zip(tasks, jobs, strict=True)
        ]
        totals = _written(run, chains, outcomes, files)
        check()
    timings = timings_of(started, spec.threads)
    if len(jobs) > 1:
        timings["fused_runs"] = len(jobs)
    statistics = chains.statistics()
    for outcome, rows in zip(outcomes, totals, strict=True):
        outcome.report(rows, statistics, timings)


def _refuse_unlike(specs: Sequence[JobSpec]) -> None:
    for other in specs[1:]:
        if reason := difference(specs[0], other):
            raise HeadraceError(f"these jobs cannot be done in one go: {reason}")


def _fitting(tasks: Sequence[Task], files: Sequence[Path]) -> tuple[list[Task], list[Prepared]]:
    """Return the jobs that fit the input; leave in the root of another one why it does not.

    Raises:
        HeadraceError: No job does.
    """
    chosen, jobs, errors = [], [], []
    for task in tasks:
        try:
            tables = files_of_tables(task.spec, task.root)
            job = preflight(task.spec, files, tables=tables)
            jobs.append(taught(job, task.spec, task.root))
            chosen.append(task)
        except HeadraceError as error:
            tell(task.root, str(error))
            errors.append(error)
    if not jobs:
        raise errors[0]
    return chosen, jobs


def _block_bytes(spec: JobSpec, jobs: int) -> int:
    """Return how much of the input is read at a time; every block is held once for each job."""
    size = spec.runtime.block_bytes
    return size if jobs == 1 else max(1, size // 2)


@dataclass(frozen=True)
class _Works:
    """The rows of one group of blocks, as each job has them."""

    by_job: tuple[Work, ...]

    @property
    def done(self) -> int:
        return self.by_job[0].done

    @property
    def seen(self) -> int:
        return self.by_job[0].seen


class _Chains:
    """The chains of all jobs; the first one does what they have in common."""

    def __init__(self, chains: Sequence[Process]) -> None:
        self._chains = chains

    @property
    def same_rows(self) -> bool:
        """Return whether the rows of all jobs differ in nothing but their entries."""
        # A step after the hasher may find a row bad in one chain that is good in another.
        return all(chain.ends_hashed for chain in self._chains)

    def __call__(self, group: Group | KeptRows, first_row: int = 0) -> _Works:
        hashed = self._chains[0].hashed(group, first_row)
        return _Works(tuple(chain.finished(hashed) for chain in self._chains))

    def list_bad_rows(self, asked: bool) -> None:
        self._chains[0].lists_bad_rows &= asked

    def statistics(self) -> Statistics:
        return self._chains[0].statistics()


class _Shared:
    """Lays out and hashes the dense columns of each part once, for jobs with the same rows.

    Args:
        jobs: Number of jobs, each of which asks for each part.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._known: dict[str, tuple[DenseColumns, int]] = {}

    def __call__(
        self, file: str, batches: Sequence[pa.RecordBatch], schema: pa.Schema, writer: Writer
    ) -> DenseColumns:
        dense, missing = self._known.pop(file, (None, self._jobs))
        if dense is None:
            dense = DenseColumns.of(file, batches, schema, writer)
        if missing > 1:
            self._known[file] = dense, missing - 1
        return dense


def _written(
    run: Run, chains: _Chains, outcomes: Sequence[Outcome], files: Sequence[Path]
) -> list[Totals]:
    """Write the rows of all jobs; return the totals of each."""
    totals = [Totals() for _ in (outcomes[:1] if chains.same_rows else outcomes)]
    for works in run.through(chains):
        for each, work in zip(totals, works.by_job, strict=False):
            each.add(work.rows)
        for outcome, work in zip(outcomes, works.by_job, strict=True):
            outcome.add(work.rows)
        chains.list_bad_rows(any(outcome.lists_bad_rows for outcome in outcomes))
    if not outcomes[0].is_a_share:
        for each in totals:
            refuse_nothing(each, files)
    for outcome in outcomes:
        outcome.flush()
    for outcome in outcomes:
        outcome.finish()
    return totals * len(outcomes) if chains.same_rows else totals
