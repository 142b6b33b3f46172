"""Whole jobs of the runtime half, executed in this process under a root of their own."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from headrace.runtime.output.outcome import Host, Task
from headrace.runtime.process.execute import execute
from headrace.runtime.process.fused import execute_together
from headrace.runtime.spec import (
    DATA_INPUT,
    OUTPUT,
    DatasetSpec,
    EvaluationSpec,
    JobSpec,
    OutputSpec,
    RuntimeSpec,
    StepSpec,
    under,
)

CHANNELS = ("train", "validation", "test")
SPARSE_FORMATS = ("npz", "parquet", "libsvm", "recordio", "libffm")
FORMATS = (*SPARSE_FORMATS, "csv")
"""Those that hold hashed rows."""
HASH = StepSpec("feature_hasher", "feature_hasher", {"n_features": 64})
SPLIT = StepSpec("split", "split", {"train_fraction": 0.5})


@dataclass(frozen=True)
class Result:
    """What one job left under its root."""

    root: Path

    @property
    def output(self) -> Path:
        return under(self.root, OUTPUT)

    @property
    def manifest(self) -> dict[str, Any]:
        return dict(json.loads((self.output / "report/manifest.json").read_text("utf-8")))

    @property
    def metrics(self) -> dict[str, Any]:
        return dict(json.loads((self.output / "report/metrics.json").read_text("utf-8")))

    @property
    def evaluation(self) -> dict[str, Any]:
        return dict(json.loads((self.output / "report/evaluation.json").read_text("utf-8")))

    def parts(self, channel: str) -> list[Path]:
        return sorted((self.output / channel).glob("part-*"))

    def matrix(self, channel: str = "train") -> sp.csr_matrix:
        return sp.vstack([sp.load_npz(part) for part in self.parts(channel)], "csr")

    def array(self, name: str, channel: str = "train") -> npt.NDArray[Any]:
        return np.concatenate([np.load(part)[name] for part in self.parts(channel)])

    def table(self, channel: str = "train") -> pa.Table:
        return pa.concat_tables([pq.ParquetFile(part).read() for part in self.parts(channel)])

    def bytes(self) -> dict[str, bytes]:
        """Every file that has to be the same whenever the job is run again."""
        files = (path for path in self.output.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.output)): path.read_bytes()
            for path in files
            if path.name != "timings.json"
        }


def job(
    *,
    steps: Sequence[StepSpec] = (HASH,),
    format: str = "npz",
    threads: int = 2,
    block_bytes: int = 1 << 20,
    split_bytes: int = RuntimeSpec.split_bytes,
    rows_per_part: int = OutputSpec.rows_per_part,
    evaluation: EvaluationSpec | None = None,
    packages: Mapping[str, str] | None = None,
    output: Mapping[str, Any] | None = None,
    **dataset: Any,
) -> JobSpec:
    """A job; what is said beyond its own arguments describes the data set."""
    return JobSpec(
        DatasetSpec(**dataset),
        tuple(steps),
        OutputSpec(**{"format": format, "rows_per_part": rows_per_part, **(output or {})}),
        RuntimeSpec(threads, block_bytes, split_bytes),
        outputs={name: f"{OUTPUT}/{name}" for name in (*CHANNELS, "report")},
        evaluation=evaluation,
        packages=dict(packages or {}),
    )


Files = Mapping[str, bytes | str] | bytes | str


def run(root: Path, files: Files, spec: JobSpec) -> Result:
    """Lay out the input and execute the job.

    Args:
        root: Where a fresh folder is made that stands in for ``/opt/ml``.
        files: Name → content; content alone is a CSV file.
        spec: The job.
    """
    fresh = laid_out(root, files)
    execute(Task(spec, fresh), Host())
    return Result(fresh)


def run_together(root: Path, files: Files, specs: Sequence[JobSpec]) -> list[Result]:
    """The same for several jobs, executed in one go."""
    tasks = [Task(spec, laid_out(root, files)) for spec in specs]
    execute_together(tasks, Host())
    return [Result(task.root) for task in tasks]


def laid_out(root: Path, files: Files) -> Path:
    """A fresh folder that stands in for ``/opt/ml``, with the input in it."""
    fresh = Path(tempfile.mkdtemp(dir=root))
    folder = under(fresh, DATA_INPUT)
    folder.mkdir(parents=True)
    named = {"data.csv": files} if isinstance(files, bytes | str) else files
    for name, content in named.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return fresh


def clicks(rows: int, columns: int = 4, seed: int = 0, *, distinct: int = 50) -> str:
    """A CSV of clicks with some empty cells: id, click, c0, c1 and so on."""
    random = np.random.default_rng(seed)
    header = ",".join(["id", "click", *(f"c{i}" for i in range(columns))])
    cells = random.integers(0, distinct, (rows, columns))
    label = random.integers(0, 2, rows)
    lines = (
        ",".join([str(10**19 + i), str(label[i]), *(f"v{c}" if c else "" for c in cells[i])])
        for i in range(rows)
    )
    return "\n".join([header, *lines]) + "\n"


def gzipped(content: str | bytes) -> bytes:
    return gzip.compress(content.encode() if isinstance(content, str) else content, mtime=0)


def parquet_bytes(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()
