"""What one job leaves behind, in the making: its parts, then its report, the manifest last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from framework.runtime.background import Background
from framework.runtime.errors import DataError
from framework.runtime.evaluation.evaluator import evaluator
from framework.runtime.metrics import Totals
from framework.runtime.observed import Observed
from framework.runtime.parts import Part, PartWriter, Shelf
from framework.runtime.pipeline import Rows
from framework.runtime.preflight import Prepared
from framework.runtime.report import Report
from framework.runtime.spec import REPORT, JobSpec, under
from framework.runtime.statistics import Statistics
from framework.runtime.writers import writer_of


@dataclass(frozen=True)
class Host:
    """This host among all: its name and how many there are."""

    name: str = "algo-1"
    count: int = 1

    @property
    def mark(self) -> str:
        """What keeps this host's file names apart from the others'; nothing if it is alone."""
        return self.name if self.count > 1 else ""


@dataclass(frozen=True)
class Task:
    """A job to do, and what stands in for ``/opt/ml``."""

    spec: JobSpec
    root: Path


class Outcome:
    """Takes the rows of one job as they come and writes everything that it leaves but the parts.

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
        self._totals = Totals()
        _make_folders({**folders, REPORT: self._report})
        self.shelf = Shelf({name: folders[name] for name in prepared.channels}, prepared.schema)
        self._evaluator = evaluator(
            task.spec.evaluation, prepared.schema, prepared.channels, self._report
        )

    @property
    def totals(self) -> Totals:
        """What the rows add up to so far."""
        return self._totals

    @property
    def is_a_share(self) -> bool:
        """Whether other hosts do the rest: then it may be that none of the good rows is here."""
        return self.host.count > 1

    def add(self, rows: Rows) -> None:
        """Take the next rows."""
        for index, batch in rows.by_channel.items():
            if self._evaluator is not None:
                self._evaluator.add(self.prepared.channels[index], batch)
        self._totals.add(rows)

    def finish(self) -> None:
        """Judge the rows."""
        if self._evaluator is not None:
            self._evaluator.finish()

    def close(self) -> None:
        """Give back what was only needed on the way, however it ended."""
        if self._evaluator is not None:
            self._evaluator.close()

    def report(
        self, parts: dict[str, list[Part]], statistics: Statistics, timings: Mapping[str, Any]
    ) -> None:
        """Write the report, the manifest last."""
        report = Report(self._report, self.spec, self.prepared, self.host.count)
        observed = Observed(self._totals, statistics, self.prepared.columns.time)
        report.write(parts, observed, timings, self._evaluator)


class Outcomes:
    """The outcomes of jobs that are done in one go, and their parts.

    Args:
        outcomes: At least one.
        background: Writes the parts.
        same_rows: Whether the rows of all jobs differ in nothing but their entries.
    """

    def __init__(
        self, outcomes: Sequence[Outcome], background: Background, *, same_rows: bool
    ) -> None:
        groups = [outcomes] if same_rows else [[each] for each in outcomes]
        self._groups = [(group, _part_writer(group, background)) for group in groups]

    def add(self, results: Sequence[Rows]) -> None:
        """Take the next rows of each job."""
        rest = iter(results)
        for group, writer in self._groups:
            own = list(islice(rest, len(group)))
            for outcome, rows in zip(group, own, strict=True):
                outcome.add(rows)
            for index in own[0].by_channel:
                channel = group[0].prepared.channels[index]
                writer.add(channel, [rows.by_channel[index] for rows in own])

    def finish(self) -> list[dict[str, list[Part]]]:
        """Write what is left of the rows, judge them; for each job the parts of each channel."""
        parts = [parts for _, writer in self._groups for parts in writer.close()]
        for group, _ in self._groups:
            for outcome in group:
                outcome.finish()
        return parts


def _part_writer(group: Sequence[Outcome], background: Background) -> PartWriter:
    output = group[0].spec.output
    writer, host = writer_of(output.format), group[0].host
    shelves = [outcome.shelf for outcome in group]
    return PartWriter(shelves, writer, output.rows_per_part, background, host.mark)


def _make_folders(folders: Mapping[str, Path]) -> None:
    for folder in folders.values():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be written ({error.strerror})") from error
