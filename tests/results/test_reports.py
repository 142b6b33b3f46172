"""Reports that somebody has edited: an error that says what is wrong and where, or no matter."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from headrace import open_result
from headrace.errors import HeadraceError
from headrace.report import page_of
from headrace.results.compare import compare
from headrace.results.records import Note, SweepRecord
from headrace.results.reports import parsed
from headrace.results.stored import StoredResult
from tests.results.pages.samples import evaluation, request, run_folder

WRONG: list[Any] = [
    *(None, "x", -1, 0, 1.5, 10**400, True, float("nan"), "\ud800"),
    *([], {}, [1], {"a": 1}),
]
FILES = (
    *("report/manifest.json", "report/metrics.json", "report/timings.json"),
    *("report/evaluation.json", "request.json"),
)

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    judged = evaluation()
    judged["scores"] = {"validation": {"log_odds": [-2, -1, 0], "zeros": [3, 4], "ones": [1, 2]}}
    judged["groups"] = {"validation": {"mean_label": [0.1, 0.2], "mean_loss": [0.4, 0.5]}}
    place = tmp_path_factory.mktemp("whole")
    return run_folder(place, evaluation=judged, request=request())


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def edit(folder: Path, name: str, change: Edit) -> None:
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values; of a list, that of the first one stands for all."""
    if path:
        yield path
    inside = list(value.items()) if isinstance(value, dict) else []
    inside = list(enumerate(value[:1])) if isinstance(value, list) else inside
    for key, each in inside:
        yield from nodes(each, (*path, key))


@pytest.mark.parametrize("name", FILES)
def test_whatever_is_wrong_is_told_or_does_not_matter(
    folder: Path, tmp_path: Path, name: str
) -> None:
    original = (folder / name).read_text()
    page, outcomes = tmp_path / "page.html", set()
    for path in nodes(json.loads(original)):
        number = zlib.crc32(repr(path).encode())  # one of the edits for each, always the same
        content = node = json.loads(original)
        for key in path[:-1]:
            node = node[key]
        if number % (len(WRONG) + 1) == len(WRONG):
            del node[path[-1]]
        else:
            node[path[-1]] = WRONG[number % (len(WRONG) + 1)]
        (folder / name).write_text(json.dumps(content))
        try:
            page_of(str(folder), page)
            repr(open_result(folder))
            outcomes.add("no matter")
        except HeadraceError as error:
            outcomes.add(str(error).partition(": ")[0])
    assert {str(folder)} <= outcomes <= {str(folder), "no matter"}


