"""The page of a sweep: advice, charts against the keys that differ, every run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from headrace.results.pages import figures
from headrace.results.pages.charts import Chart
from headrace.results.pages.evaluation import ratio_chart
from headrace.results.pages.run_page import Tile
from headrace.results.pages.sweep.advice import CONFIDENCE, Advice, advise
from headrace.results.pages.sweep.drawings import (
    LEVELS,
    TWO_SIDED_95,
    Sweep,
    drawn,
    failed_elsewhere,
)
from headrace.results.pages.sweep.keys import Key, keys_of
from headrace.results.pages.sweep.parallel import parallel
from headrace.results.pages.sweep.runs import (
    Finished,
    Measure,
    differs,
    finished,
    measured,
)
from headrace.results.records import SweepRecord

_MOST_NAMED = 3
"""Keys in the title."""
_LEGEND = 20
"""Characters of a value in a legend."""
_MOST_MODELS = 4
"""Lines of the chart of calibration."""


def sweep_page(record: SweepRecord) -> dict[str, Any]:
    """Return everything that ``sweep.html`` needs."""
    runs = finished(record)
    keys, advice, all_measures = keys_of(runs), advise(runs), measured(runs)
    constant = [each for each in all_measures if len(set(map(each.of, runs))) == 1]
    failed = [run for run in record.runs if run.failure]
    sweep = Sweep(
        runs,
        keys,
        [measure for measure in all_measures if differs(measure, runs)],
        advice,
        [{key.name: run.settings.get(key.name, "") for key in keys} for run in failed],
    )
    drawings = drawn(sweep)
    return {
        "title": _title(record.swept),
        "folder": record.folder.absolute(),
        "tiles": list(_tiles(record, runs, all_measures)),
        "advice": advice,
        "drawings": drawings,
        "parallel": None if drawings.has_any or not keys else parallel(sweep),
        "levels": range(LEVELS),
        "against": " and ".join(key.short for key in keys) if len(keys) < 3 else "all keys",
        "failed_elsewhere": list(failed_elsewhere(sweep)) if keys else [],
        "noise": _noise(advice, runs),
        "calibration": _calibration(runs, advice, keys),
        "runs": runs,
        "shown": {key.name: {text: key.shown(text) for text in key.texts} for key in keys},
        "settings": {run.number: run.settings for run in record.runs},
        "numbers": {key.name for key in keys if key.is_number},
        "swept": _columns(record, keys),
        "columns": [each for each in all_measures if each not in constant or len(runs) == 1],
        "constant": constant,
        "failed": failed,
        "left_out": list(_left_out(record, runs)),
    }


def _title(swept: Sequence[str]) -> str:
    if len(swept) > _MOST_NAMED:
        return f"Sweep of {len(swept)} keys: {', '.join(swept)}"
    return f"Sweep of {' and '.join(swept) or 'one configuration'}"


def _columns(record: SweepRecord, keys: Sequence[Key]) -> list[tuple[str, str]]:
    """Return the swept keys, those that the finished runs differ in by their short names."""
    shorts = {key.name: key.short for key in keys}
    return [(name, shorts.get(name, name)) for name in record.swept]


def _tiles(
    record: SweepRecord, runs: Sequence[Finished], measures: Sequence[Measure]
) -> Iterator[Tile]:
    yield Tile("runs", figures.count(len(record.runs)))
    failed = sum(bool(run.failure) for run in record.runs)
    if failed:
        yield Tile("failed", figures.count(failed))
    for measure in measures:
        values = [value for value in map(measure.of, runs) if value is not None]
        if measure.caption in ("Rows", "Distinct tokens"):
            note = "at most" if len(set(values)) > 1 else ""
            yield Tile(f"{measure.caption.lower()} in each", measure.shown(max(values)), note)
        elif measure.is_loss:
            yield Tile(f"lowest {measure.short}", measure.shown(min(values)))
    alone = [run.seconds for run in runs if run.seconds is not None and not run.is_fused]
    together = {run.seconds for run in runs if run.seconds is not None and run.is_fused}
    if alone or together:
        yield Tile("time of all", figures.seconds(sum(alone) + sum(together)))


def _noise(advice: Advice, runs: Sequence[Finished]) -> str:
    """Return what the error bars and margins of the page are; empty without any."""
    if not any(margin.noise for margin in advice.margins.values()):
        return ""
    paired = any(run.judged and len(run.judged.groups) > 1 for run in runs)
    how = "paired by groups of the same rows" if paired else "as if of different rows"
    others = len(advice.margins) - 1
    corrected = f", corrected for {others} comparisons (Bonferroni)" if others > 1 else ""
    interval = f"{CONFIDENCE * 100:g}{figures.NARROW}% interval"
    text = f"{figures.PLUS_MINUS} is the {interval} of the difference to the lowest loss, {how}"
    errors = [run.auc_error for run in runs if run.auc_error]
    room = f"{figures.PLUS_MINUS} {figures.score(TWO_SIDED_95 * max(errors, default=0))}"
    auc = f" That of an AUC itself is {room} at most (DeLong)." if errors else ""
    return f"{text}{corrected}.{auc}"


def _calibration(runs: Sequence[Finished], advice: Advice, keys: Sequence[Key]) -> Chart | None:
    """Draw the models that the advice is about, or all if they are few."""
    judged = [run for run in runs if run.evaluation and run.evaluation.base_rate]
    if len(judged) > _MOST_MODELS:
        judged = [run for run in judged if run.number in (advice.taken, advice.best)]
    named = [(_label(run, keys), run.evaluation) for run in judged if run.evaluation]
    return ratio_chart(named) if named else None


def _label(run: Finished, keys: Sequence[Key]) -> str:
    """Return the text of a legend: the values, if these are one or two."""
    if not 0 < len(keys) < 3:
        return f"run {run.number}"
    return ", ".join(figures.visible(key.shown(run.settings[key.name]), _LEGEND) for key in keys)


def _left_out(record: SweepRecord, runs: Sequence[Finished]) -> Iterator[tuple[str, str]]:
    for run in record.runs:
        if run.record is None and not run.failure:
            yield f"Run {run.number}", f"its result is not on this machine: {run.output}"
    fused = ", ".join(str(run.number) for run in runs if run.is_fused)
    if fused:
        what = "were done in one go; their time and memory are those of all of them together"
        yield "Time and memory of each run", f"runs {fused} {what}"
    if runs and not any(run.is_program or run.judged for run in runs):
        yield "Log loss, AUC, calibration", "evaluation=logistic judges a model in each run"
