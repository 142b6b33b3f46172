"""Groups of rows kept between passes: the same files as if each pass had read the input."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

from headrace.runtime.chain import kept
from headrace.runtime.errors import DataError
from headrace.runtime.sources import Group, Parsed
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import Files, gzipped, job, parquet_bytes, run, run_together
from tests.runtime.learning.test_kit import DATA, HASH, KIT, SPLIT, content, spec

BLOCK = 4500
"""Bytes: more than 64 rows, which are hashed in another way."""
NOTHING, SOME, ALL = 0, 12_000, 1 << 20
"""Bytes that may be kept; a block needs about 6,000."""
SHUFFLE = StepSpec("split", "split", {"method": "shuffle"})
LEFT_OUT = StepSpec("downsample", "downsample", {"rate": 0.5})
LOGARITHM = StepSpec("log", "arithmetic", {"operations": ["log1p"], "columns": ["x"]})
IDS = StepSpec("ids", "vocabulary", {})
RARE = StepSpec("rare", "rare_values", {"min_count": 6, "replacement": "rare"})
NULLED = StepSpec("rare", "rare_values", {"min_count": 6, "replacement": None})
SKIPPED: dict[str, Any] = {"on_bad_rows": "skip"}


def with_bad_rows() -> str:
    """One that cannot be read, one that the first step refuses, and some for `LOGARITHM`."""
    lines = content().replace("e-", "e").splitlines()
    lines[20] += ",7"
    lines[40] = lines[40].rpartition(",")[0] + ",many"
    return "\n".join(lines) + "\n"


def positive() -> str:
    lines = [each for each in content().splitlines() if ",-" not in each]
    return "\n".join(lines) + "\n"


def table() -> pa.Table:
    return pa_csv.read_csv(io.BytesIO(content().encode()))


def several() -> Files:
    header, *lines = content().splitlines()
    return {
        f"{number}.csv.gz": gzipped("\n".join([header, *lines[number::3]]) + "\n")
        for number in range(3)
    }


def json_lines() -> Files:
    return {"a.jsonl": "".join(f"{json.dumps(row)}\n" for row in table().to_pylist())}


CASES: dict[str, tuple[Files, list[StepSpec], dict[str, Any]]] = {
    "several passes": (content(), KIT, {"rows_per_part": 100}),
    "hashed": (content(), [SPLIT, RARE, HASH], {"format": "npz", "output": {"tokens": True}}),
    "nulls": (content(), [SPLIT, NULLED, HASH], {"format": "npz"}),
    "texts": (content(), [SPLIT, RARE], {"format": "csv"}),
    "ids": (content(), [SPLIT, IDS], {"format": "npy", "numeric": ()}),
    "counts": (content(), [SPLIT, StepSpec("counts", "count_encode", {})], {"format": "npy"}),
    "shuffled": (content(), [SHUFFLE, *KIT[1:]], {}),
    "left out": (content(), [SPLIT, LEFT_OUT, *KIT[1:]], {}),
    "left out behind": (content(), [*KIT, LEFT_OUT], {}),
    "several files": (several(), KIT, {}),
    "Parquet": ({"a.parquet": parquet_bytes(table(), row_group_size=100)}, KIT, {}),
    "JSON lines": (json_lines(), KIT, {"format": "csv"}),
    "bad rows": (with_bad_rows(), KIT, SKIPPED),
    "bad rows behind": (with_bad_rows(), [SPLIT, IDS, LOGARITHM], SKIPPED),
    "bad rows between": (with_bad_rows(), [SPLIT, IDS, LOGARITHM, *KIT[1:3]], SKIPPED),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    files, steps, settings = CASES[name]
    made = []
    for budget, threads in [(NOTHING, 1), (SOME, 2), (ALL, 2)]:
        monkeypatch.setattr(kept, "MOST_BYTES", budget)
        wanted = spec(steps, **{"threads": threads, "block_bytes": BLOCK, **settings})
        made.append(run(tmp_path, files, wanted).bytes())
    assert made[1] == made[0]
    assert made[2] == made[0]


def test_jobs_of_several_widths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    jobs = [
        job(steps=[SPLIT, RARE, StepSpec("hash", "feature_hasher", {"n_features": width})], **DATA)
        for width in (16, 64)
    ]
    made = []
    for budget in (NOTHING, ALL):
        monkeypatch.setattr(kept, "MOST_BYTES", budget)
        made.append([each.bytes() for each in run_together(tmp_path, content(), jobs)])
    assert made[1] == made[0]


def test_what_is_kept_is_not_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    parsed: list[Group] = []
    parse = Group.parse

    def counted(group: Group) -> Parsed:
        parsed.append(group)
        return parse(group)

    monkeypatch.setattr(Group, "parse", counted)
    found = {}
    for budget in (NOTHING, SOME, ALL):
        monkeypatch.setattr(kept, "MOST_BYTES", budget)
        run(tmp_path, content(), spec(KIT, block_bytes=BLOCK))
        found[budget] = len(parsed)
        parsed.clear()
    assert found[NOTHING] == 3 * found[ALL]
    assert found[ALL] < found[SOME] < found[NOTHING]


def test_a_bad_row_behind_what_was_kept_is_named(tmp_path: Path) -> None:
    """Its place is known only to whoever reads the group again."""
    lines = positive().splitlines()
    lines[150] = lines[150].rpartition(",")[0] + ",-7"
    with pytest.raises(DataError) as caught:
        run(tmp_path, "\n".join(lines) + "\n", spec([SPLIT, IDS, LOGARITHM], block_bytes=BLOCK))
    assert str(caught.value) == (
        "data.csv, line 151, column 'x': expected a number greater than -1, for log1p, got -7.0"
    )
