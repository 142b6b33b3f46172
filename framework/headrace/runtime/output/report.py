"""The report of a job: what is written beside its parts, the manifest last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.runtime.chain.bad_rows import Rejection
from headrace.runtime.chain.columns import Columns
from headrace.runtime.chain.preflight import Prepared
from headrace.runtime.learning import files
from headrace.runtime.output.feature_map import described_files
from headrace.runtime.output.left_out import left_out
from headrace.runtime.output.manifest import (
    FEATURE_MAP,
    FEATURES,
    IS_EMPTY,
    MANIFEST,
    METRICS,
    REJECTED,
    TIMINGS,
    TOKENS,
    WARNINGS,
    manifest,
    write_bytes,
    write_json,
)
from headrace.runtime.output.parts import Part
from headrace.runtime.output.rejected import described
from headrace.runtime.output.seal import files_of_part, sealed
from headrace.runtime.spec import EVALUATION, REPORT, REPORT_PAGE, JobSpec
from headrace.runtime.statistics.metrics import Totals, metrics
from headrace.runtime.statistics.observed import OBSERVED, Observed
from headrace.runtime.statistics.statistics import Statistics

if TYPE_CHECKING:
    from headrace.runtime.evaluation.evaluator import Evaluator


@dataclass(frozen=True)
class Report:
    """The report of a job: its folder, and what is known of the job beforehand.

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

    def write_states(self) -> dict[str, Any]:
        """Write what the steps learned: known before the rows are written, so it need not wait.

        Returns:
            What the manifest says of it; nothing of what was learned in another run.

        Raises:
            DataError: A file cannot be written.
        """
        learned = self.prepared.links if self.spec.learned is None else ()
        return files.write(self.folder, learned, self._name)

    def write(
        self,
        states: Mapping[str, Any],
        parts: Mapping[str, Sequence[Part]],
        observed: Observed,
        timings: Mapping[str, Any],
        evaluator: Evaluator | None = None,
        rejections: Sequence[Rejection] = (),
    ) -> None:
        """Write all other files.

        Args:
            states: What `write_states` gave.
            parts: Of each channel.
            observed: What was seen of the rows.
            timings: What differs from run to run.
            evaluator: Has judged a model, if one was to be.
            rejections: The first rows that were left out.

        Raises:
            DataError: A file cannot be written.
        """
        written = self._manifest(states, parts, observed.totals.rejected)
        written |= left_out(written, self.prepared, observed.totals)
        names = [METRICS, TIMINGS, MANIFEST]
        if rejections:
            names.append(REJECTED)
            content = described(rejections, self.spec.dataset.encoding)
            write_bytes(self.folder / REJECTED, content)
        if self.host_count > 1:
            names.append(OBSERVED)
            write_bytes(self.folder / OBSERVED, observed.to_bytes())
        if FEATURES in written:
            names.append(FEATURE_MAP)
            write_json(self.folder / FEATURE_MAP, written[FEATURES])
        totals, statistics, time = observed.totals, observed.statistics, observed.time
        written[WARNINGS] = observed.warnings(written)
        if statistics.tokens is not None and self.prepared.hasher is not None:
            names.append(TOKENS)
            content = statistics.tokens.parquet(self.prepared.hasher)
            write_bytes(self.folder / TOKENS, content)
        figures = metrics(written, totals, statistics, self.prepared.hasher, time)
        write_json(self.folder / METRICS, figures)
        if evaluator is not None:
            names.append(EVALUATION)
            write_json(self.folder / EVALUATION, evaluator.report)
            timings = {**timings, "evaluation_seconds": round(evaluator.seconds, 3)}
        write_json(self.folder / TIMINGS, dict(timings))
        write_json(self.folder / MANIFEST, sealed(written, self._files(written, names)))

    @property
    def _name(self) -> str:
        """Return the path of the folder, of which each of several hosts has its own."""
        return REPORT if self.host_count == 1 else f"{REPORT}/{self.folder.name}"

    def _files(self, written: Mapping[str, Any], names: Sequence[str]) -> list[str]:
        """Return all files that belong to the result, of this host."""
        report = self._name
        parts = [part for channel in written["channels"].values() for part in channel["parts"]]
        in_parts = [file for part in parts for file in files_of_part(part)]
        made = [each["file"] for each in (*in_parts, *written.get(files.STATES, {}).values())]
        own = [f"{report}/{name}" for name in names]
        return [*self.spec.files, *made, *own, *([REPORT_PAGE] if self.host_count == 1 else [])]

    def _manifest(
        self, states: Mapping[str, Any], parts: Mapping[str, Sequence[Part]], rejected: int
    ) -> dict[str, Any]:
        prepared = self.prepared
        made = manifest(self.spec, prepared.columns, prepared.n_features, parts, rejected)
        made |= described_files(prepared, self.spec.output)
        if states:
            made[files.STATES] = dict(states)
        if self.host_count > 1:
            made["host_count"] = self.host_count
        return made


def write_nothing(
    folder: Path,
    spec: JobSpec,
    channels: Sequence[str],
    host_count: int,
    timings: Mapping[str, Any],
) -> None:
    """Write the report of one of several hosts that had nothing to read.

    Args:
        folder: The folder, which exists.
        spec: The job.
        channels: Its channels.
        host_count: Number of hosts that write reports of their own.
        timings: What differs from run to run.

    Raises:
        DataError: A file cannot be written.
    """
    made = manifest(spec, Columns((), {}), None, dict.fromkeys(channels, ()), 0)
    made |= {"host_count": host_count, IS_EMPTY: True}
    observed = Observed(Totals(), Statistics(), spec.dataset.time)
    write_bytes(folder / OBSERVED, observed.to_bytes())
    write_json(
        folder / METRICS, metrics(made, observed.totals, observed.statistics, None, observed.time)
    )
    write_json(folder / TIMINGS, dict(timings))
    names = (OBSERVED, METRICS, TIMINGS, MANIFEST)
    files_made = [f"{REPORT}/{folder.name}/{name}" for name in names]
    write_json(folder / MANIFEST, sealed(made, [*spec.files, *files_made]))
