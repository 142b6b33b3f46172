"""The first moments of ``run.py``; streams, folders and memory that are not as they should be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.cli import startup
from headrace.config.defaults import PROJECT
from headrace.runtime.process.shortage import MEMORY
from headrace.runtime.process.signals import SIGNALS
from headrace.targets.local import early
from tests import children

Ran = Callable[..., tuple[int, str, str]]
FULL = Path("/dev/full")


@pytest.fixture
def ran(tmp_path: Path) -> Ran:
    """Runs ``run.py`` by a shell's words; exit status, stdout, stderr."""

    def run(words: str, **options: Any) -> tuple[int, str, str]:
        program = f'"$0" "{PROJECT / "run.py"}" output.path="{tmp_path / "out"}"'
        done = children.run(
            ["/bin/bash", "-c", f"set -o pipefail; {program} {words}", sys.executable],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
        return done.returncode, done.stdout, done.stderr

    return run


# -- imports

SPY = '''\
"""Prints what the job has imported, when it ends."""

import atexit
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Spy:
    """Hand the batch on."""

    def output_schema(self, schema):
        return schema

    def apply(self, batch):
        atexit.register(lambda: print("imported", *sys.modules))
        return batch
'''
NOBODY_USES = {"boto3", "botocore", "docker", "pandas", "rich", "sagemaker", "scipy", "sklearn"}
EVERY_MODULE = """
import importlib, pkgutil, sys
import headrace.runtime
for found in pkgutil.walk_packages(headrace.runtime.__path__, "headrace.runtime."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
print("pandas" in sys.modules)
"""
ONLY_THE_JOB = {"numpy", "pyarrow"}
ONLY_THE_CLIENT = {"hydra", "omegaconf", "pydantic", "yaml", "jinja2", "pygal"}


def test_a_plain_run_imports_what_it_uses(tmp_path: Path, ran: Ran) -> None:
    (tmp_path / "transforms").mkdir()
    (tmp_path / "transforms/spy.py").write_text(SPY)
    seen = {"env": {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}}
    status, out, err = ran("+transform.steps.spy.name=spy", **seen)
    assert status == 0, out
    client = {line.rpartition("|")[2].strip() for line in err.splitlines()}
    (job, *_) = [set(line.split()) for line in out.splitlines() if line.startswith("imported ")]
    assert client >= ONLY_THE_CLIENT
    assert client & (NOBODY_USES | ONLY_THE_JOB) == set()
    assert job >= ONLY_THE_JOB
    assert job & (NOBODY_USES | ONLY_THE_CLIENT | {"pyarrow.dataset", "pyarrow.parquet"}) == set()


@pytest.mark.parametrize(
    "words",
    ["", "hydra.run.dir=y", "backend=sklearn", "backend=script", "backend.image_uri=x",
     "experiment=search", "+transform.steps.mine.name=target"],
)  # fmt: skip
def test_an_interpreter_may_be_needed(words: str) -> None:
    assert startup.leads_to_python(["dataset.path=x", *words.split()])


@pytest.mark.parametrize(
    "word",
    ["--help", "-m", "-sc", "action=plan", "++action=plan", "target=aws", "~target",
     "program=image", "from=x", "hydra.mode=MULTIRUN", "hydra/launcher=fused", "backend=pyspark",
     "backend=processor", "+backend=pyspark", "backend=nobody", "~backend"],
)  # fmt: skip
def test_no_interpreter_for_other_commands(word: str) -> None:
    assert not startup.leads_to_python(["dataset.path=x", word])


@pytest.mark.parametrize(
    ("words", "begins"),
    [("", True), ("backend=pyspark", True), ("action=plan", False), ("--help", False)],
)
def test_the_interpreter_starts_before_hydra_is_there(
    monkeypatch: pytest.MonkeyPatch, words: str, begins: bool
) -> None:
    begun: list[bool] = []
    monkeypatch.setattr(early, "begin", lambda: begun.append(True))
    startup.begin_job(words.split())
    assert begun == [True] * begins


def test_a_look_imports_no_pandas(ran: Ran) -> None:
    sample = PROJECT / "data/avazu_sample.csv"
    seen = {"env": {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}}
    status, out, err = ran(f"action=look dataset.path={sample}", **seen)
    assert status == 0, out
    imported = {line.rpartition("|")[2].strip() for line in err.splitlines()}
    assert "pyarrow.lib" in imported
    assert "pandas.core" not in imported  # pandas itself is looked for, and kept away


def test_nothing_of_the_runtime_converts_while_it_is_imported() -> None:
    """The first conversion has pyarrow import pandas, if it is not told before to leave it out."""
    done = children.run(
        [sys.executable, "-c", EVERY_MODULE], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_what_guards_a_process_is_there_at_once() -> None:
    """Until then, Ctrl-C prints a traceback."""
    code = "import headrace.cli.startup, sys; print({'json', 'subprocess'} & sys.modules.keys())"
    done = children.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# -- signals


def handles_hangup(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (mask,) = (line.split()[1] for line in status if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> (signal.SIGHUP - 1) & 1)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("seconds", [0, 0.1, 0.3])
def test_a_signal_while_it_starts(tmp_path: Path, number: signal.Signals, seconds: float) -> None:
    command = [sys.executable, str(PROJECT / "run.py"), f"output.path={tmp_path / 'out'}"]
    pipe = subprocess.PIPE
    with children.started(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as client:
        children.until(lambda: handles_hangup(client.pid))
        time.sleep(seconds)
        client.send_signal(number)
        told = client.communicate(timeout=60)
    assert (client.returncode, *told) == (130, "", "interrupted\n")
    assert not (tmp_path / "out").exists()


def test_one_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """As under ``nohup``; SIGTERM ends the job all the same."""
    program = [sys.executable, str(PROJECT / "run.py"), f"output.path={tmp_path / 'out'}"]
    command = ["/bin/sh", "-c", 'trap "" HUP INT; exec "$0" "$@"', *program]
    with children.started(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as client:
        children.until(lambda: (tmp_path / "out").exists())
        client.send_signal(signal.SIGHUP)
        client.send_signal(signal.SIGINT)
        time.sleep(0.1)
        assert client.poll() is None
        client.send_signal(signal.SIGTERM)
        _, stderr = client.communicate(timeout=60)
    assert (client.returncode, stderr) == (130, "interrupted\n")


# -- standard streams


@pytest.mark.parametrize("action", ["plan", "schema"])
def test_a_reader_that_has_had_enough(ran: Ran, tmp_path: Path, action: str) -> None:
    assert ran(f"action={action} | head -c 1 >/dev/null") == (0, "", "")
    assert (tmp_path / "out" / "request.json").exists() == (action == "plan")


def test_a_result_that_nobody_wants_to_hear_of(ran: Ran, tmp_path: Path) -> None:
    assert ran("| true") == (0, "", "")
    assert (tmp_path / "out/report/report.html").exists()


def test_streams_that_are_closed(ran: Ran, tmp_path: Path) -> None:
    assert ran("<&- >&- 2>&-") == (0, "", "")
    assert (tmp_path / "out/report/report.html").exists()
    assert ran("output.pth=x >&- 2>&-") == (2, "", "")


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("words", ["", "action=plan", "--help"])
def test_an_stdout_that_takes_no_more(ran: Ran, tmp_path: Path, words: str) -> None:
    told = "cannot write to stdout: No space left on device\n"
    assert ran(f"{words} >/dev/full") == (1, "", told)
    if not words:  # the result is there all the same
        assert (tmp_path / "out/report/report.html").exists()


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_an_stderr_that_takes_no_more(ran: Ran) -> None:
    assert ran("output.pth=x 2>/dev/full") == (2, "", "")


# -- folders


def test_a_run_folder_that_is_a_file(ran: Ran, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for words, address in (
        ("hydra.run.dir=file", "hydra.run.dir"),
        ("hydra.run.dir=file/x", "hydra.run.dir"),
    ):
        status, stdout, stderr = ran(words)
        problem = f"  {address}: 'file' is a file; give a folder\n"
        assert (status, stdout, stderr) == (2, "", f"1 problem in the configuration:\n{problem}")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_of_a_sweep_that_is_a_file(ran: Ran, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, stdout, stderr = ran(
        "hydra.mode=MULTIRUN hydra.sweep.dir=file transform.n_features=16,32"
    )
    assert (status, stdout) == (2, "")
    assert stderr == (
        "1 problem in the configuration:\n"
        f"  hydra.sweep.dir: '{tmp_path / 'file'}' is a file; give a folder\n"
    )


def test_a_working_folder_that_nobody_can_write_to(tmp_path: Path) -> None:
    command = [sys.executable, str(PROJECT / "run.py"), f"output.path={tmp_path / 'out'}"]
    done = children.run(
        [*command, "hydra.run.dir=run"], cwd="/proc", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "1 problem in the configuration:\n"
        "  hydra.run.dir: cannot write in '/proc/run': No such file or directory; "
        "give another folder\n"
    )


def test_a_working_folder_that_has_gone(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    program = f'rmdir ../gone; exec "{sys.executable}" "{PROJECT / "run.py"}"'
    done = children.run(
        ["/bin/sh", "-c", program],
        cwd=tmp_path / "gone",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "1 problem in the configuration:\n"
        "  the working folder cannot be used (No such file or directory); "
        "change to one that is there\n"
    )


# -- memory


NEARLY = 290
"""A limit with which some runs end well; in the others the job's process lacks memory."""


def limited(folder: Path, megabytes: int) -> tuple[int, str, str]:
    program = f'ulimit -v {megabytes << 10}; exec "$0" "$@"'
    job = [sys.executable, str(PROJECT / "run.py"), f"output.path={folder / 'out'}"]
    done = children.run(
        ["/bin/sh", "-c", program, *job], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit memory like this")
@pytest.mark.parametrize("megabytes", [40, 60, 200, NEARLY])
def test_too_little_memory(tmp_path: Path, megabytes: int) -> None:
    """While Python imports, while Hydra composes, and in the job's process."""
    status, stdout, stderr = limited(tmp_path, megabytes)
    if megabytes == NEARLY and status == 0:
        return
    assert (status, stdout) == (1, "")
    assert stderr.splitlines()[-1] in (MEMORY, f"algo-1: {MEMORY}")
    assert "Traceback" not in stderr
    assert not (tmp_path / "out").exists()
