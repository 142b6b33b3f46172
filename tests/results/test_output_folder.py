"""A result goes to an empty folder, or takes the place of what an earlier one of ours lists."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from headrace.config.models import OutputConfig
from headrace.results.destination import OccupiedError, check, obstacle, replaceable
from headrace.results.layout import receipt
from headrace.runtime.output.seal import sealed


def _check(path: Path | str, *, overwrite: bool = False, is_run_folder: bool = False) -> list[str]:
    output = OutputConfig(path=str(path), overwrite=overwrite)
    return [str(problem) for problem in check(output, is_run_folder=is_run_folder)]


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def put_result(folder: Path, *more: str) -> None:
    """An earlier result: a request, a part, a manifest, and other files of it."""
    put(folder, "train/part-00000.npz", *more)
    (folder / "request.json").write_text('{"ProcessingJobName": "job-1"}')
    sha256 = hashlib.sha256(b"train/part-00000.npz").hexdigest()
    part = {"file": "train/part-00000.npz", "sha256": sha256}
    manifest = {"channels": {"train": {"parts": [part]}}}
    files = ("request.json", "train/part-00000.npz", "report/manifest.json", "gone.txt", *more)
    put(folder, "report/manifest.json")
    (folder / "report/manifest.json").write_text(json.dumps(sealed(manifest, files)))


def put_plan(folder: Path, *names: str) -> None:
    put(folder, *names)
    (folder / "plan.json").write_bytes(receipt("job-1", {name: name.encode() for name in names}))


def old(folder: Path) -> list[str]:
    return replaceable(folder, overwrite=True, is_run_folder=False)


def refusal(folder: Path) -> str:
    with pytest.raises(OccupiedError) as caught:
        replaceable(folder, overwrite=True, is_run_folder=False)
    return str(caught.value)


def test_a_folder_that_is_not_there_yet_is_fine_and_is_not_made(tmp_path: Path) -> None:
    assert _check(tmp_path / "a" / "b") == []
    assert list(tmp_path.iterdir()) == []
    assert _check(tmp_path) == []


USERS = (
    *("train/x.csv", "test/x.csv", "validation/x", "report/x.pdf", "report/report.html"),
    *("packages/mine.whl", "request.json", "code/entry.pyz", "config/job.json", "run.log"),
    *("plan.json", ".hydra/config.yaml", "run.json", "input.manifest", ".hidden"),
)


@pytest.mark.parametrize("file", USERS)
def test_a_users_file_is_in_the_way_whatever_its_name(tmp_path: Path, file: str) -> None:
    put(tmp_path, file)
    entry = file.partition("/")[0]
    what = f"output.path: the folder '{tmp_path}' is not empty ('{entry}')"
    assert _check(tmp_path) == [f"{what}; choose another folder"]
    assert _check(tmp_path, overwrite=True) == [
        f"{what}, and is not taken for a result of headrace: there is no report/manifest.json; "
        "choose another folder"
    ]


def test_an_empty_folder_in_it_is_in_the_way_too(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    assert _check(tmp_path) == [
        f"output.path: the folder '{tmp_path}' is not empty ('train'); choose another folder"
    ]


def test_three_entries_are_named(tmp_path: Path) -> None:
    put(tmp_path, "a\x1b[31m", "b", "c", "d", "e")
    assert _check(tmp_path) == [
        f"output.path: the folder '{tmp_path}' is not empty "
        "('a\\x1b[31m', 'b', 'c', and 2 more); choose another folder"
    ]


def test_hydras_own_records_do_not_count_in_the_folder_of_this_run(tmp_path: Path) -> None:
    put(tmp_path, ".hydra/config.yaml", "run.log", "run.json")
    assert _check(tmp_path, is_run_folder=True) == []
    put(tmp_path, "mine.txt")
    assert _check(tmp_path, is_run_folder=True) == [
        f"output.path: the folder '{tmp_path}' is not empty ('mine.txt'); choose another folder"
    ]


def test_a_result_is_replaced_only_if_the_user_says_so(tmp_path: Path) -> None:
    put_result(tmp_path)
    put(tmp_path, "mine.txt", "train/mine.txt")
    assert _check(tmp_path) == [
        f"output.path: the folder '{tmp_path}' holds a result; "
        "choose another or set output.overwrite=true"
    ]
    assert _check(tmp_path, overwrite=True) == []
    assert old(tmp_path) == ["report/manifest.json", "request.json", "train/part-00000.npz"]


FOREIGN = (
    '{"channels": {}}',
    "",
    "[1]",
    json.dumps({**sealed({}, ["mine.txt", "report/manifest.json"]), "more": 1}),
    json.dumps(sealed({}, ["../mine.txt"])),
    json.dumps(sealed({}, ["/etc/passwd"])),
    json.dumps(sealed({}, ["mine.txt"])),
)


@pytest.mark.parametrize("content", FOREIGN)
def test_a_manifest_that_is_not_ours_lists_nothing(tmp_path: Path, content: str) -> None:
    put(tmp_path, "report/manifest.json", "mine.txt")
    (tmp_path / "report/manifest.json").write_text(content)
    assert refusal(tmp_path) == (
        f"the folder '{tmp_path}' is not empty ('mine.txt', 'report'), and is not taken for a "
        "result of headrace: report/manifest.json is none of headrace's, or has been changed; "
        "choose another folder"
    )


def test_a_part_that_was_changed_is_not_replaced(tmp_path: Path) -> None:
    put_result(tmp_path)
    (tmp_path / "train/part-00000.npz").write_text("mine")
    assert refusal(tmp_path) == (
        f"'{tmp_path}/train/part-00000.npz' has been changed since it was written, so it is not "
        "replaced; move it away"
    )


@pytest.mark.parametrize("content", ["mine", '{"mine": 1}', "[1]"])
def test_a_users_request_in_the_place_of_ours_is_not_replaced(tmp_path: Path, content: str) -> None:
    put_result(tmp_path)
    (tmp_path / "request.json").write_text(content)
    assert refusal(tmp_path) == (
        f"'{tmp_path}/request.json' has been changed since it was written, so it is not replaced; "
        "move it away"
    )


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")
    assert _check(tmp_path / "out") == [
        f"output.path: '{tmp_path}/out' is a link that leads nowhere"
    ]


def test_what_has_been_looked_at_is_not_read_again(tmp_path: Path) -> None:
    put_result(tmp_path)
    before = old(tmp_path)
    part = tmp_path / "train/part-00000.npz"
    times = part.stat()
    with part.open("r+b") as file:
        file.write(b"T")
    os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert old(tmp_path) == before
    os.utime(part)
    assert "has been changed" in refusal(tmp_path)


@pytest.mark.parametrize("link", ["train", "train/part-00000.npz", "request.json", "code"])
def test_a_link_is_not_followed(tmp_path: Path, link: str) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    put_result(out, "code/entry.pyz")
    (out / link).rename(elsewhere)
    (out / link).symlink_to(elsewhere)
    assert refusal(out) == (
        f"'{out}/{link}' is a link, which is not followed; move it away or choose another folder"
    )


def test_a_report_that_lies_elsewhere_is_none(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put_result(out)
    (out / "report").rename(tmp_path / "elsewhere")
    (out / "report").symlink_to(tmp_path / "elsewhere")
    assert refusal(out) == (
        f"the folder '{out}' is not empty ('report', 'request.json', 'train'), and is not taken "
        f"for a result of headrace: '{out}/report' is a link, which is not followed; "
        "choose another folder"
    )


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    put_result(tmp_path / "real")
    (tmp_path / "out").symlink_to(tmp_path / "real")
    assert _check(tmp_path / "out", overwrite=True) == []


def test_what_a_plan_left_counts_as_nothing(tmp_path: Path) -> None:
    put_plan(tmp_path, "request.json", "code/entry.pyz", "packages/a.whl")
    assert _check(tmp_path) == []
    files = ["plan.json", "code/entry.pyz", "packages/a.whl", "request.json"]
    assert replaceable(tmp_path, overwrite=False, is_run_folder=False) == files


@pytest.mark.parametrize("file", ["mine.txt", "code/mine.py", "packages/mine.whl", "code/x/y"])
def test_what_else_is_in_the_folder_of_a_plan_is_in_the_way(tmp_path: Path, file: str) -> None:
    put_plan(tmp_path, "request.json", "code/entry.pyz", "packages/a.whl")
    put(tmp_path, file)
    shown = file.removesuffix("/y")
    assert _check(tmp_path) == [
        f"output.path: the folder '{tmp_path}' is not empty ('{shown}'); choose another folder"
    ]


def test_a_file_of_a_plan_that_was_changed_is_not_replaced(tmp_path: Path) -> None:
    put_plan(tmp_path, "request.json")
    (tmp_path / "request.json").write_text("mine")
    assert _check(tmp_path) == [
        f"output.path: '{tmp_path}/request.json' has been changed since it was written, so it is "
        "not replaced; move it away"
    ]


def test_new_files_need_free_places(tmp_path: Path) -> None:
    put(tmp_path, "old/a", "file", "mine/b")
    (tmp_path / "link").symlink_to(tmp_path / "old")
    assert obstacle(tmp_path, ["new/a", "old/b", "old/a", "mine/c"], ["old/a"]) is None
    way = "is in the way and belongs to no earlier result; move it away or choose another folder"
    assert obstacle(tmp_path, ["mine/b"], ["old/a"]) == f"'{tmp_path}/mine/b' {way}"
    assert obstacle(tmp_path, ["mine"], []) == f"'{tmp_path}/mine' {way}"
    assert obstacle(tmp_path, ["link/c"], []) == (
        f"'{tmp_path}/link' is a link, which is not followed; move it away or choose another folder"
    )
    assert obstacle(tmp_path, ["file/c"], []) == (
        f"'{tmp_path}/file' is not what a job left; move it away or choose another folder"
    )


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    message = f"output.path: '{file}' is a file; give a folder"
    assert _check(file) == [message]
    assert _check(f"file://{file}") == [message]
    assert _check(file / "below", overwrite=True) == [message]


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert _check(tmp_path / "x") == [
        f"output.path: cannot write in '{tmp_path / 'x'}': Permission denied"
    ]


def test_a_remote_place_is_not_looked_at() -> None:
    assert _check("s3://bucket/folder") == []
