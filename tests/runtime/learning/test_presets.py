"""The presets of public recipes, each on generated data; and the ready chains of these steps."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace import api
from headrace.runtime.output.outcome import Host, Task
from headrace.runtime.process.execute import execute
from tests.runtime.jobs import Result, laid_out

DRAW = random.Random(8)  # noqa: S311 (no secret)
AVAZU = [
    "C1", "banner_pos", "site_id", "site_domain", "site_category", "app_id", "app_domain",
    "app_category", "device_id", "device_ip", "device_model", "device_type", "device_conn_type",
    "C14", "C15", "C16", "C17", "C18", "C19", "C20", "C21",
]  # fmt: skip


def avazu(rows: int) -> str:
    lines = [
        ",".join(
            [
                str(10**19 + row),
                str(row % 3 // 2),
                f"141021{row % 24:02}",
                *(f"{DRAW.randrange(9):08x}" for _ in AVAZU),
            ]
        )
        for row in range(rows)
    ]
    return "\n".join([",".join(["id", "click", "hour", *AVAZU]), *lines]) + "\n"


def criteo(rows: int) -> str:
    def cells(row: int) -> list[str]:
        numbers = [str(DRAW.randrange(-2, 999)) if DRAW.random() > 0.2 else "" for _ in range(13)]
        texts = [f"{DRAW.randrange(20):08x}" if DRAW.random() > 0.2 else "" for _ in range(26)]
        return [str(row % 2), *numbers, *texts]

    return "".join("\t".join(cells(row)) + "\n" for row in range(rows))


def made(root: Path, name: str, text: str, *overrides: str) -> Result:
    """Run what the command line makes of it, in this process."""
    fresh = laid_out(root, {name: text})
    given = {"dataset.path": fresh / "processing/input/data", "output.path": root / "out"}
    spec = api.compile(given, *overrides).job.program.spec
    assert spec is not None
    execute(Task(spec, fresh), Host())
    return Result(fresh)


def arrays(result: Result, kind: str) -> Any:
    return np.concatenate([np.load(path) for path in result.parts("train") if kind in path.name])


def test_criteo_dlrm(tmp_path: Path) -> None:
    text = criteo(400)
    result = made(tmp_path, "day_0.tsv", text, "experiment=criteo_dlrm")
    numbers, ids = arrays(result, "numeric"), arrays(result, "categorical")
    assert (numbers.shape[1], numbers.dtype) == (13, np.float32)
    assert (ids.shape[1], ids.dtype) == (26, np.int32)
    assert numbers.min() == 0
    assert numbers.max() <= np.float32(np.log1p(998))
    assert {0, 1, 2} <= set(np.unique(ids).tolist())


def test_criteo_ffm(tmp_path: Path) -> None:
    result = made(tmp_path, "day_0.tsv", criteo(100), "experiment=criteo_ffm")
    label, *entries = result.parts("train")[0].read_text().splitlines()[0].split()
    assert label in ("0", "1")
    fields, indices, values = zip(*(entry.split(":") for entry in entries), strict=True)
    assert {int(field) for field in fields} <= set(range(39))
    assert max(map(int, indices)) < 1_000_000
    assert set(values) == {"1"}


def test_avazu_counts(tmp_path: Path) -> None:
    result = made(tmp_path, "train.csv", avazu(200), "experiment=avazu_counts")
    rows = [
        [float(cell) for cell in line.split(",")]
        for line in result.parts("train")[0].read_text().splitlines()
    ]
    assert {len(row) for row in rows} == {1 + len(AVAZU) + 2}
    assert {row[0] for row in rows} == {0.0, 1.0}
    assert sorted(result.manifest["states"]) == ["count_encode", "target_encode"]


def test_avazu_fuxictr(tmp_path: Path) -> None:
    result = made(tmp_path, "train.csv", avazu(200), "experiment=avazu_fuxictr")
    assert list(result.manifest["channels"]) == ["train", "validation", "test"]
    table = result.table("train")
    assert str(table.schema.field("site_id").type) == "int32"
    assert {"hour_of_day", "day_of_week"} < set(table.column_names)
    assert (result.output / "report/feature_map.json").exists()


@pytest.mark.parametrize("chain", ["vocabulary", "counts", "target"])
def test_ready_chains(tmp_path: Path, chain: str) -> None:
    result = made(tmp_path, "train.csv", avazu(60), f"transform={chain}", "output.format=parquet")
    kinds = {str(result.table("train").schema.field(name).type) for name in AVAZU}
    assert kinds == {"int32" if chain == "vocabulary" else "double"}
