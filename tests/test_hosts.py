"""Several instances, from the command line to the end: the rows of one, or no result at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.config.defaults import PROJECT
from headrace.results.compare import SAME, main
from tests import children
from tests.conftest import Completed
from tests.runtime.jobs import clicks, gzipped

Command = Callable[..., Completed]
DATASET = ("dataset=csv", "dataset.label=click", "dataset.id=id")
HEADER, *LINES = clicks(3000).splitlines(keepends=True)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with the rows of a click log in four files."""
    folder = tmp_path / "data"
    folder.mkdir()
    for place in range(4):
        (folder / f"{place}.csv").write_text(HEADER + "".join(LINES[place::4]))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "backend",
    [
        "sklearn",
        pytest.param("script", marks=pytest.mark.long),
        pytest.param("processor", marks=pytest.mark.long),
    ],
)
def test_three_hosts_leave_the_rows_of_one(
    headrace: Command, data: Path, tmp_path: Path, backend: str
) -> None:
    job = (*DATASET, f"dataset.path={data}", f"backend={backend}")
    shared = headrace(*job, "resources.instance_count=3", "output.path=shared")
    alone = headrace(*job, "output.path=alone")
    assert (shared.returncode, alone.returncode) == (0, 0), shared.stderr
    assert main([str(tmp_path / "shared"), str(tmp_path / "alone"), "--recount"]) == SAME
    reports = [
        json.loads((tmp_path / name / "report/metrics.json").read_text())
        for name in ("shared", "alone")
    ]
    assert reports[0]["columns"] == reports[1]["columns"]
    manifest = json.loads((tmp_path / "shared/report/manifest.json").read_text())
    assert list(manifest["hosts"]) == ["algo-1", "algo-2", "algo-3"]


TOO_FEW = (
    "resources.instance_count: 4 files cannot be shared among 5 instances; set it to at most 4, "
    "or divide the data into more files"
)


def test_more_hosts_than_files(headrace: Command, data: Path, tmp_path: Path) -> None:
    job = (*DATASET, f"dataset.path={data}", "resources.instance_count=5", "output.path=out")
    done = headrace(*job)
    told = f"1 problem in the configuration:\n  {TOO_FEW}\n"
    assert (done.returncode, done.stderr) == (2, told)
    assert not (tmp_path / "out").exists()


def test_a_plan_may_be_made_before_all_files_are_there(headrace: Command, data: Path) -> None:
    job = (*DATASET, f"dataset.path={data}", "resources.instance_count=5", "output.path=out")
    done = headrace(*job, "action=plan")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"note     {TOO_FEW}" in done.stdout.splitlines()


def test_a_corrupt_file_in_one_shard(headrace: Command, data: Path, tmp_path: Path) -> None:
    whole = gzipped(HEADER + "".join(LINES))
    (data / "broken.csv.gz").write_bytes(whole[: len(whole) // 2])
    job = (*DATASET, f"dataset.path={data}", "resources.instance_count=3", "output.path=out")
    done = headrace(*job)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "broken.csv.gz: the gzip data is cut short"
    assert not (tmp_path / "out").exists()


def test_a_host_that_is_killed_in_the_middle(data: Path, tmp_path: Path) -> None:
    (data / "1.csv").write_text(HEADER + "".join(LINES) * 40)
    job = (*DATASET, f"dataset.path={data}", "resources.instance_count=3", "output.path=out")
    command = [sys.executable, str(PROJECT / "run.py"), *job, "runtime.block_bytes=300"]
    with children.started(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        os.kill(_process_of("algo-2", running.pid), signal.SIGKILL)
        _, stderr = running.communicate(timeout=60)
    assert running.returncode == 1
    assert stderr.splitlines()[-1].startswith(
        "algo-2 was killed by SIGKILL, perhaps for want of memory, and left no message"
    )
    assert not (tmp_path / "out").exists()


def _process_of(host: str, parent: int) -> int:
    """Wait until a host's process has begun to write parts, and find it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for pid in _children(parent):
            folder = _folder(pid)
            if folder.name == host and (folder / "processing/output/train").exists():
                return pid
        time.sleep(0.01)
    raise TimeoutError(host)


def _children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task")
    texts = [(task / "children").read_text() for task in tasks.iterdir()]
    return [int(pid) for text in texts for pid in text.split()]


def _folder(pid: int) -> Path:
    try:
        return (Path("/proc") / str(pid) / "cwd").readlink()
    except OSError:  # it has just ended
        return Path()


@pytest.mark.slow
def test_two_thousand_tiny_files(headrace: Command, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    lines = [LINES[place % len(LINES)] for place in range(2000)]
    for place, line in enumerate(lines):
        (data / f"{place}.csv").write_text(HEADER + line)
    (tmp_path / "one.csv").write_text(HEADER + "".join(lines))
    shared = headrace(
        *DATASET, f"dataset.path={data}", "resources.instance_count=3", "output.path=shared"
    )
    alone = headrace(*DATASET, "dataset.path=one.csv", "output.path=alone")
    assert (shared.returncode, alone.returncode) == (0, 0), shared.stderr
    assert main([str(tmp_path / "shared"), str(tmp_path / "alone")]) == SAME
