"""What goes wrong on Spark: named as on one machine, and never a result that is not whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headrace.results.compare import SAME, main
from headrace.runtime.errors import HeadraceError
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import HASH, SPLIT, clicks, gzipped, job, run
from tests.spark.conftest import OnSpark
from tests.spark.processes import killing_workers_once

DATA: dict[str, Any] = {"id": "id", "label": "click"}
HEADER, *LINES = clicks(3000).splitlines(keepends=True)
WHOLE = HEADER + "".join(LINES)
STEPS = [SPLIT, HASH]


def in_files(count: int) -> dict[str, bytes | str]:
    return {f"{n}.csv": HEADER + "".join(LINES[n::count]) for n in range(count)}


BROKEN: dict[str, tuple[dict[str, bytes | str], str]] = {
    "a broken file": (
        {**in_files(3), "broken.csv.gz": gzipped(WHOLE)[:2000]},
        "broken.csv.gz: the gzip data is cut short",
    ),
    "a bad row": (
        {**in_files(3), "9.csv": HEADER + "1,2\n"},
        "9.csv, line 2: 2 cells, but the header names 6 columns",
    ),
    "no rows": ({"a.csv": HEADER}, "a.csv: there are no rows after the header"),
    "other columns": (
        {**in_files(2), "z.csv": "id,c0\n"},
        "z.csv: there is no column 'click', unlike in the first file",
    ),
    "a line far into a file": (
        {"a.csv": WHOLE + "7,none,,,,\n"},
        "a.csv, line 3002, column 'click': expected a number, 0 or 1 for a click, got 'none'",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_mistake_is_told_as_on_one_machine(on_spark: OnSpark, tmp_path: Path, case: str) -> None:
    files, message = BROKEN[case]
    with pytest.raises(HeadraceError) as alone:
        run(tmp_path, files, job(steps=STEPS, **DATA))
    with pytest.raises(HeadraceError) as caught:
        on_spark(files, job(steps=STEPS, split_bytes=20_000, **DATA))
    assert str(caught.value) == str(alone.value) == message
    assert not list(tmp_path.rglob("manifest.json"))


def test_no_parquet(on_spark: OnSpark) -> None:
    with pytest.raises(HeadraceError, match=r"x\.parquet: is no Parquet file, or is cut short"):
        on_spark({**in_files(3), "x.parquet": b"PAR1" * 9}, job(steps=STEPS, **DATA))


def test_a_step_that_cannot_work_with_what_it_learned(on_spark: OnSpark) -> None:
    shuffle = StepSpec("split", "split", {"method": "shuffle", "train_fraction": 0.0001})
    with pytest.raises(HeadraceError) as caught:
        on_spark(WHOLE, job(steps=[shuffle, HASH], split_bytes=20_000, **DATA))
    told = "train_fraction=0.0001 of 3000 rows leaves none to train on"
    assert str(caught.value) == f"transform.steps.split: {told}"
    assert caught.value.exit_status == 2


def test_a_skewed_input_and_an_empty_file(on_spark: OnSpark, tmp_path: Path) -> None:
    """One file a hundred times the others is cut; a file without rows is none the worse."""
    files = {"large.csv": WHOLE, "small.csv": HEADER + LINES[0], "none.csv": HEADER}
    alone = run(tmp_path, files, job(steps=STEPS, **DATA))
    made = on_spark(files, job(steps=STEPS, split_bytes=20_000, **DATA))
    assert len(made.parts("train")) > 3
    assert made.manifest["rows"] == alone.manifest["rows"]
    digests = [
        [channel["digest"] for channel in each.manifest["channels"].values()]
        for each in (made, alone)
    ]
    assert digests[0] == digests[1]


def test_a_worker_that_is_killed_is_no_loss(on_spark: OnSpark, tmp_path: Path) -> None:
    """Its tasks are done once more, and write the same parts."""
    spec = job(steps=STEPS, split_bytes=3_000, block_bytes=100, rows_per_part=20, **DATA)
    with killing_workers_once(tmp_path) as killed:
        made = on_spark(WHOLE, spec)
    alone = run(tmp_path, WHOLE, job(steps=STEPS, **DATA))
    assert killed
    assert main([str(made.output), str(alone.output), "--recount"]) == SAME
    left = [
        file.name for name in ("train", "validation") for file in (made.output / name).iterdir()
    ]
    named = [
        Path(part["file"]).name
        for channel in made.manifest["channels"].values()
        for part in channel["parts"]
    ]
    assert sorted(left) == sorted(named)
