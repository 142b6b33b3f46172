"""The part of a job that the container needs to know, as plain data.

`JobSpec` is what ``job.json`` holds: the client writes it, the runtime reads it, and neither adds
anything to it. Paths are those inside the container.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

ML_ROOT = "/opt/ml"
PROCESSING = f"{ML_ROOT}/processing"
INPUT = f"{PROCESSING}/input"
DATA_INPUT = f"{INPUT}/data"
CODE_INPUT = f"{INPUT}/code"
CONFIG_INPUT = f"{INPUT}/config"
LEARNED = "learned"
"""Name of the input that brings what another run learned."""
LEARNED_INPUT = f"{INPUT}/{LEARNED}"
PACKAGES = "packages"
"""Name of an input, and of the folder below the job's own that it comes from."""
PACKAGES_INPUT = f"{PROCESSING}/input/{PACKAGES}"
OUTPUT = f"{PROCESSING}/output"
REPORT = "report"
EVALUATION = "evaluation.json"
TRAIN = "train"
ROWS = "rows"
"""The channel of a job that applies what another run learned."""
REPORT_PAGE = f"{REPORT}/report.html"
"""Path below ``output.path``; the client makes the page, if it does."""
JOB_FILE = "job.json"
NO_TOKENS = "lists what a hasher makes indices of, but no step of the chain hashes; leave it out"
THREADS_VARIABLE = "HEADRACE_THREADS"


@dataclass(frozen=True)
class DatasetSpec:
    """Format and columns of the data.

    ``categorical=None`` means every other column, ``header=None`` that there is one unless
    ``columns`` names the columns.
    """

    OF_DELIMITED: ClassVar = ("header", "delimiter", "quote", "escape", "comment", "skip_lines")
    """Keys that mean nothing but for delimited text."""
    OF_LINES: ClassVar = ("max_line_bytes", "encoding")
    """Keys that mean nothing but for files of lines."""

    format: str = "auto"
    label: str | None = None
    id: str | None = None
    time: str | None = None
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    on_bad_rows: str = "error"
    max_line_bytes: int = 64 << 20
    delimiter: str | None = None
    quote: str | None = '"'
    escape: str | None = None
    encoding: str = "utf-8"
    nulls: tuple[str, ...] = ("",)
    comment: str | None = None
    skip_lines: int = 0
    trim: bool = False
    header: bool | None = None
    drop: tuple[str, ...] = ()
    label_values: dict[str, float] = field(default_factory=dict)
    partitions: bool = True
    columns_expected: tuple[str, ...] | None = None
    lists: tuple[str, ...] = ()
    """Columns whose cells may be lists, because a step takes several values; not in conf/."""

    @property
    def skips_bad_rows(self) -> bool:
        """Return whether rows that cannot be used are left out and counted, and are no error."""
        return self.on_bad_rows == "skip"

    @property
    def settings_of_text(self) -> tuple[str, ...]:
        """Return the keys of delimited text and of lines that are not the default."""
        defaults, keys = DatasetSpec(), (*self.OF_DELIMITED, *self.OF_LINES)
        return tuple(key for key in keys if getattr(self, key) != getattr(defaults, key))

    def without_settings_of(self, other: DatasetSpec) -> DatasetSpec:
        """Return the same without the keys of text files that are as in another dataset."""
        keys = ("columns", *self.settings_of_text)
        same = (key for key in keys if getattr(self, key) == getattr(other, key))
        return replace(self, **{key: getattr(DatasetSpec(), key) for key in same})

    @property
    def has_header(self) -> bool:
        """Return whether the first row of delimited text names the columns."""
        return self.columns is None if self.header is None else self.header

    @property
    def raw(self) -> dict[str, Any]:
        """Return plain data; keys that came later stand in it only if they say something."""
        defaults, raw = asdict(DatasetSpec()), asdict(self)
        first = tuple(raw).index("delimiter")
        later = tuple(raw)[first:]
        return {key: raw[key] for key in raw if key not in later or raw[key] != defaults[key]}

    @property
    def meaning(self) -> dict[str, Any]:
        """Return what decides the rows."""
        meaning = self.raw
        for key in ("time", "columns_expected"):  # only counted, only checked
            meaning.pop(key, None)
        if self.max_line_bytes == DatasetSpec.max_line_bytes:  # as before there was one
            del meaning["max_line_bytes"]
        return meaning

    @classmethod
    def of(cls, raw: dict[str, Any]) -> DatasetSpec:
        """Return the same from plain data, which has lists."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()
        }
        return cls(**values)


@dataclass(frozen=True)
class StepSpec:
    """One step of the chain: its label in the configuration, the plugin's name, its parameters."""

    label: str
    name: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OutputSpec:
    """Settings for writing rows.

    ``columns=None`` means the format's own choice; ``header`` and ``columns`` are for formats that
    take them.
    """

    format: str = "npz"
    rows_per_part: int = 65_536
    header: bool = False
    columns: tuple[str, ...] | None = None
    tokens: bool = False
    """True if ``report/tokens.parquet`` is written; it decides nothing about the rows."""

    @property
    def raw(self) -> dict[str, Any]:
        """Return plain data; keys that came later stand in it only if they say something."""
        first, defaults = ("format", "rows_per_part"), asdict(OutputSpec())
        raw = asdict(self)
        return {key: raw[key] for key in raw if key in first or raw[key] != defaults[key]}

    @property
    def meaning(self) -> dict[str, Any]:
        """Return what decides the rows and how they are written."""
        return {key: value for key, value in self.raw.items() if key != "tokens"}

    @classmethod
    def of(cls, raw: dict[str, Any]) -> OutputSpec:
        """Return the same from plain data, which has lists."""
        columns = raw.get("columns")
        return cls(**{**raw, "columns": None if columns is None else tuple(columns)})


