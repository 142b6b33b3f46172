"""The launcher, run as the container runs it, with another folder for /opt/ml/processing/input."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from headrace.job.job import Job, Wheels
from tests import children
from tests.programs.jobs import INPUT, made, of, plan, script
from tests.tiny_wheels import make_wheel

MAIN = """\
import json
import os
import sys
from pathlib import Path

import helper

print(json.dumps({
    "arguments": sys.argv[1:],
    "file": __file__,
    "folder": os.getcwd(),
    "helper": helper.__file__,
    "name": __name__,
    "words": Path("data/words.txt").read_text(),
}))
sys.exit(3)
"""


def laid_out(job: Job, folder: Path) -> Path:
    """Put a job's files where its inputs have them; return the file that starts."""
    for name, content in job.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder / Path(job.view.entrypoint[-1]).relative_to(INPUT)


def run(start: Path, temporary: Path, *arguments: str, **variables: str) -> CompletedProcess[str]:
    temporary.mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": "", **variables}
    return children.run(
        [sys.executable, str(start), *arguments],
        cwd=temporary,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    script(tmp_path, "", "churn/helper.py")
    script(tmp_path, "one", "churn/data/words.txt")
    return script(tmp_path, MAIN, "churn/main.py").parent


def test_the_script_starts_as_if_it_lay_there(folder: Path, tmp_path: Path) -> None:
    job = made(plan(program=of(folder, entry="main.py")))
    start = laid_out(job, tmp_path / "input")
    done = run(start, tmp_path / "tmp", "--split", "0.8", "a b")
    assert (done.returncode, done.stderr) == (3, "")
    code = str(tmp_path / "input/code")
    assert json.loads(done.stdout) == {
        "arguments": ["--split", "0.8", "a b"],
        "file": f"{code}/main.py",
        "folder": code,
        "helper": f"{code}/helper.py",
        "name": "__main__",
        "words": "one",
    }
    assert (tmp_path / "input/code/main.py").read_text() == MAIN


def test_spark_finds_the_archive_beside_the_code(folder: Path, tmp_path: Path) -> None:
    wanted = plan(
        backend={"name": "pyspark", "framework_version": "3.5"},
        program=of(folder, entry="main.py"),
    )
    start = laid_out(made(wanted), tmp_path / "input")
    done = run(start, tmp_path / "tmp")
    assert json.loads(done.stdout)["file"] == f"{tmp_path}/input/code/main.py"


def test_another_program_may_start_the_script(tmp_path: Path) -> None:
    file = script(tmp_path, "echo $0 $1\n", "bin/fit.sh")
    job = made(plan(program=of(file.parent, entry="fit.sh", command=["sh", "-e"])))
    done = run(laid_out(job, tmp_path / "input"), tmp_path / "tmp", "last")
    assert done.stdout == f"{tmp_path}/input/code/fit.sh last\n"


def test_an_archive_that_is_not_the_one_that_was_sent(folder: Path, tmp_path: Path) -> None:
    job = made(plan(program=of(folder, entry="main.py")))
    start = laid_out(job, tmp_path / "input")
    archive = tmp_path / "input/code/headrace_source.zip"
    archive.write_bytes(archive.read_bytes() + b"more")
    done = run(start, tmp_path / "tmp")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"{archive}: is not the file that was sent, whose SHA-256 is {job.program.sha256}\n"
    )
    archive.unlink()
    done = run(start, tmp_path / "tmp")
    assert done.stderr == f"{archive}: cannot be read (No such file or directory)\n"


USES = """\
import os
import subprocess
import sys

import tiny

print(tiny.VERSION, os.getcwd() == os.environ["TMPDIR"], flush=True)
subprocess.run([sys.executable, "-c", "import tiny; print(tiny.__file__)"], check=True)
"""


def wheels(folder: Path) -> Wheels:
    folder.mkdir()
    wheel = make_wheel(folder, "tiny")
    return {wheel.name: wheel.read_bytes()}


def test_packages_are_on_the_path_of_the_script_and_of_what_it_starts(tmp_path: Path) -> None:
    job = made(plan(program=of(script(tmp_path, USES))), wheels=wheels(tmp_path / "wheels"))
    start = laid_out(job, tmp_path / "input")
    for _ in range(2):  # the second time they are there
        done = run(start, tmp_path / "tmp")
        version, place = done.stdout.splitlines()
        assert (done.stderr, version) == ("", "1.0 True")
        (unpacked,) = (tmp_path / "tmp").iterdir()
        assert Path(place).parent == unpacked
    assert unpacked.stat().st_mode & 0o777 == 0o700
    (unpacked / "tiny.py").unlink()  # as whoever cleans up temporary files does
    assert run(start, tmp_path / "tmp").stdout.startswith("1.0 True\n")
    assert list((tmp_path / "tmp").iterdir()) == [unpacked]
    unpacked.chmod(0o755)
    done = run(start, tmp_path / "tmp")
    expected = f"{unpacked}: should be a folder that nobody else can open; remove it\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_an_executors_python_finds_the_packages(tmp_path: Path) -> None:
    wanted = plan(
        backend={"name": "pyspark", "framework_version": "3.5"}, program=of(script(tmp_path))
    )
    job = made(wanted, wheels=wheels(tmp_path / "wheels"))
    laid_out(job, tmp_path / "input")
    probe = script(tmp_path, "import tiny; print(tiny.VERSION)\n", "probe.py")
    done = run(probe, tmp_path / "tmp", PYTHONPATH=str(tmp_path / "input/code"))
    assert (done.stdout, done.stderr) == ("1.0\n", "")
