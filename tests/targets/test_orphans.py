"""Whatever ends ``run.py``, its processes end with it, and after a signal its files do."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import children

ASKED = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
SLOW = '''
"""Takes its time, and says so."""

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Slow:
    def output_schema(self, schema):
        return schema

    def apply(self, batch):
        Path({folder!r}, str(os.getpid())).touch()
        time.sleep(60)
        return batch
'''
ONE = ()
TWO_HOSTS = ("resources.instance_count=2",)
FUSED = ("-m", "hydra/launcher=fused", "transform.n_features=16,32")
ONE_BY_ONE = ("-m", "transform.n_features=16,32")
JOBLIB = ("-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "transform.n_features=16,32")
WAYS = {
    "alone": (ONE, 1),
    "two hosts": (TWO_HOSTS, 2),
    "sweep": (ONE_BY_ONE, 1),
    "fused": (FUSED, 1),
    "joblib": (JOBLIB, 2),
}
"""What to run, and how many processes do the work then."""
SIGNALLED = [
    *(pytest.param("alone", number, marks=pytest.mark.long) for number in ASKED),
    ("two hosts", signal.SIGTERM),
    pytest.param("sweep", signal.SIGHUP, marks=pytest.mark.long),
    ("fused", signal.SIGQUIT),
    ("joblib", signal.SIGINT),
    pytest.param("joblib", signal.SIGTERM, marks=pytest.mark.long),
]
"""One handler answers them all; joblib has a second one, for SIGINT."""
KILLED = [
    *(pytest.param(way, marks=pytest.mark.long) for way in ("alone", "sweep", "fused")),
    *("two hosts", "joblib"),
]


@pytest.fixture
def project(copy_of_project: Path) -> Path:
    for name in ("in", "busy"):
        (copy_of_project / name).mkdir()
    slow = SLOW.replace("{folder!r}", repr(str(copy_of_project / "busy")))
    (copy_of_project / "transforms" / "slow.py").write_text(slow)
    for name in ("1.csv", "2.csv"):
        lines = "".join(f"{n},{n % 2},x{n}\n" for n in range(50))
        (copy_of_project / "in" / name).write_text(f"id,click,a\n{lines}")
    return copy_of_project


def command(project: Path, *overrides: str) -> list[str]:
    job = (
        *("dataset=csv", "dataset.path=in", "dataset.label=click", "dataset.id=id"),
        *("+transform.steps.slow={}", "output.path=out/${transform.n_features}"),
        *("hydra.run.dir=run", "hydra.sweep.dir=swept"),
    )
    return [sys.executable, str(project / "run.py"), *overrides, *job]


def at_work(project: Path, client: subprocess.Popen[str], jobs: int) -> set[int]:
    """Wait until so many processes read their data; all processes below the client."""

    def working() -> bool:
        assert client.poll() is None
        return len(list((project / "busy").iterdir())) == jobs

    children.until(working)
    return children.below(client.pid)


@pytest.mark.parametrize("way", KILLED)
def test_kill_9(project: Path, way: str) -> None:
    overrides, jobs = WAYS[way]
    with children.started(command(project, *overrides), cwd=project) as client:
        processes = at_work(project, client, jobs)
        assert len(processes) >= 2  # the job and the watchdog
        client.kill()
        client.wait()
        children.until(lambda: not children.alive(processes))


@pytest.mark.parametrize(("way", "number"), SIGNALLED)
def test_a_signal(project: Path, way: str, number: signal.Signals) -> None:
    overrides, jobs = WAYS[way]
    with children.started(
        command(project, *overrides), cwd=project, stderr=subprocess.PIPE, text=True
    ) as client:
        processes = at_work(project, client, jobs)
        client.send_signal(number)
        _, stderr = client.communicate(timeout=60)
        assert (client.returncode, stderr) == (130, "interrupted\n")
        children.until(lambda: not children.alive(processes))
        # A worker that the pool kills in the middle of tidying up leaves that to the next run.
        assert way == "joblib" or not list((project / "out").glob("*/*"))
