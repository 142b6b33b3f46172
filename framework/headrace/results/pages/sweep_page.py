"""The page of a sweep: advice, charts against the width, every run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

from headrace.results.pages import figures
from headrace.results.pages.advice import Candidate, advise
from headrace.results.pages.charts import MOST_SERIES, NARROW, Axes, Chart, Series, lines
from headrace.results.pages.evaluation import Evaluation, ratio_chart
from headrace.results.pages.run_page import Tile
from headrace.results.records import RunRecord, SweepRecord, SweepRun
from headrace.results.result import channels_of

WIDTH = "transform.n_features"
_MOST_MARKS = 6


@dataclass(frozen=True)
class Finished:
    """The figures of one finished run; None for a figure that it does not have."""

    number: int
    settings: dict[str, str]
    name: str
    """The other swept settings, in words."""
    n_features: int | None
    rows: int
    seconds: float | None
    memory: float | None
    is_fused: bool
    """Whether it was fused with others, so that seconds and memory are those of all of them."""
    bytes: int
    tokens: int | None
    collision_rate: float | None
    evaluation: Evaluation | None

    def own(self, figure: float | None) -> float | None:
        """Return a figure, or None if the run shares it with others because it is fused."""
        return None if self.is_fused else figure

    @property
    def log_loss(self) -> float | None:
        """Return the log loss of the model; None without an evaluation."""
        return self.evaluation.log_loss if self.evaluation else None

    @property
    def auc(self) -> float | None:
        """Return the AUC of the model; None without an evaluation."""
        return self.evaluation.auc if self.evaluation else None


@dataclass(frozen=True)
class Measure:
    """A figure that is drawn against the width."""

    caption: str
    y: str
    of: Callable[[Finished], float | None]
    shown: Callable[[float | None], str]
    scale: float = 1
    from_zero: bool = True


MEASURES = (
    Measure("Log loss", "log loss", lambda run: run.log_loss, figures.score, from_zero=False),
    Measure("ROC AUC", "ROC AUC", lambda run: run.auc, figures.score, from_zero=False),
    Measure("Tokens that collide", "tokens, %", lambda run: run.collision_rate, figures.share, 100),
    Measure("Time", "time, s", lambda run: run.own(run.seconds), figures.seconds),
    Measure("Size of the parts", "size, MB", lambda run: run.bytes, figures.octets, 1e-6),
    Measure("Peak memory", "memory, MB", lambda run: run.own(run.memory), figures.megabytes),
)


def sweep_page(record: SweepRecord) -> dict[str, Any]:
    """Return everything that ``sweep.html`` needs."""
    runs = [_finished(run, run.record, record.swept) for run in record.runs if run.record]
    failed = [run for run in record.runs if run.failure]
    advice = advise(list(_candidates(runs)))
    return {
        "title": f"Sweep of {' and '.join(record.swept) or 'one configuration'}",
        "folder": record.folder.absolute(),
        "tiles": list(_tiles(record, runs, failed)),
        "advice": advice,
        "charts": list(_charts(runs)),
        "calibration": _calibration(runs),
        "runs": runs,
        "swept": record.swept,
        "rows_differ": len({run.rows for run in runs}) > 1,
        "tokens_differ": len({run.tokens for run in runs}) > 1,
        "failed": failed,
        "has_verdicts": any(run.evaluation for run in runs),
        "left_out": list(_left_out(record, runs)),
    }


def _finished(run: SweepRun, record: RunRecord, swept: Sequence[str]) -> Finished:
    others = [f"{key}={run.settings.get(key, '')}" for key in swept if key != WIDTH]
    return Finished(
        number=run.number,
        settings={key: run.settings.get(key, "") for key in swept},
        name=", ".join(others),
        n_features=record.manifest["n_features"],
        rows=record.manifest["rows"]["written"],
        seconds=record.timings.get("seconds"),
        memory=record.timings.get("peak_memory_mb"),
        is_fused="fused_runs" in record.timings,
        bytes=sum(each.bytes for each in channels_of(record.manifest)),
        tokens=record.metrics.get("distinct_tokens"),
        collision_rate=record.metrics.get("collision_rate"),
        evaluation=Evaluation.of(record.evaluation),
    )


def _candidates(runs: Sequence[Finished]) -> Iterator[Candidate]:
    for run in runs:
        if run.n_features is not None:
            yield Candidate(
                run.number, run.name, run.n_features, run.collision_rate, run.evaluation
            )


def _tiles(
    record: SweepRecord, runs: Sequence[Finished], failed: Sequence[SweepRun]
) -> Iterator[Tile]:
    yield Tile("runs", figures.count(len(record.runs)))
    if failed:
        yield Tile("failed", figures.count(len(failed)))
    if runs:
        rows = {run.rows for run in runs}
        yield Tile("rows in each", figures.count(max(rows)), "at most" if len(rows) > 1 else "")
    tokens = {run.tokens for run in runs if run.tokens is not None}
    if len(tokens) == 1:
        yield Tile("distinct tokens", figures.count(max(tokens)))
    losses = [run.log_loss for run in runs if run.log_loss is not None]
    if losses:
        yield Tile("best log loss", figures.score(min(losses)))
    alone = [run.seconds for run in runs if run.seconds is not None and not run.is_fused]
    together = {run.seconds for run in runs if run.seconds is not None and run.is_fused}
    if alone or together:
        yield Tile("time of all", figures.seconds(sum(alone) + sum(together)))


def _groups(runs: Sequence[Finished]) -> dict[str, list[Finished]]:
    """Return runs that differ only in width, by width; no more groups than can be drawn."""
    groups: dict[str, list[Finished]] = {}
    for run in sorted(runs, key=lambda run: run.n_features or 0):
        if run.n_features is not None:
            groups.setdefault(run.name, []).append(run)
    return dict(list(groups.items())[:MOST_SERIES])


def _charts(runs: Sequence[Finished]) -> Iterator[tuple[str, Chart]]:
    groups = _groups(runs)
    widths = sorted(
        {run.n_features for group in groups.values() for run in group if run.n_features}
    )
    for measure in MEASURES if len(widths) > 1 else ():
        known = {
            name: [run for run in group if measure.of(run) is not None]
            for name, group in groups.items()
        }
        series = [_series(name, group, measure) for name, group in known.items() if group]
        if series:
            yield f"{measure.caption} by n_features", lines(_axes(measure, widths), series)


def _series(name: str, runs: Sequence[Finished], measure: Measure) -> Series:
    titles = [
        f"{name or 'n_features'} {figures.count(run.n_features)}: {measure.shown(measure.of(run))}"
        for run in runs
    ]
    return Series(name, [(log2(run.n_features or 1), measure.of(run)) for run in runs], titles)


def _axes(measure: Measure, widths: Sequence[int]) -> Axes:
    shown = widths[:: -(-len(widths) // _MOST_MARKS)]
    return Axes(
        title=f"{measure.caption} by n_features",
        x="n_features (logarithmic)",
        y=measure.y,
        x_marks=list(zip(map(log2, shown), figures.widths(shown), strict=True)),
        y_scale=measure.scale,
        from_zero=measure.from_zero,
        size=NARROW,
    )


def _calibration(runs: Sequence[Finished]) -> Chart | None:
    judged = [
        (_label(run), run.evaluation) for run in runs if run.evaluation and run.evaluation.base_rate
    ]
    return ratio_chart(judged[:MOST_SERIES]) if judged else None


def _label(run: Finished) -> str:
    width = figures.count(run.n_features)
    return f"{width} with {run.name}" if run.name else width


def _left_out(record: SweepRecord, runs: Sequence[Finished]) -> Iterator[tuple[str, str]]:
    for run in record.runs:
        if run.record is None and not run.failure:
            yield f"Run {run.number}", f"its result is not on this machine: {run.output}"
    fused = ", ".join(str(run.number) for run in runs if run.is_fused)
    if fused:
        what = "were done in one go; their time and memory are those of all of them together"
        yield "Time and memory by n_features", f"runs {fused} {what}"
    widths = {run.n_features for run in runs if run.n_features is not None}
    if len(widths) < 2:
        yield "Charts against n_features", "the finished runs do not differ in transform.n_features"
    if not any(run.evaluation for run in runs):
        yield "Log loss, AUC, calibration", "evaluation=logistic judges a model in each run"
    groups = {run.name for run in runs}
    if len(groups) > MOST_SERIES:
        yield "Some lines", f"the charts show the first {MOST_SERIES} of {len(groups)} combinations"
