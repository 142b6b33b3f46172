"""A run that is killed at any moment leaves the old result or the new one, for the next run."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from headrace.config.defaults import PROJECT
from headrace.targets.local import scratch
from tests import children
from tests.targets.results import USERS, contents, found, put

STEPS = 26
"""More than there are: of the last ones some kill nobody."""


def deliver(*runs: tuple[Path, int, int]) -> list[int]:
    """How runs end, one after the other, each with its folder, its last step and a failing one."""
    command = [sys.executable, "-m", "tests.targets.killed"]
    text = json.dumps([(str(folder), at, failing) for folder, at, failing in runs])
    done = children.run(
        command, input=text, cwd=PROJECT, check=True, capture_output=True, text=True, timeout=60
    )
    return list(json.loads(done.stdout))


@pytest.mark.parametrize("earlier", ["old", "nothing"])
def test_killed_before_each_step(
    tmp_path: Path, earlier: str, capfd: pytest.CaptureFixture[str]
) -> None:
    ends = set()
    users = USERS if earlier == "old" else {}
    folders = [tmp_path / str(at) for at in range(1, STEPS)]
    for out in folders:
        put(out, {**contents(earlier), **users})
    statuses = deliver(*((out, int(out.name), 0) for out in folders))
    for out, status in zip(folders, statuses, strict=True):
        assert status in (0, -signal.SIGKILL)
        assert scratch.recover(str(out)) == []
        left = found(out)
        end = "new" if left == {**contents("new"), **users} else earlier
        assert left == {**contents(end), **users}
        said = capfd.readouterr().err
        if status:
            back = (
                "what was there before is back" if earlier == "old" else "what it left is removed"
            )
            what = {"its result is whole"} if end == "new" else {back, "what it left is removed"}
            lines = {
                f"note: the job job-2 was killed while it wrote to '{out}': {x}\n" for x in what
            }
            assert said in lines
        else:
            assert (said, end) == ("", "new")
        ends.add((status, end))
        assert scratch.recover(str(out)) == []
        assert capfd.readouterr().err == ""
    assert ends == {(-signal.SIGKILL, earlier), (-signal.SIGKILL, "new"), (0, "new")}


@pytest.mark.parametrize("failing", [4, 7, 9])
def test_killed_while_files_go_back(tmp_path: Path, failing: int) -> None:
    folders = [tmp_path / str(at) for at in range(failing + 1, STEPS)]
    for out in folders:
        put(out, {**contents("old"), **USERS})
    statuses = deliver(*((out, int(out.name), failing) for out in folders))
    assert {*statuses} == {-signal.SIGKILL, 1}
    for out in folders:
        assert scratch.recover(str(out)) == []
        assert found(out) == {**contents("old"), **USERS}


def test_killed_and_killed_again_by_those_who_put_it_right(tmp_path: Path) -> None:
    """Each next run is killed a step later on its way back, until one is not."""
    out = tmp_path / "out"
    put(out, {**contents("old"), **USERS})
    assert deliver((out, 9, 0)) == [-signal.SIGKILL]
    statuses = deliver(*((out, at, 0) for at in range(1, 12)))
    assert statuses[:8] == [-signal.SIGKILL] * 8
    assert scratch.recover(str(out)) == []
    assert found(out) in ({**contents("old"), **USERS}, {**contents("new"), **USERS})


def test_what_a_user_put_in_the_place_of_a_file_meanwhile_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out, {**contents("old"), **USERS})
    assert deliver((out, 9, 0)) == [-signal.SIGKILL]
    before = found(out)
    (free,) = {name for name in contents("old") if name not in before and name.startswith("test/")}
    put(out, {free: b"mine"})
    problems = [str(problem) for problem in scratch.recover(str(out))]
    assert problems == [
        f"output.path: '{out}/{free}' stands where '{out}/.headrace/before/{free}' has to come "
        "back to; move one of them away"
    ]
    (out / free).unlink()
    assert scratch.recover(str(out)) == []
    assert found(out) == {**contents("old"), **USERS}
