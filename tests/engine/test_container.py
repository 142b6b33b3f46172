from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pyarrow.parquet as pq
import pytest
from docker.models.containers import Container

from headrace.aws.clients import client
from headrace.config.defaults import PROJECT
from headrace.errors import JobFailed
from headrace.targets.container.target import ContainerTarget
from tests import children
from tests.conftest import Completed
from tests.engine.engine import Engine
from tests.targets.by_hand import CODE, data_input, make_config, make_job

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("built")]

NOBODY = 65534
SCRIPT_IMAGE = "headrace-script:0.1.0"
CASES = {
    "script": ("backend=script", "transform=hashing", "evaluation=logistic"),
    "processor": (
        "backend=processor",
        "transform=time_hashing",
        "evaluation=logistic",
        "job.network_isolation=true",
    ),
}


def parts(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.glob("*/part-*"))


@pytest.mark.parametrize("case", CASES)
def test_the_same_bytes_as_on_this_machine(
    case: str, tmp_path: Path, headrace: Callable[..., Completed]
) -> None:
    there, here = tmp_path / "container", tmp_path / "local"
    for target in (there, here):
        done = headrace(*CASES[case], f"target={target.name}", f"output.path={target}")
        assert done.returncode == 0, done.stderr
        assert "compiled kernels" not in done.stdout  # they can be loaded there as well
    assert parts(there) == parts(here)
    assert len(parts(here)) == 2
    for name in (*parts(here), "report/metrics.json", "report/evaluation.json"):
        assert (there / name).read_bytes() == (here / name).read_bytes()
    ours, theirs = (
        json.loads((each / "report/manifest.json").read_text()) for each in (here, there)
    )
    for manifest in (ours, theirs):
        del manifest["versions"]["python"], manifest["sha256"]  # which covers the versions
    assert theirs == ours


STAMP = """
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Stamp:
    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return schema

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        from xxhash import xxh32_hexdigest

        column = pa.array([xxh32_hexdigest(b"a")] * batch.num_rows)
        return batch.set_column(2, batch.schema.field(2), column)
"""


@pytest.mark.long
def test_a_compiled_package_that_was_shipped(
    tmp_path: Path, headrace: Callable[..., Completed], copy_of_project: Path
) -> None:
    """Its library is loaded from the container's ``/tmp``, which engines do not let one do."""
    (copy_of_project / "transforms/stamp.py").write_text(STAMP)
    (tmp_path / "data.csv").write_text("id,click,a\n1,0,x\n2,1,y\n")
    done = headrace(
        *("backend=script", "target=container", "job.network_isolation=true", "transform=split"),
        *("backend.requirements=[xxhash]", "backend.python_version=3.11", "dataset=csv"),
        *("dataset.label=click", "dataset.id=id", f"dataset.path={tmp_path / 'data.csv'}"),
        *("+transform.steps.stamp={}", "output.format=parquet", f"output.path={tmp_path / 'out'}"),
        project=copy_of_project,
    )
    assert done.returncode == 0, done.stderr
    tables = [pq.ParquetFile(part).read() for part in (tmp_path / "out").glob("*/part-*")]
    assert {each for table in tables for each in table["a"].to_pylist()} == {"550d7456"}


