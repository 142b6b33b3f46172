"""The report of a job: what is written beside its parts, the manifest last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.runtime.chain.preflight import Prepared
from headrace.runtime.evaluation.evaluator import Evaluator
from headrace.runtime.learning import files
from headrace.runtime.output.manifest import (
    MANIFEST,
    METRICS,
    TIMINGS,
    WARNINGS,
    manifest,
    write_bytes,
    write_json,
)
from headrace.runtime.output.parts import Part
from headrace.runtime.output.seal import sealed
from headrace.runtime.spec import EVALUATION, REPORT, REPORT_PAGE, JobSpec
from headrace.runtime.statistics.metrics import metrics
from headrace.runtime.statistics.observed import OBSERVED, Observed


@dataclass(frozen=True)
class Report:
    """Where a job's report goes, and what is known of the job beforehand.

    Attributes:
        folder: The folder, which exists.
        spec: The job.
        prepared: The same, fitted to its input, its steps knowing what they learned.
        host_count: Number of hosts that write reports of their own.
    """

    folder: Path
    spec: JobSpec
    prepared: Prepared
    host_count: int = 1

    def write(
        self,
        parts: Mapping[str, Sequence[Part]],
        observed: Observed,
        timings: Mapping[str, Any],
        evaluator: Evaluator | None = None,
    ) -> None:
        """Write all files.

        Args:
            parts: Of each channel.
            observed: What was seen of the rows.
            timings: What differs from run to run.
            evaluator: Has judged a model, if one was to be.

        Raises:
            DataError: A file cannot be written.
        """
        written = self._manifest(parts, observed.totals.rejected)
        names = [METRICS, TIMINGS, MANIFEST]
        if self.host_count > 1:
            names.append(OBSERVED)
            write_bytes(self.folder / OBSERVED, observed.to_bytes())
        totals, statistics, time = observed.totals, observed.statistics, observed.time
        written[WARNINGS] = observed.warnings(written)
        described = metrics(written, totals, statistics, self.prepared.hasher, time)
        write_json(self.folder / METRICS, described)
        if evaluator is not None:
            names.append(EVALUATION)
            write_json(self.folder / EVALUATION, evaluator.report)
            timings = {**timings, "evaluation_seconds": round(evaluator.seconds, 3)}
        write_json(self.folder / TIMINGS, dict(timings))
        write_json(self.folder / MANIFEST, sealed(written, self._files(written, names)))

    def _files(self, written: Mapping[str, Any], names: Sequence[str]) -> list[str]:
        """Return all files that belong to the result, of this host."""
        # Of several hosts, each has a folder of its name in that of the report.
        report = REPORT if self.host_count == 1 else f"{REPORT}/{self.folder.name}"
        parts = [part for channel in written["channels"].values() for part in channel["parts"]]
        made = [each["file"] for each in (*parts, *written.get(files.STATES, {}).values())]
        own = [f"{report}/{name}" for name in names]
        return [*self.spec.files, *made, *own, *([REPORT_PAGE] if self.host_count == 1 else [])]

    def _manifest(self, parts: Mapping[str, Sequence[Part]], rejected: int) -> dict[str, Any]:
        prepared = self.prepared
        made = manifest(self.spec, prepared.columns, prepared.n_features, parts, rejected)
        if kept := files.write(self.folder, prepared.links):
            made[files.STATES] = kept
        if self.host_count > 1:
            made["host_count"] = self.host_count
        return made
