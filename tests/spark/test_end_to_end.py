"""``python run.py backend=pyspark``, as a user has it: a real cluster on this machine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headrace.aws.request import RequestView
from headrace.config.defaults import PROJECT
from headrace.errors import JobFailed
from headrace.results.compare import SAME, main
from headrace.targets.local import spark_submit as spark
from tests import children
from tests.conftest import Completed
from tests.runtime.jobs import clicks
from tests.spark.processes import kill, mentioning, wait_for

Command = Callable[..., Completed]
JOB = ("dataset=csv", "dataset.label=click", "dataset.id=id", "dataset.path=data.csv")
SPARK = (*JOB, "backend=pyspark", "output.path=spark")
WANTED = RequestView({"AppSpecification": {"ContainerEntrypoint": ["smspark-submit"]}})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text(clicks(4000))
    return path


@pytest.mark.usefixtures("data")
def test_the_rows_of_another_backend(headrace: Command, tmp_path: Path) -> None:
    made = headrace(*SPARK, "backend.event_logs=true", "+backend.spark.mine=1")
    alone = headrace(*JOB, "output.path=alone")
    assert (made.returncode, alone.returncode) == (0, 0), made.stderr
    assert main([str(tmp_path / "spark"), str(tmp_path / "alone"), "--recount"]) == SAME
    assert made.stdout.splitlines()[:3] == alone.stdout.splitlines()[:3]
    request = json.loads((tmp_path / "spark/request.json").read_text())
    assert request["AppSpecification"]["ContainerEntrypoint"][0] == "smspark-submit"
    (logs,) = (tmp_path / "spark/spark-event-logs").iterdir()
    assert '"spark.mine":"1"' in logs.read_text().replace(" ", "")
    left = {path.name for path in (tmp_path / "spark").iterdir()}
    assert left == {
        *("code", "conf", "py-files", "report", "request.json"),
        *("spark-event-logs", "train", "validation"),
    }
    assert not mentioning(str(tmp_path))


@contextmanager
def started(folder: Path, *overrides: str) -> Iterator[subprocess.Popen[str]]:
    """A job that has written a first part."""
    program = (sys.executable, str(PROJECT / "run.py"))
    command = [*program, *SPARK, *overrides, "runtime.block_bytes=100"]
    with children.started(command, cwd=folder, stderr=subprocess.PIPE, text=True) as running:
        parts = ".headrace/scratch-*/*/processing/output/train/part-*"
        wait_for(lambda: list((folder / "spark").glob(parts)))
        yield running


@pytest.mark.long
@pytest.mark.usefixtures("data")
def test_an_executor_that_is_killed_is_no_loss(headrace: Command, tmp_path: Path) -> None:
    """Two instances are two executors, processes of their own; another one takes its place."""
    with started(tmp_path, "resources.instance_count=2", "runtime.split_bytes=10000") as running:
        kill(mentioning(str(tmp_path), "CoarseGrainedExecutorBackend")[:1])
        _, stderr = running.communicate(timeout=children.LIMIT_SECONDS)
    assert running.returncode == 0, stderr
    alone = headrace(*JOB, "output.path=alone")
    assert alone.returncode == 0
    assert main([str(tmp_path / "spark"), str(tmp_path / "alone"), "--recount"]) == SAME


@pytest.mark.long
@pytest.mark.usefixtures("data")
def test_a_signal_leaves_nothing(tmp_path: Path) -> None:
    with started(tmp_path, "runtime.split_bytes=10000") as running:
        processes = children.below(running.pid)
        running.send_signal(signal.SIGHUP)
        _, stderr = running.communicate(timeout=children.LIMIT_SECONDS)
    assert (running.returncode, stderr) == (130, "interrupted\n")
    assert not (tmp_path / "spark").exists()
    children.until(lambda: not children.alive(processes))
    assert not mentioning(str(tmp_path))


@pytest.mark.long
@pytest.mark.usefixtures("data")
def test_kill_9_leaves_no_process(tmp_path: Path) -> None:
    """Neither the driver, nor the JVM, executors, or Python's workers in sessions of their own."""
    hosts = ("resources.instance_count=2", "runtime.split_bytes=10000")
    with started(tmp_path, *hosts) as running:
        processes = children.below(running.pid)
        assert len(processes) >= 5
        running.kill()
        running.wait()
        children.until(lambda: not children.alive(processes))
        assert not mentioning(str(tmp_path))


@pytest.mark.long  # tests/spark/test_faults.py tells the same of a cluster that is there
def test_a_mistake_is_one_line(headrace: Command, data: Path, tmp_path: Path) -> None:
    with data.open("a") as file:
        file.write("7,none,,,,\n")
    done = headrace(*SPARK, "runtime.split_bytes=20000")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "data.csv, line 4002, column 'click': expected a number, 0 or 1 for a click, got 'none'"
    )
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "spark").exists()


BROKEN = """\
from dataclasses import dataclass


@dataclass(frozen=True)
class Broken:
    def output_schema(self, schema):
        return schema

    def apply(self, batch):
        return batch.no_such_thing
"""


@pytest.mark.long
@pytest.mark.usefixtures("data")
def test_a_bug_of_a_plugin_keeps_its_traceback(
    headrace: Command, copy_of_project: Path, tmp_path: Path
) -> None:
    (copy_of_project / "transforms/broken.py").write_text(BROKEN)
    done = headrace(*SPARK, "+transform.steps.broken={}", project=copy_of_project)
    assert done.returncode == 1
    *_, bug, step = done.stderr.splitlines()
    assert bug.startswith("TaskError: AttributeError: 'pyarrow.lib.RecordBatch' object has no")
    assert step == "raised by transform.steps.broken"
    assert "    return batch.no_such_thing" in done.stderr.splitlines()
    assert not (tmp_path / "spark").exists()


@pytest.mark.usefixtures("data")
def test_without_java(headrace: Command, tmp_path: Path) -> None:
    done = headrace(*SPARK, environment={"PATH": str(tmp_path), "JAVA_HOME": ""})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Spark on this machine needs Java 8, 11 or 17: install one (Debian: "
        "openjdk-17-jre-headless), or set JAVA_HOME\n"
    )
    assert not (tmp_path / "spark").exists()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark, "find_spec", lambda _: None)
    with pytest.raises(JobFailed, match=r"needs the package pyspark: pip install"):
        spark.check(WANTED)


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        (
            "backend.event_logs=true",
            "backend.event_logs: backend=sklearn has no such key (it is one of backend=pyspark); "
            "allowed: framework_version, image_uri, name, python_version, region, requirements",
        ),
        (
            "+backend.spark.executor.memory=4g",
            "backend.spark: backend=sklearn has no such key (it is one of backend=pyspark); "
            "allowed: framework_version, image_uri, name, python_version, region, requirements",
        ),
    ],
)
def test_settings_of_spark_elsewhere(headrace: Command, override: str, problem: str) -> None:
    done = headrace("backend=sklearn", override)
    assert (done.returncode, done.stderr) == (2, f"1 problem in the configuration:\n  {problem}\n")


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        (
            "job.arguments=[a b]",
            "job.arguments[0]: the image hands it to a shell as it is, which would change 'a b'; "
            "quote it for one",
        ),
        (
            "target=container",
            "backend: the SageMaker SDK's local mode starts no cluster for Spark's image; use "
            "target=local or target=aws",
        ),
    ],
)
def test_what_spark_cannot_do(headrace: Command, override: str, problem: str) -> None:
    done = headrace("backend=pyspark", override)
    assert (done.returncode, done.stderr) == (2, f"1 problem in the configuration:\n  {problem}\n")
