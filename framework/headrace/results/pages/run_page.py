"""The page of a run: the data of each section, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headrace.aws.request import RequestView
from headrace.results.pages import figures
from headrace.results.pages.columns import MUCH, SOME, columns_of, drifts_of
from headrace.results.pages.evaluation import (
    Evaluation,
    Regression,
    calibration_chart,
    precision_recall_chart,
    roc_chart,
    scores_chart,
)
from headrace.results.pages.story import Made, moment_of, snippet, stages, title
from headrace.results.pages.timeline import Timeline, timeline_of
from headrace.results.result import Channel, channels_of
from headrace.results.stored import RunRecord
from headrace.runtime.output.seal import files_of_part
from headrace.uris import path_of

MOST_CLASSES = 20
BINARY, CLASSES, NUMBER = "binary", "classes", "number"
"""Kinds of labels, as ``metrics.json`` names them."""
_DIGEST = 12
"""Characters of a digest that are shown."""


@dataclass(frozen=True)
class Tile:
    """One figure that is seen at once."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class ChannelRow:
    """A channel with the part of all rows that it has, and the mean of its labels."""

    channel: Channel
    share: float
    label_mean: float | None


@dataclass(frozen=True)
class Class:
    """One of several labels, and the part of the rows of each channel that has it."""

    name: str
    shares: tuple[float, ...]


def run_page(record: RunRecord, made: Made) -> dict[str, Any]:
    """Return everything that ``run.html`` needs.

    Args:
        record: The result.
        made: How it was made.
    """
    rates = has_rates(record)
    timeline = draw_timeline(record)
    evaluation = Evaluation.of(record.evaluation)
    columns = columns_of(record.metrics, record.manifest["columns"]["numeric"])
    return {
        "title": title(record, made),
        "made": made,
        "stages": stages(record),
        "snippet": snippet(record),
        "facts": list(_facts(record, made)),
        "tiles": list(_tiles(record, evaluation)),
        "timeline": timeline,
        "channels": _channels(record),
        "warnings": [each["text"] for each in record.manifest.get("warnings", ())],
        "rate_name": _rate_name(record),
        "has_rates": rates,
        "classes": classes_of(record),
        "columns": columns,
        "has_nulls": any(column.nulls for column in columns),
        "has_collisions": any(column.colliding for column in columns),
        "with_rates": any(column.has_rates for column in columns),
        "drifts": drifts_of(record.metrics),
        "thresholds": (SOME, MUCH),
        "all_columns": len(record.metrics.get("columns", {})),
        "collisions_are_exact": record.metrics.get("collisions_are_exact", True),
        "evaluation": evaluation,
        "calibration": evaluation and calibration_chart(evaluation),
        "roc": evaluation and roc_chart(evaluation),
        "precision_recall": evaluation and precision_recall_chart(evaluation),
        "scores": evaluation and scores_chart(evaluation),
        "regression": Regression.of(record.evaluation),
        "parts": [
            {**file, "digest": file["sha256"][:_DIGEST]}
            for channel in record.manifest["channels"].values()
            for part in channel["parts"]
            for file in files_of_part(part)
        ],
        "mapping": list(mapping(record.request)),
        "left_out": list(_left_out(record, made, timeline)),
    }


def draw_timeline(record: RunRecord) -> Timeline | None:
    """Draw the rows by time, if there is more than one point in time; kept for the next time."""
    return timeline_of(record.metrics.get("time"), has_rates=has_rates(record))


def has_rates(record: RunRecord) -> bool:
    """Return whether the labels are 0 and 1, so that their means are click rates."""
    if "label" in record.metrics:
        return bool(record.metrics["label"] == BINARY)
    # An earlier version did not say; the means of clicks are between 0 and 1.
    means = [each.get("label_mean") for each in record.metrics.get("channels", {}).values()]
    known = [mean for mean in means if mean is not None]
    return bool(known) and all(0 <= mean <= 1 for mean in known)


def _rate_name(record: RunRecord) -> str | None:
    """Return what the mean of the labels is called; None if it means nothing."""
    if has_rates(record):
        return "click rate"
    has_label = record.manifest["columns"]["label"] is not None
    return "mean label" if has_label and record.metrics.get("label") != CLASSES else None


def classes_of(record: RunRecord) -> list[Class]:
    """Return the labels of several classes, the first `MOST_CLASSES`; none of other labels."""
    metrics = record.metrics
    if metrics.get("label") != CLASSES:
        return []
    channels = [each.get("labels", {}) for each in metrics.get("channels", {}).values()]
    every = sorted({label for each in channels for label in each}, key=float)
    texts = record.manifest["config"]["dataset"].get("label_values", {})
    names = {f"{float(number):.17g}": text for text, number in texts.items()}
    return [
        Class(
            f"{names[label]} ({label})" if label in names else label,
            tuple(each.get(label, 0) / (sum(each.values()) or 1) for each in channels),
        )
        for label in every[:MOST_CLASSES]
    ]


