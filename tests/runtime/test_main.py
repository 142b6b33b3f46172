"""The process in the container: messages, exit statuses, progress lines, and death half-way."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
import scipy.sparse as sp

from headrace.config.defaults import PROJECT
from headrace.runtime.process.main import ended, main
from headrace.runtime.process.messages import Progress, tell
from headrace.runtime.spec import CONFIG_INPUT, DATA_INPUT, OUTPUT, JobSpec, StepSpec, under
from tests import children
from tests.runtime.jobs import HASH, SPLIT, Result, clicks, job

Started = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def ml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands in for ``/opt/ml``, with an input of one small file."""
    monkeypatch.setenv("HEADRACE_ML_ROOT", str(tmp_path))
    lay_out(tmp_path, clicks(20))
    return tmp_path


def lay_out(root: Path, content: str) -> None:
    data = under(root, DATA_INPUT)
    data.mkdir(parents=True)
    (data / "data.csv").write_text(content)


LATE_PANDAS = """
import sys
import pyarrow as pa
from headrace.runtime.process.setup import leave_pandas_out
leave_pandas_out()
leave_pandas_out()
assert "pandas" not in sys.modules
import pandas as pd
found = pa.array(pd.Series([1.5, None])).to_pylist() + pa.array(pd.Series(["a", None])).to_pylist()
assert found == [1.5, None, "a", None], found
"""


def test_pandas_that_is_imported_later_is_known_to_pyarrow() -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "framework")}
    children.run([sys.executable, "-c", LATE_PANDAS], env=environment, check=True)


def message(root: Path) -> str:
    return (root / "output/message").read_text("utf-8")


def test_a_python_without_pyarrow(ml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_: Path) -> None:
        raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")

    assert ended(run) == 1
    expected = (
        "the image has no pyarrow, which every chain needs beside numpy; use an image with both, "
        "or ship them (backend.requirements=[numpy,pyarrow])"
    )
    assert (message(ml), capsys.readouterr().err) == (expected, f"{expected}\n")


SPEC = job(id="id", label="click", steps=[SPLIT, HASH])