LOOK_AROUND = """
import json, os, pathlib, socket, sys
def attempt(path):
    try:
        pathlib.Path(path).write_text("x")
        return "written"
    except OSError as error:
        return error.strerror
def connect():
    try:
        socket.create_connection(("172.17.0.1", 9), 5)
    except OSError as error:
        return error.strerror
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "arguments": sys.argv[1:],
    "capabilities": int(status["CapEff"], 16),
    "code": attempt("/opt/ml/processing/input/code/x"),
    "environment": sorted(os.environ),
    "hosts": json.load(open("/opt/ml/config/resourceconfig.json"))["hosts"],
    "interfaces": sorted(os.listdir("/sys/class/net")),
    "neighbour": connect(),
    "no new privileges": int(status["NoNewPrivs"]),
    "output": attempt("/opt/ml/processing/output/train/x"),
    "root": attempt("/x"),
    "text": os.environ["TEXT"],
    "tmp": attempt("/tmp/x"),
    "user": os.getuid(),
}))
"""
FOUND = {
    "arguments": ["$HOME", "a b"],
    "capabilities": 0,
    "code": "Read-only file system",
    "environment": ["HOME", "HOSTNAME", "PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "TEXT"],
    "hosts": ["algo-1"],
    "interfaces": ["eth0", "lo"],
    "neighbour": "Connection refused",
    "no new privileges": 1,
    "output": "written",
    "root": "Read-only file system",
    "text": "costs $5, not $$5 or ${TEXT}",
    "tmp": "written",
    "user": 0,
}


def run_script(output: Path, script: str, **request: Any) -> None:
    application = {
        "ImageUri": SCRIPT_IMAGE,
        "ContainerEntrypoint": ["python3", f"{CODE}/entry.pyz"],
        "ContainerArguments": FOUND["arguments"],
    }
    job = make_job(output, script, AppSpecification=application, **request)
    ContainerTarget().run(job, make_config(output))


@pytest.mark.parametrize(
    ("isolated", "differences"),
    [
        (False, {}),
        pytest.param(
            True,
            {"interfaces": ["lo"], "neighbour": "Network is unreachable"},
            marks=pytest.mark.long,
        ),
    ],
)
def test_what_the_container_finds(
    isolated: bool,
    differences: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A network only if it may have one, and nobody's credentials; ``$`` is a character."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "hunter2")
    run_script(
        tmp_path / "out",
        LOOK_AROUND,
        Environment={"TEXT": FOUND["text"], "LC_CTYPE": ""},
        NetworkConfig={"EnableNetworkIsolation": isolated},
    )
    found = json.loads(capfd.readouterr().out)
    found["environment"].remove("LC_CTYPE")
    assert found == FOUND | differences


def test_a_container_that_fails(tmp_path: Path, headrace: Callable[..., Completed]) -> None:
    data = tmp_path / "bad.csv"
    data.write_text("id,click,C1\n1,yes,a\n")
    dataset = ("dataset=csv", f"dataset.path={data}", "dataset.label=click", "dataset.id=id")
    job = ("backend=processor", "target=container", *dataset, f"output.path={tmp_path / 'out'}")
    done = headrace(*job)
    assert (done.returncode, done.stdout) == (1, "")
    expected = "expected a number, 0 or 1 for a click, got 'yes'"
    assert done.stderr == f"bad.csv, line 2, column 'click': {expected}\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_a_container_that_says_much_and_fails_without_a_message(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not a line is lost, UTF-8 or not."""
    script = """
    import sys
    for number in range(50_000):
        print(f"line {number:>60}")
    sys.stdout.buffer.write(b"\\xff\\n")
    sys.exit("this is the end")
    """
    with pytest.raises(JobFailed) as caught:
        run_script(tmp_path / "out", dedent(script))
    why = "ended with status 1 and left no message; its last line on stderr: this is the end"
    assert str(caught.value) == f"algo-1 {why}"
    lines = capfd.readouterr().out.splitlines()
    assert lines == [*(f"line {number:>60}" for number in range(50_000)), "\ufffd"]
    assert not (tmp_path / "out").exists()


def first_container(engine: Engine) -> Container:
    """Wait until one runs."""
    deadline = time.monotonic() + 60
    while not (running := engine.client.containers.list()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return running[0]


def test_a_container_that_is_killed(engine: Engine, tmp_path: Path) -> None:
    thread = threading.Thread(target=lambda: first_container(engine).kill())
    thread.start()
    with pytest.raises(JobFailed) as caught:
        run_script(tmp_path / "out", "import time; time.sleep(60)")
    thread.join()
    why = "was killed by SIGKILL, perhaps for want of memory, and left no message"
    assert str(caught.value) == f"algo-1 {why}"


def test_an_image_that_cannot_be_started(
    tmp_path: Path, headrace: Callable[..., Completed]
) -> None:
    done = headrace(
        "backend=script",
        "target=container",
        "backend.image_uri=debian-with-python:1",
        f"output.path={tmp_path / 'out'}",
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (
        "the image has no pyarrow, which every chain needs beside numpy; use an image with both, "
        "or ship them (backend.requirements=[numpy,pyarrow])\n"
    ) in done.stderr


def test_an_image_that_is_not_there(tmp_path: Path, headrace: Callable[..., Completed]) -> None:
    done = headrace(
        *("backend=script", "target=container", "backend.image_uri=nowhere:1"),
        f"output.path={tmp_path / 'out'}",
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "1 problem in the configuration:\n"
        "  backend: there is no image 'nowhere:1' on this machine's Docker engine; action=build "
        "makes an own one, 'docker pull' fetches another, target=local needs none\n"
    )


@pytest.fixture
def large(tmp_path: Path) -> Path:
    large = tmp_path / "large.csv"
    sample = (PROJECT / "data/avazu_sample.csv").read_text().splitlines(keepends=True)
    with large.open("w") as file:
        file.write(sample[0])
        for _ in range(400):
            file.writelines(sample[1:])
    return large


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGHUP, marks=pytest.mark.long)]
)
def test_an_interrupt_leaves_nothing(
    number: signal.Signals, large: Path, tmp_path: Path, engine: Engine
) -> None:
    """Docker Compose answers the first of these itself, and dies of the second."""
    with at_work(large, tmp_path, engine) as process:
        os.killpg(process.pid, number)  # as a terminal does: everybody hears it
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, "")
    assert stderr.splitlines()[-1] == "interrupted"
    assert not (tmp_path / "out").exists()


