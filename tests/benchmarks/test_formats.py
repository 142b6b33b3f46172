"""The table of the file formats: what it says of given measurements; one command makes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import scipy.sparse as sp

from benchmarks import formats
from headrace.runtime.output.writers import writer_of
from headrace.runtime.spec import OutputSpec
from tests.benchmarks.conftest import Printed
from tests.runtime.jobs import HASH, SPLIT, clicks, job, run


def test_ratios_are_taken_run_by_run() -> None:
    jobs = {"npz": [1.0, 2.0, 4.0], "libsvm": [2.0, 3.0, 4.0]}
    parts = {"npz": [0.5, 0.5, 0.5], "libsvm": [1.0, 0.75, 2.0]}
    lines = formats.report(jobs, parts, {"npz": 150.0, "libsvm": 180.4}, 1_000_000).splitlines()
    assert lines[:5] == [
        "| 1,000,000 rows | job, s | times npz | writing alone, s | times npz | MB | times npz |",
        "|---|---|---|---|---|---|---|",
        "| `npz` | 2.00 | 1.00 (1.00-1.00) | 0.50 | 1.00 (1.00-1.00) | 150 | 1.00 |",
        "| `libsvm` | 3.00 | 1.50 (1.00-2.00) | 1.00 | 2.00 (1.50-4.00) | 180 | 1.20 |",
        "",
    ]
    assert lines[5] == "Medians of 3 runs, in brackets the lowest and the highest ratio."


def test_the_rows_are_those_of_the_job(tmp_path: Path) -> None:
    spec = job(id="id", label="click", steps=[SPLIT, HASH], rows_per_part=40)
    result = run(tmp_path, clicks(100), spec)
    batches = formats.rows_of(result.output / "train")
    assert [batch.num_rows for batch in batches] == [
        sp.load_npz(part).shape[0] for part in result.parts("train")
    ]
    for batch, part in zip(batches, result.parts("train"), strict=True):
        again = tmp_path / "again.npz"
        with again.open("wb") as file:
            writer_of(OutputSpec("npz")).write([batch], batch.schema, file)
        assert again.read_bytes() == part.read_bytes()


def test_every_format_takes_its_turn(tmp_path: Path) -> None:
    result = run(tmp_path, clicks(20), job(id="id", label="click"))
    times = formats.writing(formats.rows_of(result.output / "train"), 2, tmp_path)
    assert {name: len(runs) for name, runs in times.items()} == dict.fromkeys(formats.FORMATS, 2)
    assert not (tmp_path / "parts").exists()


def test_megabytes_are_those_of_all_parts(tmp_path: Path) -> None:
    result = run(tmp_path, clicks(200), job(id="id", label="click", steps=[SPLIT, HASH]))
    parts = [part for name in ("train", "validation") for part in result.parts(name)]
    assert formats.megabytes(result.output) * 1e6 == sum(part.stat().st_size for part in parts)


@pytest.mark.long
def test_one_command_measures_and_prints(printed: Printed) -> None:
    table = printed(formats.main, "--rows=2000", "--runs=1")
    ratio = r"\d+\.\d\d \(\d+\.\d\d-\d+\.\d\d\)"
    row = rf"^\| `(\w+)` \| \d+\.\d\d \| {ratio} \| \d+\.\d\d \| {ratio} \| \d+ \| \d+\.\d\d \|$"
    assert tuple(re.findall(row, table, re.MULTILINE)) == formats.FORMATS