def _facts(record: RunRecord, made: Made) -> Iterator[tuple[str, str]]:
    yield from facts_of_request(record, made)
    manifest = record.manifest
    yield "configuration", f"sha256 {manifest['config_sha256'][:_DIGEST]}"
    yield "versions", ", ".join(f"{name} {which}" for name, which in manifest["versions"].items())


def facts_of_request(record: RunRecord, made: Made) -> Iterator[tuple[str, str]]:
    """Yield the job's name and time and, if it ran, the image."""
    view = RequestView(record.request or {})
    if view.name:
        yield "job", view.name
    if moment := moment_of(record):
        yield "time", f"{moment.day} {moment:%b %Y, %H:%M} UTC"
    if view.image and made.image_ran:
        yield "image", view.image


def _tiles(record: RunRecord, evaluation: Evaluation | None) -> Iterator[Tile]:
    rows, metrics, timings = record.manifest["rows"], record.metrics, record.timings
    part = figures.share(rows["rejected"] / rows["read"]) if rows["read"] else ""
    none = "" if rows["rejected"] else "none rejected"
    yield Tile("rows written", figures.count(rows["written"]), none)
    if rows["rejected"]:
        yield Tile("rows rejected", figures.count(rows["rejected"]), part)
    if left_out := rows.get("left_out"):
        yield Tile("rows left out", figures.count(left_out), figures.share(left_out / rows["read"]))
    mean = _mean_of_all(metrics)
    if mean is not None and has_rates(record):
        note = "of the rows that are left" if "downsample" in record.manifest else ""
        yield Tile("click rate", figures.share(mean), note)
    if record.manifest["n_features"] is not None:
        yield Tile("n_features", figures.count(record.manifest["n_features"]))
    if "collision_rate" in metrics:
        note = "" if metrics.get("collisions_are_exact", True) else "expected"
        yield Tile("tokens that collide", figures.share(metrics["collision_rate"]), note)
    if evaluation is not None:
        yield Tile("log loss", figures.score(evaluation.log_loss), f"on {evaluation.channel}")
        yield Tile("ROC AUC", figures.score(evaluation.auc), f"on {evaluation.channel}")
    if (regression := Regression.of(record.evaluation)) is not None:
        yield Tile("R²", figures.score(regression.r2), f"on {regression.channel}")
    if "seconds" in timings:
        yield Tile("time", figures.seconds(timings["seconds"]), _threads(timings))
    if "peak_memory_mb" in timings:
        yield Tile("peak memory", figures.megabytes(timings["peak_memory_mb"]))


def _threads(timings: dict[str, Any]) -> str:
    threads = timings.get("threads", 0)
    return f"{threads} thread{'' if threads == 1 else 's'}" if threads else ""


def _mean_of_all(metrics: dict[str, Any]) -> float | None:
    channels = [each for each in metrics.get("channels", {}).values() if each["rows"]]
    rows = sum(each["rows"] for each in channels)
    if not rows or any(each.get("label_mean") is None for each in channels):
        return None
    return float(sum(each["rows"] * each["label_mean"] for each in channels) / rows)


def _channels(record: RunRecord) -> list[ChannelRow]:
    channels = channels_of(record.manifest)
    total = sum(each.rows for each in channels) or 1
    described = record.metrics.get("channels", {})
    return [
        ChannelRow(each, each.rows / total, described.get(each.name, {}).get("label_mean"))
        for each in channels
    ]


def mapping(request: dict[str, Any] | None) -> Iterator[tuple[str, str, str, str]]:
    """Yield kind, name, location outside and path inside the container."""
    view = RequestView(request or {})
    for source in view.inputs:
        yield "input", source.name, _location(source.uri), source.container_path
    for output in view.outputs:
        yield "output", output.name, _location(output.uri), output.container_path


def _location(uri: str) -> str:
    return str(path_of(uri) or uri)


def _left_out(
    record: RunRecord, made: Made, timeline: Timeline | None
) -> Iterator[tuple[str, str]]:
    """Yield the sections that are missing, and what would add them."""
    if not record.metrics:
        yield (
            "Columns, labels and time",
            "report/metrics.json is not there; several instances write one each, to folders of "
            "their own",
        )
    elif timeline is None:
        yield "Rows by time", _untimed(record.metrics.get("time"))
    if record.manifest["n_features"] is None:
        yield "Collisions", "no step of this run hashes"
    if record.manifest["columns"]["label"] is None:
        yield "Labels", "the data has no label (dataset.label)"
    if record.evaluation is None and record.metrics.get("label") != CLASSES:
        kind = "linear" if record.metrics.get("label") == NUMBER else "logistic"
        yield "A model's quality", f"evaluation={kind} trains one on the result and judges it"
    if not made.command:
        yield "The command", "no file of the result holds it"
    if record.request is None:
        yield "Places inside and outside the container", "request.json is not in this folder"


def _untimed(time: dict[str, Any] | None) -> str:
    if time is None:
        return "set dataset.time to the column that says when"
    why = time.get("left_out", "no more than one point in time")
    return f"column {time['column']!r} has {why}"