def without(*path: str) -> Edit:
    def change(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return change


def with_value(value: Any, *path: str) -> Edit:
    def change(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        (
            "report/manifest.json",
            with_value([], "channels"),
            "its manifest cannot be read (channels: should be a mapping of keys (got []))",
        ),
        (
            "report/manifest.json",
            with_value("12", "channels", "train", "rows"),
            "its manifest cannot be read (channels.train.rows: should be a whole number "
            "(got '12'))",
        ),
        (
            "report/manifest.json",
            without("rows"),
            "its manifest is not complete (rows: this key is required)",
        ),
        (
            "report/metrics.json",
            with_value(True, "columns", "value", "nulls"),
            "report/metrics.json cannot be read (columns.value.nulls: should be a whole number "
            "(got true))",
        ),
        (
            "report/metrics.json",
            without("columns", "value", "colliding_tokens"),
            "report/metrics.json cannot be read (columns.value.colliding_tokens: this key is "
            "required)",
        ),
        (
            "report/metrics.json",
            with_value([1], "time", "channels", "train", "rows"),
            "report/metrics.json cannot be read (time.channels.train.rows: should be as long as "
            "time.points)",
        ),
        (
            "report/timings.json",
            with_value("long", "seconds"),
            "report/timings.json cannot be read (seconds: should be a number (got 'long'))",
        ),
        (
            "report/evaluation.json",
            with_value("train", "judged_on"),
            "report/evaluation.json cannot be read (judged_on: should be one of channels)",
        ),
        (
            "report/evaluation.json",
            with_value([3, 2, 1], "scores", "validation", "log_odds"),
            "report/evaluation.json cannot be read (scores.validation.log_odds: should ascend)",
        ),
        (
            "request.json",
            with_value({"a": 1}, "ProcessingInputs"),
            'request.json cannot be read (ProcessingInputs: should be a list (got {"a": 1}))',
        ),
    ],
)
def test_an_edit_is_told_by_its_place(folder: Path, name: str, change: Edit, what: str) -> None:
    edit(folder, name, change)
    with pytest.raises(HeadraceError) as raised:
        page_of(str(folder))
    assert str(raised.value) == f"{folder}: {what}"


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("report/manifest.json", b"[]", "its manifest cannot be read (it holds no JSON object)"),
        (
            "report/manifest.json",
            b"{}",
            "holds no result ({}report/manifest.json is no manifest of headrace)",
        ),
        (
            "report/metrics.json",
            b"{",
            "report/metrics.json cannot be read (Expecting property name enclosed in double "
            "quotes: line 1 column 2 (char 1))",
        ),
        (
            "report/metrics.json",
            b'{"label": "\\ud800"}',
            "report/metrics.json cannot be read (it holds half of a surrogate pair, which is no "
            "text)",
        ),
        (
            "report/timings.json",
            b"[" * 100_000,
            "report/timings.json cannot be read (it is nested too deeply)",
        ),
    ],
)
def test_here_and_on_s3(folder: Path, aws: str, name: str, content: bytes, what: str) -> None:
    (folder / name).write_bytes(content)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="mine")
    for file in folder.glob("report/*.json"):
        s3.upload_file(str(file), "mine", f"run/{file.relative_to(folder)}")
    for place, prefix in ((str(folder), ""), ("s3://mine/run", "s3://mine/run/")):
        with pytest.raises(HeadraceError) as raised:
            StoredResult(place).record()
        assert str(raised.value) == f"{place}: {what.format(prefix)}"


def test_a_part_that_a_manifest_describes_wrongly_is_no_traceback(folder: Path) -> None:
    edit(folder, "report/manifest.json", with_value(None, "n_features"))
    assert compare([str(folder), str(folder)], recount=True) == 1
    edit(folder, "report/manifest.json", without("output_format"))
    what = f"{folder}: its manifest is not complete (output_format: this key is required)"
    for look in (
        lambda: compare([str(folder), str(folder)], recount=True),
        lambda: open_result(folder).load("train"),
    ):
        with pytest.raises(HeadraceError) as raised:
            look()
        assert str(raised.value) == what


def test_a_sweep_tells_which_run_is_broken(folder: Path, tmp_path: Path) -> None:
    Note(0, ["a=1"], str(folder), "", 0).write(tmp_path / "sweep/0")
    edit(folder, "report/timings.json", with_value({}, "peak_memory_mb"))
    (run,) = SweepRecord.read(tmp_path / "sweep").runs
    what = "report/timings.json cannot be read (peak_memory_mb: should be a number (got {}))"
    assert (run.record, run.failure) == (None, f"{folder}: {what}")


@pytest.mark.parametrize(
    "told",
    [{"number": "1"}, {"overrides": "a=1"}, {"overrides": [1]}, {"output": None}],
)
def test_a_note_of_other_types_is_a_foreign_file(tmp_path: Path, told: dict[str, Any]) -> None:
    Note(0, ["a=1"]).write(tmp_path)
    edit(tmp_path, "run.json", lambda content: content.update(told))
    assert Note.read(tmp_path) is None


def test_files_of_other_programs_may_hold_anything() -> None:
    assert parsed("report/scores.json", b'{"channels": 1}') == {"channels": 1}
