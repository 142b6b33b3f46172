"""Folders of runs and sweeps for the pages: jobs of the runtime, the rest as others write it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from headrace.results.records import Note
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import SPLIT, job, run

HOSTILE = (
    "<script>document.title='stolen'</script>",
    "</svg></td><img src=x onerror=\"document.title='stolen'\">",
    "\"quoted' & {{ 7 * 7 }}",
    "\u202eright to left\u2066",
    "bell\x07 and escape\x1b[31m",
    "long " * 200,
)


def hasher(n_features: int = 64) -> StepSpec:
    return StepSpec("feature_hasher", "feature_hasher", {"n_features": n_features})


def log(rows: int = 600, values: Iterable[str] = ("a", "b", "c")) -> str:
    """A CSV of clicks over two days and a half: id, click, hour, value, sometimes."""
    texts = ['"' + value.replace('"', '""') + '"' for value in values]
    lines = [
        f"{row},{int(row % 7 == 0)},1410{21 + row % 60 // 24}{row % 60 % 24:02},"
        f"{texts[row % len(texts)]},{'x' if row % 3 else ''}"
        for row in range(rows)
    ]
    return "\n".join(["id,click,hour,value,sometimes", *lines]) + "\n"


def run_folder(
    place: Path,
    content: str | None = None,
    *,
    evaluation: Mapping[str, Any] | None = None,
    request: Mapping[str, Any] | None = None,
    n_features: int = 64,
    behind_split: Iterable[StepSpec] = (),
    **dataset: Any,
) -> Path:
    """What a run leaves, in a fresh folder below `place`."""
    described = {"id": "id", "label": "click", "time": "hour", **dataset}
    place.mkdir(parents=True, exist_ok=True)
    spec = job(steps=[SPLIT, *behind_split, hasher(n_features)], **described)
    folder = run(place, log() if content is None else content, spec).output
    files = {"report/evaluation.json": evaluation, "request.json": request}
    for name, what in files.items():
        if what is not None:
            (folder / name).write_text(json.dumps(what), encoding="utf-8")
    return folder


def request(name: str = "clicks-1") -> dict[str, Any]:
    """A request, as far as a page looks at it."""
    return {
        "ProcessingJobName": name,
        "AppSpecification": {"ImageUri": "registry/image:1"},
        "ProcessingInputs": [
            {
                "InputName": "data",
                "S3Input": {"S3Uri": "file:///logs/day.csv", "LocalPath": "/opt/ml/in"},
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "train",
                    "S3Output": {"S3Uri": "s3://bucket/out/train", "LocalPath": "/opt/ml/train"},
                }
            ]
        },
    }


def evaluation(
    log_loss: float = 0.4, auc: float = 0.75, rows: int = 20_000, channel: str = "validation"
) -> dict[str, Any]:
    """What an evaluation finds, as far as a page looks at it."""
    return {
        "judged_on": channel,
        "channels": {
            channel: {
                "rows": rows,
                "base_rate": 0.17,
                "log_loss": log_loss,
                "normalised_entropy": log_loss / 0.4557,
                "auc": auc,
                "calibration_ratio": 1.01,
            }
        },
        "calibration": {
            channel: [
                {
                    "decile": tenth + 1,
                    "rows": rows // 10,
                    "mean_prediction": 0.02 + 0.03 * tenth,
                    "base_rate": 0.03 * (tenth + 1) * log_loss / 0.4,
                }
                for tenth in range(10)
            ]
        },
        "binary_classification_metrics": {
            "receiver_operating_characteristic_curve": {
                "false_positive_rates": [0.0, 0.25, 1.0],
                "true_positive_rates": [0.0, 0.625, 1.0],
            },
            "precision_recall_curve": {
                "precisions": [1.0, 0.375, 0.17],
                "recalls": [0.0, 0.625, 1.0],
            },
        },
    }


def sweep_folder(place: Path, runs: Iterable[tuple[Mapping[str, str], Path | str]]) -> Path:
    """A multirun's folder.

    Args:
        place: The folder.
        runs: The overrides of each run, and its result's folder or why it failed.
    """
    for number, (settings, came_out) in enumerate(runs):
        folder = place / str(number)
        told: dict[str, Any] = {"failure": came_out, "exit_status": 1}
        if isinstance(came_out, Path):
            shutil.copytree(came_out, folder, dirs_exist_ok=True)
            told = {"output": str(folder), "failure": "", "exit_status": 0}
        Note(number, [f"{key}={value}" for key, value in settings.items()], **told).write(folder)
    return place
