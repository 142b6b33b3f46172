"""What one job leaves behind, in the making: its parts, then its report, the manifest last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.runtime.errors import DataError
from framework.runtime.manifest import manifest, write_json
from framework.runtime.metrics import Totals, metrics
from framework.runtime.parts import Background, Part, PartWriter
from framework.runtime.pipeline import Rows
from framework.runtime.preflight import Prepared
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

    @property
    def totals(self) -> Totals:
        """What the rows add up to so far."""
        return self._totals

    def add(self, rows: Rows) -> None:
        """Take the next rows."""
        for channel, batch in rows.by_channel.items():
            self._writer.add(self._prepared.channels[channel], batch)
        self._totals.add(rows)

    def close(self) -> dict[str, list[Part]]:
        """Write what is left of the rows; the parts of each channel."""
        return self._writer.close()

    def report(
        self, parts: dict[str, list[Part]], statistics: Statistics, timings: Mapping[str, Any]
    ) -> None:
        """Write the report, the manifest last."""
        prepared, totals = self._prepared, self._totals
        written = manifest(
            self._spec, prepared.columns, prepared.n_features, parts, totals.rejected
        )
        described = metrics(prepared, statistics, parts, totals)
        write_json(self._report / "metrics.json", described)
        write_json(self._report / "timings.json", dict(timings))
        write_json(self._report / "manifest.json", written)


def _make_folders(folders: Mapping[str, Path]) -> None:
    for folder in folders.values():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be written ({error.strerror})") from error
