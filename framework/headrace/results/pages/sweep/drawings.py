"""Draw the measures of a sweep, by the number of keys that differ between the runs.

One key: a line over numbers, bars for texts. Two: a heat map. More, or two of which few
combinations were tried: parallel coordinates. Bars and heat maps are tables with colours, so that
their texts can be read out, copied, magnified and wrapped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from headrace.results.pages import figures
from headrace.results.pages.charts import NARROW, Axes, Chart, Series, lines
from headrace.results.pages.sweep.advice import Advice
from headrace.results.pages.sweep.keys import Key, Scale
from headrace.results.pages.sweep.runs import Finished, Measure

LEVELS = 7
"""Shades of a heat map."""
MOST_BARS = 12
MOST_COLUMNS, MOST_CELLS = 12, 200
"""Of a heat map."""
TWO_SIDED_95 = 1.96
"""Standard errors at either side of a figure."""
_FULL = 0.5
"""Part of the cells of a heat map that has to be there."""


@dataclass(frozen=True)
class Bar:
    """A value of a text, with a bar of this part of the longest."""

    text: str
    shown: str
    share: float | None
    is_taken: bool


@dataclass(frozen=True)
class Bars:
    """One bar for each value of a key; `left_out` values have none."""

    caption: str
    key: str
    measure: str
    bars: tuple[Bar, ...]
    left_out: int


@dataclass(frozen=True)
class Cell:
    """A combination of two values; the level is None where no figure is there."""

    shown: str
    level: int | None
    is_taken: bool = False


@dataclass(frozen=True)
class HeatMap:
    """The figures of all combinations of two keys.

    Attributes:
        columns: Values of the key with fewer of them.
        rows: Value of the other key, and its cells.
        first, last: What the lowest and the highest level stand for.
    """

    caption: str
    column_key: str
    row_key: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    first: str
    last: str


@dataclass(frozen=True)
class Drawn:
    """The drawings of a page: at most one kind has any; `parallel` is made elsewhere."""

    lines: tuple[tuple[str, Chart], ...] = ()
    bars: tuple[Bars, ...] = ()
    heat_maps: tuple[HeatMap, ...] = ()

    @property
    def has_any(self) -> bool:
        """Return whether there is a drawing."""
        return bool(self.lines or self.bars or self.heat_maps)


@dataclass(frozen=True)
class Sweep:
    """All that drawings are made of.

    Attributes:
        runs: Those that have finished.
        failed: Values of the keys in runs that have failed.
    """

    runs: Sequence[Finished]
    keys: Sequence[Key]
    measures: Sequence[Measure]
    advice: Advice
    failed: Sequence[Mapping[str, str]] = ()


def is_map(sweep: Sweep) -> bool:
    """Return whether two keys make a heat map that is not too large and mostly filled."""
    if len(sweep.keys) != 2:
        return False
    one, two = (len(key.texts) for key in sweep.keys)
    tried = {tuple(run.settings.values()) for run in sweep.runs}
    small = min(one, two) <= MOST_COLUMNS and one * two <= MOST_CELLS
    return small and len(tried) >= _FULL * one * two


def drawn(sweep: Sweep) -> Drawn:
    """Return the drawings of one key, or of two that make a heat map; else there are none."""
    if len(sweep.keys) == 1 and sweep.keys[0].is_number:
        return Drawn(lines=tuple(_lines(sweep, measure) for measure in sweep.measures))
    if len(sweep.keys) == 1:
        return Drawn(bars=tuple(_bars(sweep, measure) for measure in sweep.measures))
    if is_map(sweep):
        return Drawn(heat_maps=tuple(_heat_map(sweep, measure) for measure in sweep.measures))
    return Drawn()


def by_settings(
    runs: Sequence[Finished], keys: Sequence[Key], measure: Measure
) -> dict[tuple[str, ...], list[Finished]]:
    """Return the runs that have the figure, by the values of keys; a search repeats some."""
    groups: dict[tuple[str, ...], list[Finished]] = {}
    for run in runs:
        if measure.of(run) is not None:
            groups.setdefault(tuple(run.settings[key.name] for key in keys), []).append(run)
    return groups


def mean_of(runs: Sequence[Finished], measure: Measure) -> float:
    """Return the mean of a figure that all of these runs have."""
    return sum(measure.of(run) or 0 for run in runs) / len(runs)


def _caption(measure: Measure, keys: Sequence[Key]) -> str:
    return f"{measure.caption} by {' and '.join(key.short for key in keys)}"


def _lines(sweep: Sweep, measure: Measure) -> tuple[str, Chart]:
    (key,) = sweep.keys
    groups = by_settings(sweep.runs, sweep.keys, measure)
    points, titles, intervals = [], [], []
    for text in key.texts:
        for runs in filter(None, [groups.get((text,))]):
            value = mean_of(runs, measure)
            ends = _interval(runs[0], measure, sweep.advice)
            points.append((key.position(text), value))
            intervals.append(ends)
            told = f", {measure.shown(ends[0])} to {measure.shown(ends[1])}" if ends else ""
            titles.append(f"{key.short} {key.shown(text)}: {measure.shown(value)}{told}")
    axes = Axes(
        title=_caption(measure, sweep.keys),
        x=key.axis_title,
        y=measure.y,
        x_marks=key.marks(),
        y_scale=measure.scale,
        from_zero=measure.from_zero,
        size=NARROW,
    )
    series = Series(key.short, points, titles, intervals if any(intervals) else ())
    return axes.title, lines(axes, [series])


def _interval(run: Finished, measure: Measure, advice: Advice) -> tuple[float, float] | None:
    """Return the ends of an error bar: of the difference to the best loss, or of the AUC itself."""
    margin = advice.margins.get(run.number)
    value = measure.of(run)
    if value is None:
        return None
    if measure.caption == "ROC AUC" and run.auc_error:
        room = TWO_SIDED_95 * run.auc_error
        return value - room, value + room
    if measure.is_loss and margin is not None and margin.noise:
        return value - margin.noise, value + margin.noise
    return None


def _bars(sweep: Sweep, measure: Measure) -> Bars:
    (key,) = sweep.keys
    groups = by_settings(sweep.runs, sweep.keys, measure)
    values = {text: mean_of(runs, measure) for (text,), runs in groups.items()}
    order = _by_first_measure(sweep)
    shown = [text for text in order if text in values]
    low = 0.0 if measure.from_zero else _beginning(list(values.values()))
    span = max(values.values()) - low
    bars = [
        Bar(
            key.shown(text),
            measure.shown(values[text]),
            (values[text] - low) / span if span else 0.0,
            any(run.number == sweep.advice.taken for run in groups[(text,)]),
        )
        for text in shown[:MOST_BARS]
    ]
    for text in dict.fromkeys(settings.get(key.name, "") for settings in sweep.failed):
        if text not in values:
            bars.append(Bar(key.shown(text), "failed", None, is_taken=False))
    caption = _caption(measure, sweep.keys)
    if low:
        caption += f", from {measure.shown(low)} on"
    left_out = len(shown) - min(len(shown), MOST_BARS)
    return Bars(caption, key.short, measure.short, tuple(bars), left_out)


def _beginning(values: Sequence[float]) -> float:
    """Return where bars begin that would all look the same from zero on."""
    low, high = min(values), max(values)
    return low - (high - low) / 2 if high > low else 0.0


def _by_first_measure(sweep: Sweep) -> list[str]:
    """Return the values of the only key, the best first, so that all charts have one order."""
    (key,), first = sweep.keys, sweep.measures[0]
    groups = by_settings(sweep.runs, sweep.keys, first)
    sign = -1 if first.best is max else 1
    known = sorted(groups, key=lambda texts: sign * mean_of(groups[texts], first))
    order = [text for (text,) in known]
    return order + [text for text in key.texts if text not in order]


def _heat_map(sweep: Sweep, measure: Measure) -> HeatMap:
    down, across = sorted(sweep.keys, key=lambda key: -len(key.texts))
    groups = by_settings(sweep.runs, (down, across), measure)
    values = {texts: mean_of(runs, measure) for texts, runs in groups.items()}
    ends = [min(values.values()), max(values.values())]
    if measure.best is max or measure.best is None:
        ends.reverse()
    best, worst = ends
    failed = {(each.get(down.name, ""), each.get(across.name, "")) for each in sweep.failed}
    columns, rows = _with_failed(across, failed, 1), _with_failed(down, failed, 0)
    cells = {
        texts: Cell(
            measure.shown(values[texts]),
            level_of(values[texts], worst, best),
            any(run.number == sweep.advice.taken for run in groups[texts]),
        )
        for texts in values
    }
    missing = {
        texts: Cell("failed" if texts in failed else figures.NONE, None)
        for texts in product(rows, columns)
    }
    return HeatMap(
        _caption(measure, (down, across)),
        across.short,
        down.short,
        tuple(map(across.shown, columns)),
        tuple(
            (
                down.shown(row),
                tuple(cells.get((row, each)) or missing[row, each] for each in columns),
            )
            for row in rows
        ),
        measure.shown(worst),
        measure.shown(best),
    )


def _with_failed(key: Key, failed: set[tuple[str, str]], index: int) -> list[str]:
    """Return the values of a key, and behind them those with which every run has failed."""
    return [*key.texts, *sorted({texts[index] for texts in failed} - set(key.texts))]


def level_of(value: float, worst: float, best: float) -> int:
    """Return the shade of a value: 0 at the worst, the last of `LEVELS` at the best."""
    if worst == best:
        return LEVELS // 2
    return min(int((value - worst) / (best - worst) * LEVELS), LEVELS - 1)


def failed_elsewhere(sweep: Sweep) -> Iterator[str]:
    """Yield the settings of failed runs that no bar or cell shows."""
    if is_map(sweep) or (len(sweep.keys) == 1 and sweep.keys[0].scale is Scale.TEXTS):
        return
    for settings in sweep.failed:
        yield " ".join(f"{key.name}={settings.get(key.name, '')}" for key in sweep.keys)
