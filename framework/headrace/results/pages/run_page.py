"""The page of a run: the data of each section, or why there is none."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from headrace.aws.request import RequestView
from headrace.results.pages import figures
from headrace.results.pages.evaluation import (
    Evaluation,
    calibration_chart,
    precision_recall_chart,
    roc_chart,
)
from headrace.results.pages.timeline import Timeline, timeline_of
from headrace.results.records import RunRecord
from headrace.results.result import Channel, channels_of
from headrace.runtime.output.seal import files_of_part
from headrace.uris import path_of

SHOWN = 1000
"""Columns on a page; more of them than anybody reads would make it slow to open."""

MOST_CLASSES = 20
BINARY, CLASSES = "binary", "classes"
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


@dataclass(frozen=True)
class Value:
    """A frequent value, with its rows as a number and as a share of all rows."""

    text: str
    rows: int
    share: float


@dataclass(frozen=True)
class Column:
    """One feature column; `colliding` is None if nothing was hashed.

    Attributes:
        is_estimated: Whether `distinct` is.
        null_share: Part of the rows without a value.
        colliding_share: Part of its tokens that share their index with another token.
    """

    name: str
    distinct: int
    is_estimated: bool
    nulls: int
    null_share: float
    colliding: int | None
    colliding_share: float | None
    frequent: tuple[Value, ...]


def run_page(record: RunRecord) -> dict[str, Any]:
    """Return everything that ``run.html`` needs."""
    rates = has_rates(record)
    timeline = timeline_of(record.metrics.get("time"), has_rates=rates)
    evaluation = Evaluation.of(record.evaluation)
    return {
        "title": title(record),
        "facts": list(_facts(record)),
        "tiles": list(_tiles(record, evaluation)),
        "timeline": timeline,
        "channels": _channels(record),
        "warnings": [each["text"] for each in record.manifest.get("warnings", ())],
        "rate_name": _rate_name(record),
        "has_rates": rates,
        "classes": classes_of(record),
        "columns": columns_of(record.metrics, record.manifest["columns"]["numeric"]),
        "all_columns": len(record.metrics.get("columns", {})),
        "collisions_are_exact": record.metrics.get("collisions_are_exact", True),
        "evaluation": evaluation,
        "calibration": evaluation and calibration_chart(evaluation),
        "roc": evaluation and roc_chart(evaluation),
        "precision_recall": evaluation and precision_recall_chart(evaluation),
        "parts": [
            {**file, "digest": file["sha256"][:_DIGEST]}
            for channel in record.manifest["channels"].values()
            for part in channel["parts"]
            for file in files_of_part(part)
        ],
        "mapping": list(mapping(record.request)),
        "left_out": list(_left_out(record, timeline)),
    }


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
    channels = [each.get("labels", {}) for each in metrics["channels"].values()]
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


def columns_of(metrics: dict[str, Any], numeric: Collection[str]) -> list[Column]:
    """Return the first `SHOWN` columns in their order; none if there are no metrics.

    Args:
        metrics: The content of ``metrics.json``.
        numeric: Names of the columns whose one token is their name.
    """
    rows, known = metrics.get("rows", 0) or 1, frozenset(numeric)
    return [
        _column(name, described, rows, is_numeric=name in known)
        for name, described in islice(metrics.get("columns", {}).items(), SHOWN)
    ]


def title(record: RunRecord) -> str:
    """Return the name of the job, or of its folder."""
    return RequestView(record.request or {}).name or record.folder.absolute().name


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    if record.request is not None:
        yield "image", RequestView(record.request).image
    for kind, name, outside, _ in mapping(record.request):
        if (kind, name) == ("input", "data"):
            yield "data", outside
    manifest = record.manifest
    yield "output format", manifest["output_format"]
    yield "configuration", f"sha256 {manifest['config_sha256'][:_DIGEST]}"
    yield "versions", ", ".join(f"{name} {which}" for name, which in manifest["versions"].items())


def _tiles(record: RunRecord, evaluation: Evaluation | None) -> Iterator[Tile]:
    rows, metrics, timings = record.manifest["rows"], record.metrics, record.timings
    part = figures.share(rows["rejected"] / rows["read"]) if rows["read"] else ""
    yield Tile("rows written", figures.count(rows["written"]))
    yield Tile("rows rejected", figures.count(rows["rejected"]), part if rows["rejected"] else "")
    mean = _mean_of_all(metrics)
    if mean is not None and has_rates(record):
        yield Tile("click rate", figures.share(mean))
    if record.manifest["n_features"] is not None:
        yield Tile("n_features", figures.count(record.manifest["n_features"]))
    if "collision_rate" in metrics:
        note = "" if metrics["collisions_are_exact"] else "expected"
        yield Tile("tokens that collide", figures.share(metrics["collision_rate"]), note)
    if evaluation is not None:
        yield Tile("log loss", figures.score(evaluation.log_loss), f"on {evaluation.channel}")
        yield Tile("ROC AUC", figures.score(evaluation.auc), f"on {evaluation.channel}")
    if "seconds" in timings:
        yield Tile("time", figures.seconds(timings["seconds"]), _threads(timings))
        yield Tile("peak memory", figures.megabytes(timings["peak_memory_mb"]))


def _threads(timings: dict[str, Any]) -> str:
    return "1 thread" if timings["threads"] == 1 else f"{timings['threads']} threads"


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


def _left_out(record: RunRecord, timeline: Timeline | None) -> Iterator[tuple[str, str]]:
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
    if record.evaluation is None:
        yield "A model's quality", "evaluation=logistic trains one on the result and judges it"
    if record.request is None:
        yield "Places inside and outside the container", "request.json is not in this folder"


def _untimed(time: dict[str, Any] | None) -> str:
    if time is None:
        return "set dataset.time to the column that says when"
    why = time.get("left_out", "no more than one point in time")
    return f"column {time['column']!r} has {why}"


def _column(name: str, described: dict[str, Any], rows: int, *, is_numeric: bool) -> Column:
    distinct, colliding = described["distinct"], described.get("colliding_tokens")
    tokens = min(distinct, 1) if is_numeric else distinct
    return Column(
        name,
        distinct,
        not described["distinct_is_exact"],
        described["nulls"],
        described["nulls"] / rows,
        colliding,
        None if colliding is None else colliding / tokens if tokens else 0.0,
        tuple(
            Value(each["value"], each["rows"], each["rows"] / rows)
            for each in described.get("frequent_values", ())
        ),
    )