def test_kill_9_leaves_no_process_and_no_container(
    large: Path, tmp_path: Path, engine: Engine
) -> None:
    with at_work(large, tmp_path, engine) as process:
        processes = children.below(process.pid)
        process.kill()
        process.wait()
        children.until(lambda: not children.alive(processes))
        children.until(lambda: not engine.client.containers.list(all=True))


@contextmanager
def at_work(data: Path, folder: Path, engine: Engine) -> Iterator[subprocess.Popen[str]]:
    """A job whose container has been started."""
    with children.started(
        [
            *(sys.executable, str(PROJECT / "run.py"), "backend=processor", "target=container"),
            *(f"dataset.path={data}", f"output.path={folder / 'out'}", "runtime.threads=1"),
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while not engine.client.containers.list():
            assert process.poll() is None
            time.sleep(0.1)
        yield process


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder that takes no hard link to one of `tmp_path`."""
    memory = Path("/dev/shm")  # noqa: S108
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other file system here")
    folder = Path(tempfile.mkdtemp(dir=memory))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.long
def test_a_folder_of_another_file_system(
    elsewhere: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.csv", "b/c.csv", "_SUCCESS"):
        (elsewhere / name).parent.mkdir(exist_ok=True)
        (elsewhere / name).write_text(name)
    script = """
    import os, pathlib
    data = pathlib.Path("/opt/ml/processing/input/data")
    print(*sorted(p.read_text() for p in data.rglob("*") if p.is_file()), data.stat().st_dev)
    """
    run_script(tmp_path / "out", dedent(script), inputs=(data_input(f"file://{elsewhere}"),))
    device = elsewhere.stat().st_dev
    assert capfd.readouterr().out == f"_SUCCESS a.csv b/c.csv {device}\n"


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of a user's who may do nothing else on this machine."""
    folder = Path(tempfile.mkdtemp(prefix="home-"))
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.long
def test_by_a_plain_user(engine: Engine, home: Path) -> None:
    """All that is left is the result, and all of it is theirs."""
    Path(engine.environment["DOCKER_HOST"].removeprefix("unix://")).chmod(0o666)
    done = children.run(
        [
            # They may read everything, or Python might be out of their reach.
            *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
            *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
            *(sys.executable, str(PROJECT / "run.py"), "backend=script", "target=container"),
            f"output.path={home / 'out'}",
        ],
        cwd=home,
        env={**os.environ, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    left = [path for path in (home / "out").rglob("*") if path.is_file()]
    assert {path.stat().st_uid for path in left} == {NOBODY}
    assert sorted(str(path.relative_to(home / "out")) for path in left) == [
        "code/entry.pyz",
        "report/manifest.json",
        "report/metrics.json",
        "report/report.html",
        "report/timings.json",
        "request.json",
        "train/part-00000.npz",
        "validation/part-00000.npz",
    ]


def test_data_and_result_on_s3(
    aws: str, tmp_path: Path, headrace: Callable[..., Completed]
) -> None:
    """Downloaded and uploaded by this process; the container sees folders."""
    s3 = client("s3")
    s3.create_bucket(Bucket="events")
    s3.upload_file(str(PROJECT / "data/avazu_sample.csv"), "events", "in/a b/sample.csv")
    dataset = "dataset.path=s3://events/in/"
    done = headrace("backend=script", "target=container", dataset, "output.path=s3://events/out")
    assert done.returncode == 0, done.stderr
    here = headrace(f"output.path={tmp_path / 'here'}")
    assert here.returncode == 0, here.stderr
    for name in parts(tmp_path / "here"):
        body = s3.get_object(Bucket="events", Key=f"out/{name}")["Body"].read()
        assert body == (tmp_path / "here" / name).read_bytes()
