"""The outcome of jobs, in the making: their parts, then their reports, each manifest last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from headrace.runtime.chain.bad_rows import MOST_REJECTED, Rejection
from headrace.runtime.chain.pipeline import Rows
from headrace.runtime.chain.preflight import Prepared
from headrace.runtime.errors import DataError
from headrace.runtime.evaluation.evaluator import evaluator
from headrace.runtime.output.parts import Part, PartWriter, Shelf
from headrace.runtime.output.report import Report, write_nothing
from headrace.runtime.output.writers import writer_of
from headrace.runtime.plugins.transforms import channels_of, load
from headrace.runtime.process.threads import Background
from headrace.runtime.spec import REPORT, JobSpec, under
from headrace.runtime.statistics.metrics import Totals
from headrace.runtime.statistics.observed import Observed
from headrace.runtime.statistics.statistics import Statistics


@dataclass(frozen=True)
class Host:
    """This host among all: its name and how many there are."""

    name: str = "algo-1"
    count: int = 1

    @property
    def mark(self) -> str:
        """Return what keeps this host's file names apart from the others'; empty if it is alone."""
        return self.name if self.count > 1 else ""


@dataclass(frozen=True)
class Task:
    """A job to do, and what stands in for ``/opt/ml``."""

    spec: JobSpec
    root: Path


class Outcome:
    """What one job leaves beside its parts: the model's figures, the report.

    Args:
        task: The job.
        prepared: The same, fitted to its input.
        host: This host.

    Attributes:
        spec: What the job is.
        prepared: The same, fitted to its input.
        host: This host.
        shelf: Where its parts go.

    Raises:
        DataError: A folder cannot be made.
    """

    def __init__(self, task: Task, prepared: Prepared, host: Host) -> None:
        folders = {name: under(task.root, folder) for name, folder in task.spec.outputs.items()}
        self._report = folders.pop(REPORT) / host.mark
        self.host = host
        self.spec = task.spec
        self.prepared = prepared
        _make_folders({**folders, REPORT: self._report})
        self.shelf = Shelf({name: folders[name] for name in prepared.channels}, prepared.schema)
        self._evaluator = evaluator(
            task.spec.evaluation, prepared.schema, prepared.channels, self._report
        )

    @property
    def is_a_share(self) -> bool:
        """Return whether other hosts do the rest: then this one may have none of the good rows."""
        return self.host.count > 1

    def add(self, rows: Rows) -> None:
        """Take the next rows, for the model if there is one."""
        if self._evaluator is not None:
            for index, batch in rows.by_channel.items():
                self._evaluator.add(self.prepared.channels[index], batch)

    def finish(self) -> None:
        """Judge the model."""
        if self._evaluator is not None:
            self._evaluator.finish()

    def close(self) -> None:
        """Give back what was only needed on the way, however it ended."""
        if self._evaluator is not None:
            self._evaluator.close()

    def report(self, written: Written, statistics: Statistics, timings: Mapping[str, Any]) -> None:
        """Write the report, the manifest last."""
        report = Report(self._report, self.spec, self.prepared, self.host.count)
        observed = Observed(written.totals, statistics, self.prepared.columns.time)
        report.write(written.parts, observed, timings, self._evaluator, written.rejections)


def report_nothing(task: Task, host: Host, timings: Mapping[str, Any]) -> None:
    """Write the report of a host, one of several, whose files hold nothing, not even columns.

    Raises:
        DataError: It cannot be written.
    """
    spec = task.spec
    folders = {name: under(task.root, folder) for name, folder in spec.outputs.items()}
    report = folders[REPORT] = folders[REPORT] / host.mark
    _make_folders(folders)
    channels = channels_of([transform for _, transform in load(spec.steps)])
    write_nothing(report, spec, channels, host.count, timings)


class Written(NamedTuple):
    """The rows of one job, once they are on the disk.

    Attributes:
        parts: Of each channel.
        totals: What the rows add up to.
        rejections: The first bad rows.
    """

    parts: dict[str, list[Part]]
    totals: Totals
    rejections: Sequence[Rejection] = ()


class Outcomes:
    """The outcomes of jobs that are done in one go, and their rows.

    Args:
        outcomes: At least one.
        background: Writes the parts.
        same_rows: Whether the rows of all jobs differ in nothing but their entries.
    """

    def __init__(
        self, outcomes: Sequence[Outcome], background: Background, *, same_rows: bool
    ) -> None:
        groups = [outcomes] if same_rows else [[each] for each in outcomes]
        self._groups = [_Group(group, background) for group in groups]

    @property
    def totals(self) -> Sequence[Totals]:
        """Return what the rows add up to so far, of jobs with different rows."""
        return [group.totals for group in self._groups]

    @property
    def lists_bad_rows(self) -> bool:
        """Return whether there is room for more bad rows on a list of them."""
        return any(len(group.rejections) < MOST_REJECTED for group in self._groups)

    def add(self, results: Sequence[Rows]) -> None:
        """Take the next rows of each job."""
        rest = iter(results)
        for group in self._groups:
            group.add(list(islice(rest, len(group.outcomes))))

    def finish(self) -> list[Written]:
        """Write what is left of the rows, judge the models; what each job has got."""
        written = [each for group in self._groups for each in group.written()]
        for group in self._groups:
            for outcome in group.outcomes:
                outcome.finish()
        return written


class _Group:
    """Jobs whose rows differ in nothing but their entries."""

    def __init__(self, outcomes: Sequence[Outcome], background: Background) -> None:
        self.outcomes = outcomes
        self.totals = Totals()
        self.rejections: list[Rejection] = []
        output, host = outcomes[0].spec.output, outcomes[0].host
        shelves = [outcome.shelf for outcome in outcomes]
        self._writer = PartWriter(
            shelves, writer_of(output.format), output.rows_per_part, background, host.mark
        )

    def add(self, results: Sequence[Rows]) -> None:
        first = results[0]
        self.totals.add(first)
        self.rejections += first.rejections[: MOST_REJECTED - len(self.rejections)]
        for outcome, rows in zip(self.outcomes, results, strict=True):
            outcome.add(rows)
        for index in first.by_channel:
            channel = self.outcomes[0].prepared.channels[index]
            self._writer.add(channel, [rows.by_channel[index] for rows in results])

    def written(self) -> list[Written]:
        return [Written(parts, self.totals, self.rejections) for parts in self._writer.close()]


def _make_folders(folders: Mapping[str, Path]) -> None:
    for folder in folders.values():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be written ({error.strerror})") from error
