"""One job at a time writes to a folder, and what a killed one left goes with the next."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headrace.config.defaults import PROJECT
from headrace.errors import ConfigError, JobFailed
from headrace.runtime.output.seal import is_sealed
from headrace.targets.local.scratch import BusyError, recover, scratch
from tests import children
from tests.targets.results import found, put

HOLD = """
import sys
from headrace.targets.local.scratch import scratch
with scratch(sys.argv[1], "job-1") as root:
    (root / "rest").write_text("1")
    print(root, flush=True)
    sys.stdin.read()
"""


@contextmanager
def holding(place: Path | str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that works in a folder: itself, and its scratch root."""
    process = children.start(
        [sys.executable, "-c", HOLD, str(place)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    with process:
        try:
            yield process, Path(process.stdout.readline().strip())
            process.stdin.close()
            process.wait(timeout=30)
        finally:
            process.kill()


def test_a_second_job_is_refused_by_the_name_of_the_first(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with holding(out) as (process, root):
        said = (
            f"the job job-1 (process {process.pid}) is writing to '{out}'; wait for its end, or "
            "choose another folder"
        )
        with pytest.raises(BusyError) as caught, scratch(str(out), "job-2"):
            pass
        assert (str(caught.value), caught.value.exit_status) == (said, 1)
        assert [str(problem) for problem in recover(str(out))] == [f"output.path: {said}"]
        assert (root / "rest").read_text() == "1"
    assert process.returncode == 0
    assert not out.exists()
    with scratch(str(out), "job-2"):
        pass


def test_a_killed_job_holds_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    with holding(out) as (process, root):
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    assert root.exists()
    with scratch(str(out), "job-2") as own:
        assert own != root
        assert list(out.rglob("rest")) == []
    assert capfd.readouterr().err == (
        f"note: the job job-1 was killed while it wrote to '{out}': what it left is removed\n"
    )
    assert found(tmp_path) == {"out": b""}


def test_a_killed_job_for_s3_leaves_its_scratch_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    put(tmp_path, {".headrace-mine/file": b"1", ".headrace-other/lock": b"mine"})
    with holding("s3://bucket/a") as (killed, left):
        killed.kill()
        killed.wait(timeout=30)
    with holding("s3://bucket/a") as (_, alive):
        assert not left.parent.exists()
        with scratch("s3://bucket/a", "job-2") as root:
            assert root.parent.parent == tmp_path
            assert (alive / "rest").exists()
    assert found(tmp_path) == {".headrace-mine/file": b"1", ".headrace-other/lock": b"mine"}


def refusal(out: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught, scratch(str(out), "job-2"):
        pass
    assert [str(problem) for problem in recover(str(out))] == list(map(str, caught.value.problems))
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "files",
    [{"mine": b"1"}, {"lock": b"mine"}, {"lock": b"mine", "before/x": b"1"}, {"before/x": b""}],
)
def test_a_folder_of_that_name_which_is_not_ours(tmp_path: Path, files: dict[str, bytes]) -> None:
    put(tmp_path / ".headrace", files)
    assert refusal(tmp_path) == [
        f"output.path: '{tmp_path}/.headrace' is none of headrace's; "
        "move it away or choose another folder"
    ]
    assert found(tmp_path / ".headrace") == files


@pytest.mark.parametrize("kind", ["link", "file", "lock"])
def test_a_link_of_that_name_is_not_followed(tmp_path: Path, kind: str) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    put(elsewhere, {"lock": b'{"job": "a", "pid": 1}', "scratch-1/mine": b"1"})
    before = found(elsewhere)
    out.mkdir()
    if kind == "link":
        (out / ".headrace").symlink_to(elsewhere)
    elif kind == "file":
        (out / ".headrace").touch()
    else:
        (out / ".headrace").mkdir()
        (out / ".headrace/lock").symlink_to(elsewhere / "lock")
    assert refusal(out) == [
        f"output.path: '{out}/.headrace' is none of headrace's; "
        "move it away or choose another folder"
    ]
    assert found(elsewhere) == before


def test_a_journal_that_is_none_of_ours_moves_nothing(tmp_path: Path) -> None:
    new = [{"file": "a", "source": "scratch-1/a", "bytes": 1, "mtime_ns": 1}]
    good = {"old": ["a"], "new": new, "made": []}
    odd = [
        *(b"", b"[]", b"{"),
        json.dumps({**good, "old": ["../mine"]}).encode(),
        json.dumps({**good, "new": [{**new[0], "source": "/etc/passwd"}]}).encode(),
        json.dumps({**good, "made": "x/../y"}).encode(),
    ]
    for number, journal in enumerate(odd):
        out = tmp_path / str(number)
        lock = b'{"job": "job-1", "pid": 1}'
        files = {".headrace/lock": lock, ".headrace/journal.json": journal, "mine": b"1"}
        put(out, files)
        with pytest.raises(JobFailed) as caught, scratch(str(out), "job-2"):
            pass
        assert str(caught.value) == (
            f"'{out}/.headrace/journal.json' is none of headrace's: look into its folder for files "
            "that belong elsewhere, then remove the folder"
        )
        assert {**found(out), ".headrace/lock": lock} == files


def test_a_folder_that_was_removed_meanwhile_is_no_concern(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with scratch(str(out), "job-1"):
        (out / ".headrace").rename(tmp_path / "gone")
        put(out / ".headrace", {"lock": b'{"job": "other", "pid": 1}', "scratch-1/x": b"1"})
    assert set(found(out)) == {".headrace/lock", ".headrace/scratch-1/x"}


def test_bugs_keep_their_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), scratch(str(tmp_path), "job-1"):
        raise FileNotFoundError
    assert found(tmp_path) == {}


def test_two_runs_at_once_into_one_folder(tmp_path: Path) -> None:
    """One of them makes its result, the other one is told so, and the result is whole."""
    out = tmp_path / "out"
    command = [sys.executable, str(PROJECT / "run.py"), f"output.path={out}"]
    runs = [
        children.start(
            [*command, f"transform.n_features={width}", f"job.name=run-{width}"],
            cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )
        for width in (64, 128, 256)
    ]  # fmt: skip
    said = [run.communicate(timeout=110)[1] for run in runs]
    statuses = [run.returncode for run in runs]
    assert statuses.count(0) == 1, said
    for status, text in zip(statuses, said, strict=True):
        if status:
            assert "is writing to" in text or "holds a result" in text
    manifest = json.loads((out / "report/manifest.json").read_text())
    assert is_sealed(manifest)
    assert manifest["n_features"] == (64, 128, 256)[statuses.index(0)]
    assert set(found(out)) == set(manifest["files"])


def test_the_umask_decides_who_may_read_a_request(tmp_path: Path) -> None:
    command = [sys.executable, str(PROJECT / "run.py"), "+job.env.TOKEN=x"]
    for action, more in (("plan", ()), ("run", ("train/part-00000.npz", "report/manifest.json"))):
        out = tmp_path / action
        arguments = [f"action={action}", f"output.path={out}"]
        done = children.run(
            [*command, *arguments],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=110, umask=0o077,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        for name in ("request.json", "code/entry.pyz", *more):
            assert (out / name).stat().st_mode & 0o777 == 0o600, name
