"""What runs left behind, read back: of one run, and of the runs of a sweep.

A run's own files are those of ``docs/files.md``. A sweep adds one: Hydra's folder of each run holds
`RUN`, which says where the result went or, if there is none, why.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from framework.errors import HeadraceError
from framework.runtime.spec import EVALUATION, REPORT
from framework.uris import path_of, uri_of

RUN = "run.json"
OVERRIDES = Path(".hydra", "overrides.yaml")
UNFINISHED = "the run ended without a word, as if it had been killed"
FAILED = 1


class RecordError(HeadraceError):
    """A folder that holds no run, or no sweep."""


@dataclass(frozen=True)
class RunRecord:
    """The report of one finished run; each attribute is a file of ``report/``."""

    folder: Path
    """``output.path``."""
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    timings: dict[str, Any]
    evaluation: dict[str, Any] | None = None
    request: dict[str, Any] | None = None
    """``request.json``, if it is still there."""

    @classmethod
    def read(cls, folder: Path) -> RunRecord:
        """Read a run's result.

        Raises:
            RecordError: There is none; no manifest, no result.
        """
        report = folder / REPORT
        manifest = _json(report / "manifest.json")
        if manifest is None:
            raise RecordError(f"{folder}: holds no result ({REPORT}/manifest.json is missing)")
        metrics, timings = (_json(report / f"{name}.json") or {} for name in ("metrics", "timings"))
        evaluation, request = _json(report / EVALUATION), _json(folder / "request.json")
        return cls(folder, manifest, metrics, timings, evaluation, request)


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep, finished or not."""

    number: int
    folder: Path
    """Hydra's folder of this run."""
    settings: dict[str, str]
    """Its overrides: key → value, as they were written."""
    output: str
    """Where its result went: a path or a URI."""
    record: RunRecord | None
    """Nothing if it failed, or if the result is not on this machine."""
    failure: str = ""
    """Why it failed, in the words that stood on stderr."""
    exit_status: int = 0


@dataclass(frozen=True)
class SweepRecord:
    """All runs of one multirun, by number."""

    folder: Path
    runs: tuple[SweepRun, ...]

    @property
    def swept(self) -> tuple[str, ...]:
        """The keys whose values are not the same in all runs."""
        keys = dict.fromkeys(key for run in self.runs for key in run.settings)
        return tuple(key for key in keys if len({run.settings.get(key) for run in self.runs}) > 1)

    @property
    def exit_status(self) -> int:
        """That of the first run that failed; 0 if none did."""
        return next((run.exit_status for run in self.runs if run.exit_status), 0)

    @classmethod
    def read(cls, folder: Path) -> SweepRecord:
        """Read a sweep's folder.

        Raises:
            RecordError: It holds no runs.
        """
        runs = tuple(sorted(_runs(folder), key=lambda run: run.number))
        if not runs:
            raise RecordError(f"{folder}: holds no runs of a sweep")
        return cls(folder, runs)


def _runs(folder: Path) -> Iterator[SweepRun]:
    for place in folder.glob("*"):
        if place.name.isdecimal() and (place / OVERRIDES).exists():
            yield _run(place)


def _run(folder: Path) -> SweepRun:
    overrides = yaml.safe_load((folder / OVERRIDES).read_text(encoding="utf-8")) or []
    settings = dict(str(each).partition("=")[::2] for each in overrides)
    told = _json(folder / RUN) or {"output": "", "failure": UNFINISHED, "exit_status": FAILED}
    output, failure, status = str(told["output"]), str(told["failure"]), int(told["exit_status"])
    record = None
    if output and path_of(uri_of(output)):
        try:
            record = RunRecord.read(Path(output))
        except RecordError as error:
            failure, status = str(error), FAILED
    return SweepRun(int(folder.name), folder, settings, output, record, failure, status)


def _json(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
