"""The files that a job leaves: its parts, then its report, the manifest last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.runtime.chain.bad_rows import MOST_REJECTED, Rejection
from headrace.runtime.chain.pipeline import Rows
from headrace.runtime.chain.preflight import Prepared, refuse_unwritable
from headrace.runtime.errors import DataError
from headrace.runtime.output.parts import DenseColumns, Part, PartWriter
from headrace.runtime.output.report import Report, write_nothing
from headrace.runtime.output.writers import writer_of
from headrace.runtime.plugins.transforms import channels_of, load
from headrace.runtime.process.threads import Background
from headrace.runtime.spec import REPORT, ROWS, JobSpec, under
from headrace.runtime.statistics.metrics import Totals
from headrace.runtime.statistics.observed import Observed
from headrace.runtime.statistics.statistics import Statistics

if TYPE_CHECKING:
    from headrace.runtime.evaluation.evaluator import Evaluator


@dataclass(frozen=True)
class Host:
    """This host among all: its name and how many there are."""

    name: str = "algo-1"
    count: int = 1

    @property
    def mark(self) -> str:
        """Return what tells this host's file names from the others'; nothing if it is alone."""
        return self.name if self.count > 1 else ""


@dataclass(frozen=True)
class Task:
    """A job to do, and the folder in the place of ``/opt/ml``."""

    spec: JobSpec
    root: Path


class Outcome:
    """The files that one job leaves: its parts, the model's figures, the report.

    Args:
        task: The job.
        prepared: The job, fitted to its input.
        host: This host.
        background: Writes the parts.
        dense_columns: See `PartWriter`.

    Attributes:
        is_a_share: Other hosts do the rest of the job, so it may be that no good row is here.

    Raises:
        ChainError: What the steps learned made columns that the output format cannot hold.
        DataError: A folder cannot be made.
    """

    def __init__(
        self,
        task: Task,
        prepared: Prepared,
        host: Host,
        background: Background,
        dense_columns: Callable[..., DenseColumns] = DenseColumns.of,
    ) -> None:
        spec = task.spec
        refuse_unwritable(spec.output, prepared.schema)
        folders = {name: under(task.root, folder) for name, folder in spec.outputs.items()}
        folder = folders.pop(REPORT) / host.mark
        _make_folders({**folders, REPORT: folder})
        self.is_a_share = host.count > 1
        self._prepared = prepared
        self._report = Report(folder, spec, prepared, host.count)
        self._states = background.submit(self._report.write_states, lambda states: states)
        self._parts: dict[str, list[Part]] = {}
        self._rejections: list[Rejection] = []
        self._writer = PartWriter(
            {name: folders[name] for name in prepared.channels},
            prepared.schema,
            writer_of(spec.output),
            spec.output.rows_per_part,
            background,
            host.mark,
            dense_columns,
        )
        self._evaluator = _evaluator(spec, prepared, folder)

    @property
    def lists_bad_rows(self) -> bool:
        """Return whether there is room for more bad rows on the list of them."""
        return len(self._rejections) < MOST_REJECTED

    def add(self, rows: Rows) -> None:
        """Take the next rows, for the model too if there is one."""
        self._rejections += rows.rejections[: MOST_REJECTED - len(self._rejections)]
        by_channel = {self._prepared.channels[i]: rows.by_channel[i] for i in rows.by_channel}
        if self._evaluator is not None:
            for channel, batch in by_channel.items():
                self._evaluator.add(channel, batch)
        for channel, batch in by_channel.items():
            self._writer.add(channel, batch)

    def flush(self) -> None:
        """Begin to write the rows that are left; there will be no more."""
        self._writer.flush()

    def finish(self) -> None:
        """Write the rows that are left, wait for all parts, and judge the model."""
        self._parts = self._writer.close()
        if self._evaluator is not None:
            self._evaluator.finish()

    def close(self) -> None:
        """Remove what was needed while the job ran, however it ended."""
        if self._evaluator is not None:
            self._evaluator.close()

    def report(self, totals: Totals, statistics: Statistics, timings: Mapping[str, Any]) -> None:
        """Write the report, the manifest last."""
        observed = Observed(totals, statistics, self._prepared.columns.time)
        states = self._states.result()
        self._report.write(
            states, self._parts, observed, timings, self._evaluator, self._rejections
        )


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
    if spec.learned is not None:
        channels = (ROWS,)
    write_nothing(report, spec, channels, host.count, timings)


def _make_folders(folders: Mapping[str, Path]) -> None:
    for folder in folders.values():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be written ({error.strerror})") from error


def _evaluator(spec: JobSpec, prepared: Prepared, folder: Path) -> Evaluator | None:
    if spec.evaluation is None:
        return None
    # Most jobs judge no model; this is a tenth of the imports.
    from headrace.runtime.evaluation.evaluator import Evaluator

    return Evaluator(spec.evaluation, prepared.schema, prepared.channels, folder)