def test_done(ml: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(SPEC.to_json()) == 0
    captured = capfd.readouterr()
    size = (under(ml, DATA_INPUT) / "data.csv").stat().st_size
    assert captured.out.splitlines()[-1] == f"progress rows=20 bytes={size} of={size}"
    assert captured.err == ""
    assert Result(ml).manifest["rows"]["written"] == 20
    assert not (ml / "output/message").exists()


def test_the_job_may_come_as_an_input(ml: Path) -> None:
    folder = under(ml, CONFIG_INPUT)
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(SPEC.to_json())
    assert main() == 0
    assert Result(ml).manifest["rows"]["written"] == 20


def test_no_job_at_all(ml: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main() == 1
    path = under(ml, CONFIG_INPUT) / "job.json"
    text = f"{path}: the job cannot be read (No such file or directory)"
    assert (capfd.readouterr().err, message(ml)) == (f"{text}\n", text)


FAULTS: list[tuple[JobSpec, int, str]] = [
    (job(label="clik"), 2, "data.csv: there is no column 'clik'; did you mean 'click'?"),
    (
        job(label="click", steps=[SPLIT]),
        2,
        "output.format: npz holds numbers, but column 'id' holds text; add a step that makes "
        "numbers of it (vocabulary, one_hot, feature_hasher), or use output.format=parquet",
    ),
    (
        job(steps=[StepSpec("hours", "time_features", {}), HASH]),
        2,
        "transform.steps.hours: there is no column 'hour' at this point of the chain",
    ),
]


@pytest.mark.parametrize(("spec", "status", "text"), FAULTS)
def test_what_the_user_can_mend(
    ml: Path, capfd: pytest.CaptureFixture[str], spec: JobSpec, status: int, text: str
) -> None:
    assert main(spec.to_json()) == status
    assert (capfd.readouterr().err, message(ml)) == (f"{text}\n", text)
    assert not under(ml, OUTPUT).exists()


def test_an_input_without_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_ML_ROOT", str(tmp_path))
    under(tmp_path, DATA_INPUT).mkdir(parents=True)
    assert main(SPEC.to_json()) == 1
    assert message(tmp_path) == "the input holds no files"


def test_a_bug_keeps_its_traceback(ml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("at row 7")

    monkeypatch.setattr("headrace.runtime.process.execute.execute", broken)
    with pytest.raises(ZeroDivisionError):
        main(SPEC.to_json())
    assert message(ml) == "ZeroDivisionError: at row 7"


def test_a_bug_of_a_step_names_the_line_of_its_file(
    ml: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.excepthook", sys.excepthook)
    code = compile("\n\ndef broken(*_):\n    1 / 0\n", "mine.py", "exec")
    module = {"__name__": "transforms.mine"}
    exec(code, module)  # noqa: S102 (a module that no file has)

    def run(_: Path) -> None:
        try:
            cast(Callable[..., None], module["broken"])()
        except ZeroDivisionError as error:
            error.add_note("raised by transform.steps.odd")
            raise

    with pytest.raises(ZeroDivisionError) as caught:
        ended(run)
    assert message(ml) == (
        "ZeroDivisionError: division by zero; "
        "raised by transform.steps.odd (transforms/mine.py, line 4)"
    )
    sys.excepthook(caught.type, caught.value, caught.tb)
    assert capsys.readouterr().err.endswith("by zero\nraised by transform.steps.odd\n")


def test_the_message_has_at_most_a_kilobyte(ml: Path) -> None:
    tell(ml, "é" * 2000)
    written = (ml / "output/message").read_bytes()
    assert 1020 < len(written) <= 1024
    assert set(written.decode()) == {"é"}


def test_a_message_that_cannot_be_written_hides_nothing(
    ml: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (ml / "output").write_text("a file where a folder should be")
    assert main(job(label="clik").to_json()) == 2
    error = capfd.readouterr().err
    assert error.splitlines()[-1] == "data.csv: there is no column 'clik'; did you mean 'click'?"
    assert "Traceback" not in error


def test_one_host_of_several(ml: Path) -> None:
    (ml / "config").mkdir()
    hosts = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}
    (ml / "config/resourceconfig.json").write_text(json.dumps(hosts))
    assert main(SPEC.to_json()) == 0
    assert (under(ml, OUTPUT) / "report/algo-2/manifest.json").exists()
    assert [part.name for part in Result(ml).parts("train")] == ["part-algo-2-00000.npz"]


def test_progress_at_most_once_a_second(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 0.5, 0.99, 1.0, 1.0, 1.5, 2.5, 2.5, 3.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    shown = Progress(1000)
    shown.advance(100, 10)
    shown.advance(200, 10)
    shown.advance(300, 10)
    shown.advance(350, 1)
    shown.advance(400, 2)
    assert capsys.readouterr().out == (
        "progress rows=30 bytes=300 of=1000\nprogress rows=33 bytes=400 of=1000\n"
    )


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Starts the runtime as an image with the code baked in does."""
    processes = []

    def start(root: Path, spec: JobSpec, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        folder = under(root, CONFIG_INPUT)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "job.json").write_text(spec.to_json())
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "headrace.runtime"],
            cwd=PROJECT,
            env={**os.environ, "HEADRACE_ML_ROOT": str(root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


def test_killed_half_way(tmp_path: Path, started: Started) -> None:
    """What has its final name is whole; there is no manifest, so nobody takes it for a result."""
    lay_out(tmp_path, clicks(30_000))
    spec = job(id="id", label="click", rows_per_part=40, block_bytes=4000)
    process = started(tmp_path, spec)
    result, deadline = Result(tmp_path), time.monotonic() + 60
    while len(result.parts("train")) < 10:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not list((result.output / "report").iterdir())
    assert all(sp.load_npz(part).shape == (40, 64) for part in result.parts("train"))


def small_disk(path: Path, kilobytes: int) -> tuple[str, ...]:
    """Runs what follows in a mount namespace of its own, where `path` is a disk of that size."""
    mount = f'mount -t tmpfs -o size={kilobytes}k tmpfs "{path}" && exec "$@"'
    return ("unshare", "--mount", "--map-root-user", "sh", "-c", mount, "sh")


def can_mount(path: Path) -> bool:
    try:
        done = children.run([*small_disk(path, 64), "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


@pytest.mark.parametrize("format_name", ["npz", "parquet"])
@pytest.mark.parametrize("full_for", ["the parts", "the report"])
def test_a_full_disk(tmp_path: Path, started: Started, format_name: str, full_for: str) -> None:
    channel = "train" if full_for == "the parts" else "report"
    folder = under(tmp_path, OUTPUT) / channel
    folder.mkdir(parents=True)
    if not can_mount(folder):
        pytest.skip("this machine lets nobody mount a tmpfs")
    columns = 400 if channel == "report" else 4
    rows = 20 if channel == "report" else 20_000
    lay_out(tmp_path, clicks(rows, columns))
    spec = job(id="id", label="click", format=format_name, rows_per_part=1000)
    _, error = started(tmp_path, spec, small_disk(folder, 40)).communicate(timeout=60)
    assert "Traceback" not in error
    (path, reason) = re.fullmatch(r"(.*): cannot be written \((.*)\)\n", error).groups()  # type: ignore[union-attr]
    assert Path(path).parent == folder
    assert reason == "No space left on device"
    assert message(tmp_path) == error.strip()
    assert not (under(tmp_path, OUTPUT) / "report/manifest.json").exists()
