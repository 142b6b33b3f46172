"""The runs of a sweep as its page needs them: settings, figures, and how two of them differ."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from headrace.results.pages import figures
from headrace.results.pages.evaluation import Evaluation
from headrace.results.records import SweepRecord, SweepRun
from headrace.results.result import bytes_of
from headrace.results.stored import RunRecord
from headrace.runtime.spec import REPORT_PAGE

PLACES = ("output.path", "job.name")
"""Keys that say where a result goes: they differ from run to run and change no figure."""


@dataclass(frozen=True)
class Judged:
    """The loss of a run's model on rows that it has not seen.

    Attributes:
        rows: What two runs must have in common before they are compared: channel, number of rows,
            mean label, and the mean labels of groups of rows.
        mean: Mean of the rows' losses: log loss, or the squared error of a linear regression.
        error: Standard error of the mean; None if the evaluation does not tell.
        groups: Mean loss of each group of rows; empty likewise.
        is_squared: Whether people are shown the root of it.
    """

    rows: tuple[Any, ...]
    mean: float
    error: float | None
    groups: tuple[float, ...]
    is_squared: bool

    @classmethod
    def of(cls, report: Mapping[str, Any] | None) -> Judged | None:
        """Return what ``report/evaluation.json`` says; None if there is no loss in it."""
        if not report:
            return None
        channel = report["judged_on"]
        told, groups = report["channels"][channel], report.get("groups", {}).get(channel, {})
        losses = tuple(groups.get("mean_loss", ()))
        is_squared = "mse" in told
        name = "mse" if is_squared else "log_loss"
        if told.get(name) is None:
            return None
        mean_label = told.get("label_mean" if is_squared else "base_rate")
        return cls(
            rows=(channel, told["rows"], mean_label, tuple(groups.get("mean_label", ()))),
            mean=told[name],
            error=told.get(f"{name}_standard_error"),
            groups=() if None in losses else losses,
            is_squared=is_squared,
        )

    @property
    def shown(self) -> float:
        """Return the loss as people are shown it."""
        return math.sqrt(self.mean) if self.is_squared else self.mean

    def above(self, best: Judged) -> Difference:
        """Return how much higher this loss is than that of another model, on the same rows.

        Paired by groups of rows (`headrace.runtime.evaluation.losses`); without groups, as if the
        two had been judged on rows of their own, which is more noise than there is.
        """
        unit = self.shown + best.shown if self.is_squared else 1.0
        error = self._error_of_difference(best)
        if not unit:
            return Difference(0.0, error)
        return Difference((self.mean - best.mean) / unit, None if error is None else error / unit)

    def _error_of_difference(self, other: Judged) -> float | None:
        if len(self.groups) > 1 and len(self.groups) == len(other.groups):
            apart = [one - two for one, two in zip(self.groups, other.groups, strict=True)]
            return statistics.stdev(apart) / math.sqrt(len(apart))
        if self.error is None or other.error is None:
            return None
        return math.hypot(self.error, other.error)


@dataclass(frozen=True)
class Difference:
    """The distance of a loss from the lowest one, and the standard error of that."""

    value: float
    error: float | None


@dataclass(frozen=True)
class Finished:
    """The figures of one finished run; None for a figure that it does not have."""

    number: int
    settings: Mapping[str, str]
    """The keys that differ between the finished runs, and their values as they were written."""
    link: str = ""
    """Address of its page, from the sweep's; empty if it has none."""
    n_features: int | None = None
    rows: int | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    memory: float | None = None
    is_fused: bool = False
    """True: it was fused with others; seconds and memory are those of all of them."""
    is_program: bool = False
    bytes: int = 0
    tokens: int | None = None
    collision_rate: float | None = None
    evaluation: Evaluation | None = None
    judged: Judged | None = None
    auc_error: float | None = None

    def own(self, figure: float | None) -> float | None:
        """Return a figure, or None if the run shares it with others because it is fused."""
        return None if self.is_fused else figure

    @property
    def loss(self) -> float | None:
        """Return the loss as people are shown it; None without an evaluation."""
        return self.judged.shown if self.judged else None

    def named(self, keys: Sequence[str] | None = None) -> str:
        """Return settings as they would be written again: ``transform.n_features=64 …``.

        Args:
            keys: Which of them; default: all that differ.
        """
        chosen = self.settings if keys is None else keys
        return " ".join(f"{key}={self.settings[key]}" for key in chosen) or f"run {self.number}"


