"""Whole sweeps, as a user starts them."""

from __future__ import annotations

import csv
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

import pytest

from headrace.config.defaults import PROJECT
from headrace.results.records import Note, SweepRecord
from tests import children
from tests.conftest import Completed

pytestmark = pytest.mark.slow
SAMPLE = PROJECT / "data" / "avazu_sample.csv"
Runner = Callable[..., Completed]


def _bytes(folder: Path) -> dict[str, bytes]:
    """What a run leaves, apart from what tells the time, or the folder that it is in."""
    apart = ("timings.json", "request.json", "run.json", "report.html", "entry.pyz")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in apart and ".hydra" not in path.parts
    }


@pytest.mark.parametrize("launcher", ["basic", "joblib", "fused"])
def test_a_sweep_tells_what_came_out_and_what_did_not(
    headrace: Runner, tmp_path: Path, launcher: str
) -> None:
    folder = tmp_path / "sweep"
    ran = headrace(
        *("-m", f"hydra/launcher={launcher}", f"hydra.sweep.dir={folder}"),
        "transform.n_features=16,0,65536",
    )
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    assert ran.stderr.count("transform.n_features: should be at least 1 (got 0)") == 1
    lines = ran.stdout.splitlines()
    *_, failed, page, where = [line for line in lines if "done in one go" not in line]
    reason = "1 problem in the configuration: transform.n_features: should be at least 1 (got 0)"
    assert failed == f"run 1 (transform.n_features=0) failed: {reason}"
    assert page == f"page     {folder / 'summary.html'}"
    assert where == str(folder / "summary.csv")
    settings = [f"run {number} (transform.n_features={n})" for number, n in enumerate((16, 0))]
    assert [line for line in lines if line == f"{settings[1]}: failed"]
    assert [line for line in lines if line.startswith(f"{settings[0]}: 5,000 rows in ")]
    assert len([line for line in lines if line.startswith("train")]) == 0
    with (folder / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["rows"] for row in rows] == ["5000", "", "5000"]


def test_fused_runs_leave_what_single_runs_leave(headrace: Runner, tmp_path: Path) -> None:
    for launcher in ("basic", "fused"):
        ran = headrace(
            *("-m", f"hydra/launcher={launcher}", f"hydra.sweep.dir={tmp_path / launcher}"),
            *("transform=time_hashing", "output.format=parquet", "job.name=same"),
            "transform.n_features=16,1048576",
        )
        assert ran.returncode == 0, ran.stderr
        assert ("done in one go" in ran.stdout) == (launcher == "fused")
    for number in range(2):
        one, other = (tmp_path / each / str(number) for each in ("basic", "fused"))
        assert _bytes(one) == _bytes(other)
        assert (other / "code" / "entry.pyz").exists()
    told = [path.read_text() for path in (tmp_path / "fused").glob("*/report/timings.json")]
    assert len(told) == 2
    assert len(set(told)) == 1  # the time is that of all of them together


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["transform=hashing,custom_hashing"], "they differ in transform.steps"),
        pytest.param(
            ["output.format=npz,parquet"], "they differ in output", marks=pytest.mark.long
        ),
        pytest.param(
            ["dataset.on_bad_rows=error,skip"], "they differ in dataset", marks=pytest.mark.long
        ),
        pytest.param(["job.env.A=1,2"], "they differ in job", marks=pytest.mark.long),
        (
            ["transform.n_features=4,8", "resources.instance_count=2", "dataset.path=in"],
            "several instances run every job by themselves (resources.instance_count=2)",
        ),
        (
            ["transform=split", "output.format=parquet", "job.name=a,b"],
            "no step hashes",
        ),
    ],
)
def test_runs_that_differ_in_more_are_done_one_by_one(
    headrace: Runner, tmp_path: Path, overrides: list[str], reason: str
) -> None:
    (tmp_path / "in").mkdir()
    for name in "ab":
        (tmp_path / "in" / name).write_text("id,click,hour\n1,0,x\n2,1,y\n")
    ran = headrace("-m", "hydra/launcher=fused", "dataset.format=csv", *overrides)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.splitlines()[0] == f"the runs are done one by one: {reason}"
    assert ran.stdout.count(" rows in ") == 2


def test_fused_runs_fail_together_and_leave_nothing(headrace: Runner, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,click,hour\n1,0,x\n2,maybe,y\n")
    folder = tmp_path / "sweep"
    ran = headrace(
        *("-m", "hydra/launcher=fused", f"hydra.sweep.dir={folder}", "dataset.path=x.csv"),
        "transform.n_features=4,8",
    )
    assert ran.returncode == 1
    reason = "x.csv, line 3, column 'click': expected a number, 0 or 1 for a click, got 'maybe'"
    assert [run.failure for run in SweepRecord.read(folder).runs] == [reason, reason]
    for number in "01":
        left = {path.name for path in (folder / number).iterdir()}
        assert left == {".hydra", "run.json"}


SLOW = '''
"""Takes its time to be checked."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Slow:
    seconds: int = 0

    def __post_init__(self):
        time.sleep(self.seconds)

    def output_schema(self, schema):
        return schema

    def apply(self, batch):
        return batch
'''


def test_a_worker_that_is_killed_leaves_a_true_summary(
    copy_of_project: Path, tmp_path: Path
) -> None:
    """The whole process of one run is killed; what had ended by then is in the summary."""
    folder = tmp_path / "sweep"
    (copy_of_project / "transforms" / "slow.py").write_text(SLOW)
    command = [
        *(sys.executable, str(copy_of_project / "run.py"), "-m", "hydra/launcher=joblib"),
        *("hydra.launcher.n_jobs=2", f"hydra.sweep.dir={folder}"),
        *("+transform.steps.slow.seconds=0,600", f"dataset.path={SAMPLE}"),
    ]
    with children.started(command, stdout=PIPE, stderr=PIPE, text=True) as ran:
        deadline = time.monotonic() + 60
        while not _has_ended_well(folder / "0"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for worker in _workers(ran.pid):
            os.kill(worker, signal.SIGKILL)
        stdout, stderr = ran.communicate(timeout=60)
    assert ran.returncode == 1
    assert "Traceback" not in stderr
    assert "a worker process of the sweep was killed" in stderr
    assert [line for line in stdout.splitlines() if line.startswith("  0  ")]
    lost = "run 1 (+transform.steps.slow.seconds=600) failed: the run ended without a word"
    assert lost in stdout


def _has_ended_well(run: Path) -> bool:
    note = Note.read(run)
    return note is not None and not note.failure


def _workers(parent: int) -> list[int]:
    """Processes of joblib's pool below a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text()
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == parent and b"popen_loky" in words:
                found.append(int(entry.name))
    return found