@dataclass(frozen=True)
class RuntimeSpec:
    """Settings that change no row, only the way to it. ``threads=None`` means every core."""

    threads: int | None = None
    block_bytes: int = 8 << 20
    split_bytes: int = 64 << 20
    kernels: str = "auto"
    """Compiled kernels: ``auto`` where they can be loaded, ``off`` never."""


@dataclass(frozen=True)
class EvaluationSpec:
    """Settings for training a model on the rows, to be judged on those that it has not seen."""

    passes: int = 1
    learning_rate: float = 2.0
    alpha: float = 0.0
    kind: str = "logistic"
    """Of `headrace.runtime.evaluation.kinds`."""


@dataclass(frozen=True)
class LearnedSpec:
    """A run whose chain is applied to other rows, with what it learned."""

    columns: tuple[str, ...]
    """All columns of the run's input, in its order."""
    dataset: DatasetSpec
    """Format and columns of the run's data."""
    states: dict[str, dict[str, str]]
    """Step, by its label → ``file`` in the input `LEARNED`, and ``sha256``."""
    config_sha256: str = ""
    """Of a run that had not ended when this job was compiled: its manifest, which comes in the
    input `LEARNED`, has this digest, and tells the columns and the states."""

    @property
    def is_to_come(self) -> bool:
        """Return whether columns and states stand in the manifest that the input brings."""
        return bool(self.config_sha256)

    @property
    def container_path(self) -> str:
        """Return where the input `LEARNED` lies: the states of a run, or its whole report."""
        return f"{LEARNED_INPUT}/{REPORT}" if self.is_to_come else LEARNED_INPUT

    @property
    def meaning(self) -> Any:
        """Return what decides the rows."""
        states = {label: state["sha256"] for label, state in self.states.items()}
        return self.config_sha256 or states

    @property
    def raw(self) -> dict[str, Any]:
        """Return plain data; keys that came later stand in it only if they say something."""
        raw = {**asdict(self), "dataset": self.dataset.raw}
        if not self.is_to_come:
            del raw["config_sha256"]
        return raw

    @classmethod
    def of(cls, raw: dict[str, Any]) -> LearnedSpec:
        """Return the same from plain data, which has lists."""
        columns, dataset = tuple(raw["columns"]), DatasetSpec.of(raw["dataset"])
        return cls(columns, dataset, raw["states"], raw.get("config_sha256", ""))


