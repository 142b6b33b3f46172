"""What one job leaves behind, in the making: its parts, then its report, the manifest last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.runtime.errors import DataError
from framework.runtime.evaluation.evaluator import evaluator
from framework.runtime.metrics import Totals
from framework.runtime.observed import Observed
from framework.runtime.parts import Background, Part, PartWriter
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
    """Takes the rows of one job as they come and writes everything that it leaves.

    Args:
        task: The job.
        prepared: The same, fitted to its input.
        host: This host.
        background: Writes the parts.

    Raises:
        DataError: A folder cannot be made.
    """

    def __init__(self, task: Task, prepared: Prepared, host: Host, background: Background) -> None:
        folders = {name: under(task.root, folder) for name, folder in task.spec.outputs.items()}
        self._report = folders.pop(REPORT) / host.mark
        self._host = host
        self._spec = task.spec
        self._prepared = prepared
        self._totals = Totals()
        _make_folders({**folders, REPORT: self._report})
        output = task.spec.output
        self._writer = PartWriter(
            {name: folders[name] for name in prepared.channels},
            writer_of(output.format),
            prepared.schema,
            output.rows_per_part,
            background,
            host.mark,
        )
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
        return self._host.count > 1

    def add(self, rows: Rows) -> None:
        """Take the next rows."""
        for index, batch in rows.by_channel.items():
            channel = self._prepared.channels[index]
            self._writer.add(channel, batch)
            if self._evaluator is not None:
                self._evaluator.add(channel, batch)
        self._totals.add(rows)

    def finish(self) -> dict[str, list[Part]]:
        """Write what is left of the rows, judge them; the parts of each channel."""
        parts = self._writer.close()
        if self._evaluator is not None:
            self._evaluator.finish()
        return parts

    def close(self) -> None:
        """Give back what was only needed on the way, however it ended."""
        if self._evaluator is not None:
            self._evaluator.close()

    def report(
        self, parts: dict[str, list[Part]], statistics: Statistics, timings: Mapping[str, Any]
    ) -> None:
        """Write the report, the manifest last."""
        report = Report(self._report, self._spec, self._prepared, self._host.count)
        observed = Observed(self._totals, statistics, self._prepared.columns.time)
        report.write(parts, observed, timings, self._evaluator)


def _make_folders(folders: Mapping[str, Path]) -> None:
    for folder in folders.values():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be written ({error.strerror})") from error
