"""One host's part of a job, from its input folder to its output folders."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.runtime.errors import DataError
from framework.runtime.manifest import manifest, write_json
from framework.runtime.metrics import Totals, metrics
from framework.runtime.ordered import in_order
from framework.runtime.parts import Part, PartWriter
from framework.runtime.pipeline import Process
from framework.runtime.preflight import Prepared, preflight
from framework.runtime.progress import Progress
from framework.runtime.sources import Group, files_below, groups_of, total_bytes
from framework.runtime.spec import REPORT, JobSpec, under
from framework.runtime.writers import writer_of

THREADS_VARIABLE = "HEADRACE_THREADS"


@dataclass(frozen=True)
class Host:
    """This host among all: its name and how many there are."""

    name: str = "algo-1"
    count: int = 1

    @property
    def mark(self) -> str:
        """What keeps this host's file names apart from the others'; nothing if it is alone."""
        return self.name if self.count > 1 else ""


def execute(spec: JobSpec, root: Path, host: Host) -> None:
    """Do the whole job.

    Args:
        spec: The job.
        root: What stands in for ``/opt/ml``.
        host: This host.

    Raises:
        HeadraceError: The data, the configuration or a plugin is not as it has to be.
    """
    started = time.monotonic()
    files = files_below(under(root, spec.input))
    if not files:
        raise DataError("the input holds no files")
    threads = _threads(spec)
    run = _Run(spec, preflight(spec, files), files, threads)
    if run.prepared.needs_row_count:
        run.count_rows()
    outputs = {name: under(root, folder) for name, folder in spec.outputs.items()}
    report = outputs.pop(REPORT) / host.mark
    _make_folders([*outputs.values(), report])
    parts = run.write(outputs, host)
    prepared, totals = run.prepared, run.totals
    written = manifest(spec, prepared.columns, prepared.n_features, parts, totals.rejected)
    described = metrics(prepared, run.process.statistics(), parts, totals)
    write_json(report / "metrics.json", described)
    write_json(report / "timings.json", _timings(started, threads))
    write_json(report / "manifest.json", written)


class _Run:
    """One job on its way through the pipeline."""

    def __init__(
        self, spec: JobSpec, prepared: Prepared, files: Sequence[Path], threads: int
    ) -> None:
        self.spec = spec
        self.prepared = prepared
        self.files = files
        self.threads = threads
        self.totals = Totals()
        self.process = self._process()
        self._first_rows: list[int] | None = None

    def count_rows(self) -> None:
        """One pass to learn how many good rows there are, and where each block's rows stand."""
        first_rows, rows = [], 0
        groups = ((group,) for group in self._groups())
        for count in in_order(self.process.count, groups, self.threads):
            first_rows.append(rows)
            rows += count
        self._first_rows = first_rows
        self.prepared = self.prepared.with_row_count(rows)
        self.process = self._process()

    def write(self, outputs: dict[str, Path], host: Host) -> dict[str, list[Part]]:
        """The pass that makes the result."""
        channels = self.prepared.channels
        output = self.spec.output
        writer = PartWriter(
            {name: outputs[name] for name in channels},
            writer_of(output.format),
            self.prepared.schema,
            output.rows_per_part,
            host.mark,
        )
        progress = Progress(total_bytes(self.files))
        try:
            for work in in_order(self.process, self._numbered(), self.threads):
                for channel, batch in work.rows.items():
                    writer.add(channels[channel], batch)
                self.totals.add(work)
                progress.advance(work.done, work.good + work.rejected)
            progress.show()
            self._refuse_nothing()
            return writer.close()
        except BaseException:
            writer.abort()
            raise

    @property
    def _skips(self) -> bool:
        return self.spec.dataset.on_bad_rows == "skip"

    def _process(self) -> Process:
        return Process(self.prepared.links, self.prepared.columns, skip_bad_rows=self._skips)

    def _groups(self) -> Iterator[Group]:
        size = self.spec.runtime.block_bytes
        return groups_of(self.files, self.spec.dataset, self.prepared.columns, size)

    def _numbered(self) -> Iterator[tuple[Group, int]]:
        if self._first_rows is None:
            return ((group, 0) for group in self._groups())
        return zip(self._groups(), self._first_rows, strict=True)

    def _refuse_nothing(self) -> None:
        if self.totals.rows:
            return
        if self.totals.rejected:
            raise DataError(f"all {self.totals.rejected} rows are bad; nothing is left to write")
        name = self.files[0].name if len(self.files) == 1 else f"the {len(self.files)} files"
        raise DataError(f"{name}: there are no rows after the header")


def _threads(spec: JobSpec) -> int:
    """Worker threads: as configured, else as this host's environment says, else every core."""
    if spec.runtime.threads is not None:
        return spec.runtime.threads
    declared = os.environ.get(THREADS_VARIABLE, "")
    return int(declared) if declared.isdigit() and int(declared) else len(os.sched_getaffinity(0))


def _make_folders(folders: Sequence[Path]) -> None:
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be written ({error.strerror})") from error


def _timings(started: float, threads: int) -> dict[str, Any]:
    """What differs from run to run; kept apart so that everything else is the same bytes."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": round(time.monotonic() - started, 3),
        "peak_memory_mb": round(kilobytes * 1024 / 1e6, 1),
        "threads": threads,
    }