@dataclass(frozen=True)
class JobSpec:
    """All that the container needs: where, what, and how."""

    dataset: DatasetSpec
    steps: tuple[StepSpec, ...]
    output: OutputSpec
    runtime: RuntimeSpec
    input: str = DATA_INPUT
    outputs: dict[str, str] = field(default_factory=dict)
    """Channel (and "report") → folder in the container."""
    evaluation: EvaluationSpec | None = None
    packages: dict[str, str] = field(default_factory=dict)
    """Wheels that come as an input: file name → SHA-256."""
    files: tuple[str, ...] = ()
    """Paths below ``output.path`` of the files that the job was given, and that stay there."""
    column_order: tuple[str, ...] = ()
    """The columns of the input's first file, for instances that do not all see it."""
    learned: LearnedSpec | None = None
    """Another run, if this job applies what that one learned."""
    inputs: dict[str, str] = field(default_factory=dict)
    """Further inputs that steps read tables from: name → folder in the container."""

    @property
    def threads(self) -> int:
        """Return how many threads: as configured, else as the environment says, else every core."""
        if self.runtime.threads is not None:
            return self.runtime.threads
        declared = os.environ.get(THREADS_VARIABLE, "")
        given = int(declared) if declared.isdigit() else 0
        return given or len(os.sched_getaffinity(0))

    @property
    def meaning(self) -> dict[str, Any]:
        """Return what decides the rows: neither folders, threads, nor what is only counted."""
        meaning = {
            "dataset": self.dataset.meaning,
            "steps": asdict(self)["steps"],
            "output": self.output.meaning,
        }
        if self.learned is not None:
            meaning[LEARNED] = self.learned.meaning
        return meaning

    @property
    def sha256(self) -> str:
        """Return the digest of `meaning`."""
        return digest(self.meaning)

    def to_json(self) -> str:
        """Return the text of ``job.json``, made for reading."""
        raw = {**asdict(self), "dataset": self.dataset.raw, "output": self.output.raw}
        if self.evaluation is not None and self.evaluation.kind == EvaluationSpec.kind:
            del raw["evaluation"]["kind"]
        for key in ("column_order", "inputs"):  # as before there were any
            if not raw[key]:
                del raw[key]
        if self.runtime.kernels == RuntimeSpec.kernels:
            del raw["runtime"]["kernels"]
        if self.learned is None:
            del raw[LEARNED]
        else:
            raw[LEARNED] = self.learned.raw
        return json.dumps(raw, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> JobSpec:
        """Return what `to_json` has written."""
        raw = json.loads(text)
        evaluation = raw["evaluation"]
        return cls(
            dataset=DatasetSpec.of(raw["dataset"]),
            steps=tuple(StepSpec(**step) for step in raw["steps"]),
            output=OutputSpec.of(raw["output"]),
            runtime=RuntimeSpec(**raw["runtime"]),
            input=raw["input"],
            outputs=raw["outputs"],
            evaluation=None if evaluation is None else EvaluationSpec(**evaluation),
            packages=raw["packages"],
            files=tuple(raw["files"]),
            column_order=tuple(raw.get("column_order", ())),
            learned=LearnedSpec.of(raw[LEARNED]) if LEARNED in raw else None,
            inputs=raw.get("inputs", {}),
        )


def digest(meaning: dict[str, Any]) -> str:
    """Return the SHA-256 of plain data, whatever the order of its keys."""
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def under(root: Path, container_path: str) -> Path:
    """Return where a path of the container lies when `root` stands in for ``/opt/ml``."""
    return root / Path(container_path).relative_to(ML_ROOT)
