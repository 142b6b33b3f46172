"""The reports of a result: its JSON files are checked here; those of several hosts are merged.

In: the content of a file, from this machine or S3. Out: an object, or an error that says what is
wrong in it. Somebody may have edited one by hand, or another program may have written it; whoever
looks into one afterwards can rely on the types of `shapes`, and on keys that belong together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice, pairwise
from typing import Any

from pydantic import TypeAdapter, ValidationError

from headrace.aws.request import ReadableRequest
from headrace.config.problems import problems_of
from headrace.results.layout import MANIFEST, REQUEST
from headrace.results.reports import shapes
from headrace.runtime.shown import plain, quoted
from headrace.runtime.spec import EVALUATION, REPORT

METRICS, TIMINGS = f"{REPORT}/metrics.json", f"{REPORT}/timings.json"
JUDGED = f"{REPORT}/{EVALUATION}"
FOREIGN = f"{MANIFEST} is no manifest of headrace"
_LOSSES, _ERRORS = ("log_loss", "auc", "normalised_entropy"), ("rmse", "mae", "r2")
"""Figures that each channel has of a model, in a logistic and in a linear regression."""
_SHOWN_LOSSES = ("rows", "base_rate", "calibration_ratio")
_SHOWN_ERRORS = ("rows", "label_mean", "mean_prediction")


class ForeignError(ValueError):
    """A manifest that another program has written."""


def parsed(name: str, content: bytes) -> dict[str, Any]:
    """Return the object in a JSON file of a result.

    Args:
        name: Path below ``output.path``.
        content: The file's.

    Raises:
        ForeignError: It is the manifest of another program.
        ValueError: It is no such file; the text says what is wrong with it.
    """
    try:
        value = json.loads(content)
        if b"\\u" in content:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError("it holds half of a surrogate pair, which is no text") from error
    if not isinstance(value, dict):
        raise ValueError("it holds no JSON object")
    if name == MANIFEST and not {"channels", "program"} & value.keys():
        raise ForeignError(FOREIGN)
    if problem := _problem(name, value):
        raise ValueError(problem)
    return value


def incomplete(manifest: Mapping[str, Any]) -> str | None:
    """Return what a manifest lacks that headrace would have written; None if it is complete."""
    return _misfit(
        shapes.WholeProgramManifest if "program" in manifest else shapes.WholeManifest, manifest
    )


def _problem(name: str, value: dict[str, Any]) -> str | None:
    """Return what is wrong with the content of a file; None if nothing is."""
    if name == MANIFEST:
        return _misfit(shapes.ProgramManifest if "program" in value else shapes.Manifest, value)
    if name == REQUEST:
        return _misfit(ReadableRequest, value)
    if name == TIMINGS:
        return _misfit(shapes.Timings, value)
    if name == METRICS:
        return _misfit(shapes.Metrics, value) or next(_apart_in_metrics(value), None)
    if name == JUDGED:
        return _misfit(shapes.Evaluation, value) or next(_apart_in_evaluation(value), None)
    return None


def get_ready() -> None:
    """Build what checks the files, while the job that writes them is still running."""
    for shape in (
        shapes.Manifest,
        shapes.WholeManifest,
        shapes.Metrics,
        shapes.Timings,
        shapes.Evaluation,
        ReadableRequest,
    ):
        _adapter(shape)


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def _misfit(shape: Any, value: Mapping[str, Any]) -> str | None:
    validate = _adapter(shape).validate_python
    try:
        validate(value)
    except ValidationError:
        first = problems_of(validate, value, lambda _: ())[0]
        return f"{plain(first.where, 200)}: {first.what}"
    return None


def _apart_in_metrics(metrics: dict[str, Any]) -> Iterator[str]:
    """Yield what in a file of metrics does not go together."""
    compared = list(islice(metrics.get("channels", {}), 2))
    columns = metrics.get("columns", {})
    are_hashed = any("colliding_tokens" in column for column in columns.values())
    for name, column in columns.items():
        where = f"columns.{plain(name, 200)}"
        if are_hashed and "colliding_tokens" not in column:
            yield f"{where}.colliding_tokens: this key is required"
        yield from _without(f"{where}.null_channels", column.get("null_channels"), compared)
        for value in column.get("frequent_values", ()):
            yield from _without(f"{where}.frequent_values", value.get("channels"), compared)
            if value.get("label_ones", 0) > value["rows"]:
                yield f"{where}.frequent_values: label_ones should be at most rows"
    if metrics.get("label") == "classes":
        for name, channel in metrics.get("channels", {}).items():
            if not all(map(is_number, channel.get("labels", ()))):
                yield f"channels.{plain(name, 200)}.labels: each key should be a number"
    yield from _apart_in_time(metrics.get("time", {}), is_binary=metrics.get("label") == "binary")


def _apart_in_time(time: dict[str, Any], *, is_binary: bool) -> Iterator[str]:
    points, channels = time.get("points", ()), time.get("channels")
    if points and not channels:
        yield "time.channels: should not be empty"
    for name, channel in (channels or {}).items():
        where = f"time.channels.{plain(name, 200)}"
        if is_binary and "label_sums" not in channel:
            yield f"{where}.label_sums: this key is required"
        for key in channel.keys() & {"rows", "label_sums"}:
            if len(channel[key]) != len(points):
                yield f"{where}.{key}: should be as long as time.points"


def _apart_in_evaluation(evaluation: dict[str, Any]) -> Iterator[str]:
    """Yield what in a file of an evaluation does not go together."""
    if not evaluation:
        return
    channels, on = evaluation.get("channels", {}), evaluation.get("judged_on", "")
    if on not in channels:
        yield "judged_on: should be one of channels"
        return
    for name, figures in channels.items():
        needed: tuple[str, ...] = _ERRORS if "rmse" in figures else _LOSSES
        if name == on and "regression_metrics" in evaluation:
            needed = (*_ERRORS, *_SHOWN_ERRORS)
        elif name == on and "calibration" in evaluation:
            needed = (*_LOSSES, *_SHOWN_LOSSES)
        for key in needed:
            if key not in figures:
                yield f"channels.{plain(name, 200)}.{key}: this key is required"
    yield from _without("calibration", evaluation.get("calibration"), [on])
    for name, curve in evaluation.get("binary_classification_metrics", {}).items():
        if name.endswith("_curve") and len({len(each) for each in curve.values()}) > 1:
            yield f"binary_classification_metrics.{plain(name)}: the lists should be equally long"
    for name, scores in evaluation.get("scores", {}).items():
        edges = len(scores["log_odds"])
        if any(low >= high for low, high in pairwise(scores["log_odds"])):
            yield f"scores.{plain(name, 200)}.log_odds: should ascend"
        if {len(scores["zeros"]), len(scores["ones"])} != {edges - 1}:
            what = "zeros and ones should be one shorter than log_odds"
            yield f"scores.{plain(name, 200)}: {what}"


def _without(where: str, found: Mapping[str, Any] | None, names: list[str]) -> Iterator[str]:
    """Yield the names that a mapping lacks, if it is there."""
    for name in names:
        if found is not None and name not in found:
            yield f"{where}: lacks the channel {quoted(name)}"


def is_number(text: str) -> bool:
    """Return whether Python reads a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
