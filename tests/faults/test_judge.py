"""The judge lets nothing pass that is not promised: each of these end states is wrong."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
from pathlib import Path

import pytest

from tests.faults.judge import PAGE, UNHARMED, Expected, State, Stored, Trial, judge
from tests.faults.runs import End, Place
from tests.faults.shim import Control

FAILED = Trial((1,), ("No space left on device",))
MESSAGE = "the job failed: cannot write 'x': No space left on device\n"
PART = b"rows"


def write(output: Path, part: bytes = PART) -> None:
    """Write what looks like a result."""
    for folder in ("train", "report"):
        (output / folder).mkdir(parents=True)
    (output / "train/part-00000.npz").write_bytes(part)
    (output / "request.json").write_text("{}\n")
    sha256 = hashlib.sha256(part).hexdigest()
    parts = [{"file": "train/part-00000.npz", "sha256": sha256}]
    (output / "report/manifest.json").write_text(
        json.dumps({"channels": {"train": {"parts": parts}}})
    )


@pytest.fixture
def place(root: Path) -> Place:
    place = Place(root).make()
    write(place.output)
    return place


@pytest.fixture
def expected(place: Place, root: Path) -> Expected:
    write(root / "earlier", b"other rows")
    (place.output / "train/mine").write_bytes(b"mine")
    own = {"train/mine": b"mine"}
    result = Stored.of(place.output)
    del result.files["train/mine"]
    return Expected(result, own, Stored.of(root / "earlier"))


def ended(place: Place, status: int, err: str = "", left: tuple[int, ...] = ()) -> End:
    return End(status, "", err, 1.0, left, Control(place.root / "control"))


def put_back(place: Place) -> None:
    """Write the earlier result where the new one lies."""
    for file in (place.root / "earlier").rglob("*"):
        if file.is_file():
            (place.output / file.relative_to(place.root / "earlier")).write_bytes(file.read_bytes())


def test_a_whole_result_is_right(place: Place, expected: Expected) -> None:
    assert judge(ended(place, 0), place, expected, UNHARMED) == (State.RESULT, [])


def test_the_earlier_result_is_right_after_a_failure(place: Place, expected: Expected) -> None:
    put_back(place)
    assert judge(ended(place, 1, MESSAGE), place, expected, FAILED) == (State.EARLIER, [])


def test_after_a_kill_anything_may_lie_there(place: Place, expected: Expected) -> None:
    (place.output / ".headrace").mkdir()
    (place.output / "train/part-00000.npz").unlink()
    end = ended(place, -signal.SIGKILL, "Traceback")
    assert judge(end, place, expected, Trial((-signal.SIGKILL,)))[1] == []


def spoil(output: Path, how: str) -> None:
    """Do to a result what must not happen to it."""
    part = output / "train/part-00000.npz"
    match how:
        case "changed":
            part.write_bytes(b"half")
        case "missing":
            part.unlink()
        case "foreign":
            (output / "train/part-00001.npz").write_bytes(b"")
        case "no manifest":
            shutil.rmtree(output / "report")
        case "half a request":
            (output / "request.json").write_text("{")
        case "link":
            (output / "request.json").rename(output / "x")
            (output / "request.json").symlink_to("x")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("changed", "train/part-00000.npz is not what the manifest says"),
        ("foreign", "foreign: train/part-00001.npz"),
        ("no manifest", "missing: report/manifest.json"),
        ("link", "request.json is no file"),
    ],
)
def test_a_result_that_is_not_whole(place: Place, expected: Expected, how: str, why: str) -> None:
    spoil(place.output, how)
    state, wrong = judge(ended(place, 0), place, expected, UNHARMED)
    assert (state, wrong) == (State.BROKEN, [f"with status 0 it leaves something else ({why})"])


@pytest.mark.parametrize("how", ["missing", "half a request"])
def test_a_file_that_is_missing_or_half_written(place: Place, expected: Expected, how: str) -> None:
    spoil(place.output, how)
    state, wrong = judge(ended(place, 0), place, expected, UNHARMED)
    assert (state, len(wrong)) == (State.BROKEN, 1)


@pytest.mark.parametrize("status", [0, 1])
def test_the_result_that_the_status_does_not_promise(
    place: Place, expected: Expected, status: int
) -> None:
    if status == 0:
        put_back(place)
    trial = Trial((status,), FAILED.says)
    _, wrong = judge(ended(place, status, MESSAGE), place, expected, trial)
    what = {0: State.EARLIER, 1: State.RESULT}[status].value
    assert wrong == [f"with status {status} it leaves {what} "]


def test_a_result_without_its_page_is_whole_if_the_run_says_so(
    place: Place, expected: Expected
) -> None:
    page = Stored({**expected.result.files, PAGE: ""})
    wanted = Expected(page, expected.own)
    silent, told = ended(place, 0), ended(place, 0, "note: report.html was not made (why)\n")
    says_nothing = ["it does not say that the page is missing"]
    assert judge(silent, place, wanted, UNHARMED) == (State.RESULT, says_nothing)
    assert judge(told, place, wanted, UNHARMED) == (State.RESULT, [])


def test_a_file_of_the_user_that_is_changed_or_lost(place: Place, expected: Expected) -> None:
    (place.output / "train/mine").write_bytes(b"")
    assert judge(ended(place, 0), place, expected, UNHARMED)[1] == [
        "the user's own train/mine is changed"
    ]
    (place.output / "train/mine").unlink()
    killed = ended(place, -signal.SIGKILL)
    assert judge(killed, place, expected, Trial((-signal.SIGKILL,)))[1] == [
        "the user's own train/mine is lost"
    ]


@pytest.mark.parametrize(
    ("end", "wrong"),
    [
        ((2, MESSAGE), "its exit status is 2, not one of (1,)"),
        ((1, ""), "stderr says nothing of ('No space left on device',)"),
        ((1, "Traceback: " + MESSAGE), "it shows a traceback"),
        ((1, MESSAGE, (7,)), "processes (7,) are alive"),
    ],
)
def test_an_end_that_is_not_promised(
    place: Place, expected: Expected, end: tuple[int, str, tuple[int, ...]], wrong: str
) -> None:
    put_back(place)
    assert wrong in judge(ended(place, *end), place, expected, FAILED)[1]


@pytest.mark.parametrize(
    "left", ["out/.headrace/lock", "tmp/headrace-x/part", "out/test/.part.tmp"]
)
def test_leftovers(place: Place, expected: Expected, left: str) -> None:
    put_back(place)
    file = place.disk / left
    file.parent.mkdir(parents=True)
    file.touch()
    wrong = judge(ended(place, 1, MESSAGE), place, expected, FAILED)[1]
    assert any(each.startswith("it leaves ") for each in wrong)
    allowed = Trial((1,), FAILED.says, may_leave=True)
    assert judge(ended(place, 1, MESSAGE), place, expected, allowed)[1] == []
