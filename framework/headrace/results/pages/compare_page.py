"""The page that compares two results: rows, settings, columns, evaluation, sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from headrace.results.pages import figures
from headrace.results.pages.charts import NARROW, Axes, Chart, Series, lines
from headrace.results.pages.columns import SHOWN
from headrace.results.pages.evaluation import Evaluation, Regression
from headrace.results.pages.story import Made, moment_of, title
from headrace.results.program_manifest import outputs_of
from headrace.results.result import bytes_of, channels_of
from headrace.results.stored import RunRecord

Pair = tuple[RunRecord, RunRecord]
NAMES = ("A", "B")

_FOR_ALL = [(part / 4, f"{25 * part}") for part in range(5)]


@dataclass(frozen=True)
class Row:
    """A line of a table: what it is about, both values, and their difference."""

    name: str
    one: str
    other: str
    difference: str = ""


def compare_page(
    records: Pair, settings: Sequence[tuple[str, str, str]], differences: Sequence[str]
) -> dict[str, Any]:
    """Return everything that ``compare.html`` needs.

    Args:
        records: Two results of one kind.
        settings: Those that differ, with both values.
        differences: What differs in the rows or the files; nothing if they are the same.
    """
    evaluations = [Evaluation.of(record.evaluation) for record in records]
    regressions = [Regression.of(record.evaluation) for record in records]
    columns = list(_columns(records))
    return {
        "title": " and ".join(map(_name, records)) + " compared",
        "sides": [
            (name, record.place, title(record, Made.of(record)))
            for name, record in zip(NAMES, records, strict=True)
        ],
        "differences": list(differences),
        "is_program": records[0].is_program,
        "settings": [(_key(key), one, other) for key, one, other in settings],
        "rows": list(_rows(records)),
        "columns": columns[:SHOWN],
        "all_columns": len(columns),
        "compared": _compared(records),
        "metrics": [*_metrics(evaluations), *_errors(regressions)],
        "are_judged_alike": _are_judged_alike(evaluations) and _are_judged_alike(regressions),
        "roc": _curves(
            "ROC curve: true positive rate by false positive rate",
            "false positive rate, %",
            "true positive rate, %",
            [evaluation.roc if evaluation else () for evaluation in evaluations],
        ),
        "precision_recall": _curves(
            "Precision-recall curve: precision by recall",
            "recall, %",
            "precision, %",
            [evaluation.precision_recall[1:] if evaluation else () for evaluation in evaluations],
        ),
        "costs": list(_costs(records)),
    }


def _name(record: RunRecord) -> str:
    return figures.visible(PurePosixPath(record.place).name or record.place, 60)


def _key(key: str) -> str:
    """Return the address of a setting, without what only says where the manifest keeps it."""
    return key.removeprefix("config.").replace(".parameters.", ".")


def _rows(records: Pair) -> Iterator[Row]:
    """Yield the channels, or the outputs of programs."""
    if records[0].is_program:
        outputs = [{each.name: each for each in outputs_of(record.manifest)} for record in records]
        for name in dict.fromkeys([*outputs[0], *outputs[1]]):
            files, sizes = (
                [getattr(each[name], what) if name in each else None for each in outputs]
                for what in ("files", "bytes")
            )
            yield _row(f"{name}: files", files)
            yield _row(f"{name}: size", sizes, shown=figures.octets)
        return
    channels = [{each.name: each.rows for each in channels_of(each.manifest)} for each in records]
    for name in dict.fromkeys([*channels[0], *channels[1]]):
        yield _row(f"{name}: rows", [each.get(name) for each in channels])
    rates = [
        {name: each.get("label_mean") for name, each in record.metrics.get("channels", {}).items()}
        for record in records
    ]
    for name in dict.fromkeys([*rates[0], *rates[1]]):
        one, other = (each.get(name) for each in rates)
        if one is not None or other is not None:
            yield _row(f"{name}: mean label", (one, other), shown=figures.measure)


def _columns(records: Pair) -> Iterator[tuple[str, list[Row]]]:
    """Yield the columns whose statistics differ, with what differs."""
    described = [record.metrics.get("columns", {}) for record in records]
    if not all(described):
        return
    for name in dict.fromkeys([*described[0], *described[1]]):
        one, other = (each.get(name) for each in described)
        if one is None or other is None:
            yield name, [Row("is there", _yes(one), _yes(other))]
        elif rows := list(_of_column(one, other)):
            yield name, rows


def _yes(there: object) -> str:
    return "no" if there is None else "yes"


def _of_column(one: dict[str, Any], other: dict[str, Any]) -> Iterator[Row]:
    names = {
        "distinct": "distinct values",
        "nulls": "empty cells",
        "colliding_tokens": "colliding tokens",
    }
    for key, name in names.items():
        if one.get(key) != other.get(key):
            yield _row(name, (one.get(key), other.get(key)))
    values = [
        {each["value"]: each["rows"] for each in side.get("frequent_values", ())}
        for side in (one, other)
    ]
    changed = [
        name
        for name in dict.fromkeys([*values[0], *values[1]])
        if values[0].get(name) != values[1].get(name)
    ]
    for name in islice(changed, 1):
        yield _row(f"rows of {figures.visible(name, 40)}", [each.get(name) for each in values])
    if len(changed) > 1:
        yield Row(f"{len(changed) - 1} more frequent values", "", "")


def _compared(records: Pair) -> bool:
    """Return whether both have metrics."""
    return all(record.metrics.get("columns") for record in records)


def _metrics(evaluations: Sequence[Evaluation | None]) -> Iterator[Row]:
    if not any(evaluations):
        return
    for name, key in (
        ("log loss", "log_loss"),
        ("ROC AUC", "auc"),
        ("normalised entropy", "normalised_entropy"),
        ("calibration ratio", "calibration_ratio"),
    ):
        one, other = (getattr(each, key, None) for each in evaluations)
        yield _row(name, (one, other), shown=figures.score)


def _errors(regressions: Sequence[Regression | None]) -> Iterator[Row]:
    if not any(regressions):
        return
    for name, key in (("R²", "r2"), ("RMSE", "rmse"), ("MAE", "mae")):
        one, other = (getattr(each, key, None) for each in regressions)
        yield _row(name, (one, other), shown=figures.measure)


def _are_judged_alike(models: Sequence[Evaluation | Regression | None]) -> bool:
    """Return whether both were judged on as many rows of one channel with one mean label."""
    one, other = models
    return one is None or other is None or one.rows_judged == other.rows_judged


def _curves(
    title: str, x: str, y: str, curves: Sequence[Sequence[tuple[float, float]]]
) -> Chart | None:
    """Draw the curves of both; None if neither has one."""
    series = [
        Series(
            name,
            curve,
            [f"{name}: {figures.share(each[1])} at {figures.share(each[0])}" for each in curve],
        )
        for name, curve in zip(NAMES, curves, strict=True)
        if curve
    ]
    axes = Axes(title, x, y, _FOR_ALL, y_scale=100, from_zero=True, size=NARROW)
    return lines(axes, series) if series else None


def _costs(records: Pair) -> Iterator[Row]:
    one, other = (bytes_of(record.manifest) for record in records)
    yield _row("size", (one, other), shown=figures.octets)
    for name, key, shown in (
        ("time", "seconds", figures.seconds),
        ("peak memory", "peak_memory_mb", figures.megabytes),
    ):
        measured = [record.timings.get(key) for record in records]
        if any(each is not None for each in measured):
            yield _row(name, measured, shown=shown)
    made = [f"{each.day} {each:%b %Y, %H:%M} UTC" for each in map(moment_of, records) if each]
    if len(made) == len(records):
        yield Row("date", made[0], made[1])


def _row(
    name: str,
    values: Iterable[float | None],
    shown: Callable[[float | None], str] = figures.count,
) -> Row:
    """Return a line of numbers; `values` are those of both results."""
    one, other = values
    difference = "" if one is None or other is None else _signed(shown, other - one)
    return Row(name, shown(one), shown(other), difference)


def _signed(shown: Callable[[float | None], str], difference: float) -> str:
    """Return a difference with its sign; nothing if there is none."""
    if not math.isfinite(difference):  # of numbers near the largest
        return ""
    text = shown(abs(difference))
    return "" if text == shown(0) else f"{'+' if difference > 0 else figures.MINUS}{text}"