@dataclass(frozen=True)
class Measure:
    """A figure that runs are compared by.

    Attributes:
        caption: Title of its chart.
        short: Head of a column.
        y: Title of an axis, with the unit.
        of: Returns it; None if a run does not have it.
        shown: Formats it.
        scale: Factor for the marks of an axis.
        from_zero: Whether an axis begins at 0.
        best: Returns the best of some values; None if neither end is better.
        is_loss: Whether it is what the advice goes by.
    """

    caption: str
    short: str
    y: str
    of: Callable[[Finished], float | None]
    shown: Callable[[float | None], str]
    scale: float = 1
    from_zero: bool = True
    best: Callable[..., float] | None = min
    is_loss: bool = False


def _judged(*, is_squared: bool) -> Callable[[Finished], float | None]:
    return lambda run: run.loss if run.judged and run.judged.is_squared is is_squared else None


MEASURES = (
    Measure(
        "Log loss",
        "log loss",
        "log loss",
        _judged(is_squared=False),
        figures.score,
        from_zero=False,
        is_loss=True,
    ),
    Measure(
        "RMSE",
        "RMSE",
        "RMSE",
        _judged(is_squared=True),
        figures.score,
        from_zero=False,
        is_loss=True,
    ),
    Measure(
        "ROC AUC",
        "ROC AUC",
        "ROC AUC",
        lambda run: run.evaluation.auc if run.evaluation else None,
        figures.score,
        from_zero=False,
        best=max,
    ),
    Measure(
        "Tokens that collide",
        "colliding",
        "tokens, %",
        lambda run: run.collision_rate,
        figures.share,
        100,
    ),
    Measure("Time", "time", "time, s", lambda run: run.own(run.seconds), figures.seconds),
    Measure("CPU time", "CPU time", "CPU time, s", lambda run: run.cpu_seconds, figures.seconds),
    Measure(
        "Peak memory", "memory", "memory, MB", lambda run: run.own(run.memory), figures.megabytes
    ),
    Measure("Size of the result", "size", "size, MB", lambda run: run.bytes, figures.octets, 1e-6),
    Measure("Rows", "rows", "rows", lambda run: run.rows, figures.count, best=None),
    Measure(
        "Distinct tokens", "tokens", "distinct tokens", lambda run: run.tokens, figures.count,
        best=None,
    ),
)  # fmt: skip


def measured(runs: Sequence[Finished]) -> list[Measure]:
    """Return the measures that at least one of the runs has, most important first."""
    return [each for each in MEASURES if any(each.of(run) is not None for run in runs)]


def differs(measure: Measure, runs: Sequence[Finished]) -> bool:
    """Return whether the runs that have a figure do not all have the same."""
    return len({measure.of(run) for run in runs} - {None}) > 1


def varied(record: SweepRecord) -> list[str]:
    """Return the keys that differ between the finished runs; of `PLACES` only if no other does."""
    done = [run for run in record.runs if run.record]
    keys = [key for key in record.swept if len({run.settings.get(key) for run in done}) > 1]
    return [key for key in keys if key.lstrip("+") not in PLACES] or keys


def finished(record: SweepRecord) -> list[Finished]:
    """Return the runs that have a result on this machine, by number."""
    keys = varied(record)
    return [_finished(record.folder, run, run.record, keys) for run in record.runs if run.record]


def _finished(sweep: Path, run: SweepRun, record: RunRecord, keys: Sequence[str]) -> Finished:
    evaluation = record.evaluation
    told = evaluation["channels"][evaluation["judged_on"]] if evaluation else {}
    return Finished(
        number=run.number,
        settings={key: run.settings.get(key, "") for key in keys},
        link=link_to(sweep, record.folder),
        n_features=record.manifest.get("n_features"),
        rows=record.manifest.get("rows", {}).get("written"),
        seconds=record.timings.get("seconds"),
        cpu_seconds=record.timings.get("cpu_seconds") if record.is_program else None,
        memory=record.timings.get("peak_memory_mb"),
        is_fused="fused_runs" in record.timings,
        is_program=record.is_program,
        bytes=bytes_of(record.manifest),
        tokens=record.metrics.get("distinct_tokens"),
        collision_rate=record.metrics.get("collision_rate"),
        evaluation=Evaluation.of(evaluation),
        judged=Judged.of(evaluation),
        auc_error=told.get("auc_standard_error"),
    )


def link_to(sweep: Path, result: Path) -> str:
    """Return the address of a result's page, from the folder of its sweep; empty if it has none."""
    page = result / REPORT_PAGE
    if not page.is_file():
        return ""
    relative = Path(os.path.relpath(page.absolute(), sweep.absolute()))
    return f"./{quote(relative.as_posix())}"
