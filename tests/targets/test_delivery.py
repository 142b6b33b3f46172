"""The result goes to its place whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace import targets
from headrace.errors import ConfigError, JobFailed
from headrace.results.layout import listed, receipt
from headrace.results.result import Channel
from headrace.targets.local import moves
from tests import children
from tests.targets.by_hand import WRITE_RESULT, everything_below, make_config, make_job
from tests.targets.results import found, put

DELIVERED = [
    *("code", "code/entry.pyz", "report", "report/manifest.json"),
    *("request.json", "train", "train/part-00000.npz"),
]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_something_in_it_is_refused(output: Path, overwrite: bool) -> None:
    users = {"train/mine.csv": b"1", "packages/mine.whl": b"2", "request.json": b"3", "a.log": b""}
    put(output, users)
    why = "and is not taken for a result of headrace: there is no report/manifest.json; "
    with pytest.raises(ConfigError) as caught:
        targets.run(make_job(output, WRITE_RESULT), make_config(output, overwrite=overwrite))
    assert str(caught.value).splitlines() == [
        "1 problem in the configuration:",
        f"  output.path: the folder '{output}' is not empty ('packages', 'request.json', 'train')"
        + (f", {why}" if overwrite else "; ")
        + "choose another folder",
    ]
    assert found(output) == users


def test_hydras_own_records_do_not_count(output: Path) -> None:
    (output / ".hydra").mkdir(parents=True)
    targets.run(make_job(output, WRITE_RESULT), make_config(output))
    assert (output / "report/manifest.json").is_file()


def planned(output: Path) -> dict[str, bytes]:
    files = {"request.json": b"{}", "code/entry.pyz": b"planned", "packages/a.whl": b"a"}
    files["plan.json"] = receipt("job-0", files)
    put(output, files)
    return files


def test_what_a_plan_left_is_replaced(output: Path) -> None:
    planned(output)
    job = make_job(output, WRITE_RESULT)
    targets.run(job, make_config(output))
    assert everything_below(output) == DELIVERED
    assert (output / "code/entry.pyz").read_bytes() == job.files["code/entry.pyz"]
    assert json.loads((output / "request.json").read_text()) == job.request


def test_a_failing_job_leaves_a_plan_as_it_was(output: Path) -> None:
    files = planned(output)
    with pytest.raises(JobFailed):
        targets.run(make_job(output, "raise SystemExit(1)"), make_config(output))
    assert found(output) == files


def test_a_file_in_the_place_of_the_folder(output: Path) -> None:
    output.write_text("")
    with pytest.raises(ConfigError) as caught:
        targets.run(make_job(output, WRITE_RESULT), make_config(output, overwrite=True))
    assert str(caught.value).splitlines()[1:] == [
        f"  output.path: '{output}' is a file; give a folder",
    ]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc here")
def test_a_folder_that_cannot_be_made() -> None:
    inside = Path("/proc/headrace/out")
    with pytest.raises(ConfigError) as caught:
        targets.run(make_job(inside, WRITE_RESULT), make_config(inside))
    (line,) = str(caught.value).splitlines()[1:]
    assert line.startswith(f"  output.path: cannot write in '{inside}': ")


MINE = {"mine.txt": b"precious", "train/mine.csv": b"1", "packages/mine.whl": b"2"}


def earlier_result(output: Path) -> dict[str, bytes]:
    """The files of an earlier result of other channels, with the user's own among them."""
    script = WRITE_RESULT.replace("train", "validation")
    targets.run(make_job(output, script, outputs=("validation", "report")), make_config(output))
    put(output, MINE)
    return found(output)


def test_overwrite_replaces_the_earlier_result_and_nothing_else(output: Path) -> None:
    earlier_result(output)
    script = WRITE_RESULT.replace("12345", "new")
    targets.run(make_job(output, script), make_config(output, overwrite=True))
    after = found(output)
    assert {*after} == {*MINE, *(name for name in DELIVERED if "." in name)}
    assert {name: after[name] for name in MINE} == MINE
    assert after["train/part-00000.npz"] == b"new"
    assert after["code/entry.pyz"].decode() == script


def test_a_job_that_fails_leaves_the_earlier_result_as_it_was(output: Path) -> None:
    before = earlier_result(output)
    with pytest.raises(JobFailed):
        targets.run(
            make_job(output, WRITE_RESULT + "raise SystemExit(1)"),
            make_config(output, overwrite=True),
        )
    assert found(output) == before


@pytest.mark.parametrize("step", range(1, 9))
def test_a_disk_that_fails_at_any_move_leaves_the_earlier_result_as_it_was(
    output: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    before = earlier_result(output)
    move, calls = moves.move, 0

    def failing(source: Path, destination: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == step:
            raise OSError(errno.EIO, "Input/output error", str(source), None, str(destination))
        move(source, destination)

    monkeypatch.setattr(moves, "move", failing)
    with pytest.raises(JobFailed, match=r"^cannot write '.*': Input/output error$"):
        targets.run(make_job(output, WRITE_RESULT), make_config(output, overwrite=True))
    assert found(output) == before


PUT = """
import pathlib
for name, content in {files!r}.items():
    path = pathlib.Path({output!r}, name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
"""


def test_what_appears_in_the_way_while_the_job_runs_stays(output: Path) -> None:
    before = earlier_result(output)
    files = {"train/part-00000.npz": "mine"}
    script = WRITE_RESULT + PUT.format(files=files, output=str(output))
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(output, script), make_config(output, overwrite=True))
    assert str(caught.value) == (
        f"'{output}/train/part-00000.npz' is in the way and belongs to no earlier result; "
        "move it away or choose another folder"
    )
    assert found(output) == {**before, "train/part-00000.npz": b"mine"}


def test_what_appears_in_an_empty_folder_while_the_job_runs_stays(output: Path) -> None:
    script = WRITE_RESULT + PUT.format(files={"mine.txt": "mine"}, output=str(output))
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(output, script), make_config(output))
    assert str(caught.value) == (
        f"the folder '{output}' is not empty ('mine.txt'); choose another folder"
    )
    assert found(output) == {"mine.txt": b"mine"}


@pytest.mark.parametrize("then", ["", "(ml / 'output').mkdir(parents=True); raise SystemExit(1)"])
def test_a_folder_that_is_removed_while_the_job_runs(output: Path, then: str) -> None:
    script = f"{WRITE_RESULT}\nimport shutil; shutil.rmtree({str(output)!r}); {then}"
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(output, script), make_config(output))
    assert str(caught.value) == (
        f"the folder '{output}' was removed while the job ran; run it again"
    )
    assert not output.exists()


@pytest.mark.parametrize("name", ["code", "train", "test"])
def test_a_link_in_a_result_is_refused_and_what_it_leads_to_stays(
    output: Path, tmp_path: Path, name: str
) -> None:
    earlier_result(output)
    put(tmp_path / "elsewhere", {"entry.pyz": b"mine", "part-00000.npz": b"mine"})
    if (output / name).exists():
        shutil.rmtree(output / name)
    (output / name).symlink_to(tmp_path / "elsewhere")
    job = make_job(output, WRITE_RESULT, outputs=("report", "train", "test"))
    with pytest.raises(ConfigError) as caught:
        targets.run(job, make_config(output, overwrite=True))
    assert str(caught.value).splitlines()[1:] == [
        f"  output.path: '{output}/{name}' is a link, which is not followed; move it away or "
        "choose another folder"
    ]
    assert found(tmp_path / "elsewhere") == {"entry.pyz": b"mine", "part-00000.npz": b"mine"}


def test_the_manifest_is_moved_last(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier_result(output)
    moved = []
    move = moves.move

    def noting(source: Path, destination: Path) -> None:
        moved.append(source.name)
        move(source, destination)

    monkeypatch.setattr(moves, "move", noting)
    targets.run(make_job(output, WRITE_RESULT), make_config(output, overwrite=True))
    parts = "part-00000.npz"
    assert moved == [
        *("manifest.json", "entry.pyz", "request.json", parts),
        *("entry.pyz", "request.json", parts, "manifest.json"),
    ]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_system_without_linux_own_rename(
    output: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(moves, "_rename_no_replace", lambda: None)
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    earlier_result(output)
    targets.run(make_job(output, WRITE_RESULT), make_config(output, overwrite=True))
    assert {*found(output)} == {*MINE, *(name for name in DELIVERED if "." in name)}
    put(output.parent, {"source": b"1", "taken": b"2"})
    with pytest.raises(FileExistsError):
        moves.move(output.parent / "source", output.parent / "taken")
    assert (output.parent / "taken").read_bytes() == b"2"


def test_the_manifest_lists_what_the_entrypoint_did_not_know_of(output: Path) -> None:
    script = f'{WRITE_RESULT}\n(out / "train/more.txt").write_text("1")'
    targets.run(make_job(output, script), make_config(output))
    listing = listed((output / "report/manifest.json").read_bytes())
    assert listing is not None
    assert "train/more.txt" in listing.files
    targets.run(make_job(output, WRITE_RESULT), make_config(output, overwrite=True))
    assert everything_below(output) == DELIVERED


@pytest.mark.parametrize("name", ["\\udcff.txt", ".headrace/lock"])
def test_a_name_that_no_manifest_can_list(output: Path, name: str) -> None:
    lines = [
        WRITE_RESULT,
        f'path = out / "train/{name}"',
        "path.parent.mkdir(exist_ok=True)",
        "path.touch()",
    ]
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(output, "\n".join(lines)), make_config(output))
    assert str(caught.value) == (f"an output holds 'train/{name}'; a result has no such names")
    assert not output.exists()


def test_a_link_that_an_entrypoint_writes_becomes_a_file(output: Path) -> None:
    script = f'{WRITE_RESULT}\n(out / "train/link.npz").symlink_to(out / "train/part-00000.npz")'
    targets.run(make_job(output, script), make_config(output))
    assert not (output / "train/link.npz").is_symlink()
    assert (output / "train/link.npz").read_bytes() == b"12345"


SHARED = """
import json, os, pathlib
ml = pathlib.Path(os.environ["HEADRACE_ML_ROOT"])
host = json.loads((ml / "config/resourceconfig.json").read_text())["current_host"]
(ml / f"processing/output/train/{name}").write_text(host)
(ml / f"processing/output/report/{host}").mkdir()
(ml / f"processing/output/report/{host}/metrics.json").write_text("{}")
"""


def test_what_several_hosts_wrote_comes_together(output: Path) -> None:
    script = SHARED.replace("{name}", "part-{host}-00000.npz")
    targets.run(make_job(output, script, instances=2), make_config(output))
    assert [
        name for name in everything_below(output) if name.endswith(("npz", "metrics.json"))
    ] == [
        "report/algo-1/metrics.json",
        "report/algo-2/metrics.json",
        "train/part-algo-1-00000.npz",
        "train/part-algo-2-00000.npz",
    ]


MANIFESTS = """
import json, os, pathlib
ml = pathlib.Path(os.environ["HEADRACE_ML_ROOT"])
host = json.loads((ml / "config/resourceconfig.json").read_text())["current_host"]
file = f"train/part-{host}-00000.npz"
(ml / "processing/output" / file).write_text(host)
manifest = {
    "format_version": 1, "config_sha256": "0", "columns": {}, "n_features": 8,
    "rows": {"read": 3, "written": 2, "rejected": 1},
    "channels": {"train": {
        "rows": 2, "digest": "8" * 16,
        "parts": [{"file": file, "rows": 2, "bytes": 6, "digest": "8" * 16}],
    }},
}
(ml / f"processing/output/report/{host}").mkdir()
(ml / f"processing/output/report/{host}/manifest.json").write_text(json.dumps(manifest))
"""


def test_the_manifests_of_several_hosts_become_one(output: Path) -> None:
    result = targets.run(make_job(output, MANIFESTS, instances=2), make_config(output))
    assert result.manifest == json.loads((output / "report/manifest.json").read_text())
    assert result.manifest["rows"] == {"read": 6, "written": 4, "rejected": 2}
    assert result.manifest["channels"]["train"]["digest"] == "1" * 15 + "0"
    share = {"rows": 2, "digest": "8" * 16, "parts": 1}
    rows = {"read": 3, "written": 2, "rejected": 1}
    assert result.manifest["hosts"] == {
        host: {"rows": rows, "channels": {"train": share}} for host in ("algo-1", "algo-2")
    }
    assert result.channels == (Channel("train", rows=4, parts=2, bytes=12),)
    for part in result.manifest["channels"]["train"]["parts"]:
        assert (output / part["file"]).is_file()


def test_two_hosts_that_write_the_same_file_are_told_so(output: Path) -> None:
    script = SHARED.replace("{name}", "part-00000.npz")
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(output, script, instances=2), make_config(output))
    assert str(caught.value) == "output 'train': algo-1 and algo-2 both wrote part-00000.npz"
    assert not output.exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for 256 kB."""
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small tmpfs")
    disk = tmp_path / "disk"
    disk.mkdir()
    done = children.run([mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=False)
    if done.returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield disk
    children.run(["umount", disk], check=True)


def test_a_disk_that_is_full_before_the_job_starts(small_disk: Path) -> None:
    output = small_disk / "out"
    job = make_job(output, WRITE_RESULT)
    job.files["big"] = bytes(1_000_000)
    with pytest.raises(JobFailed) as caught:
        targets.run(job, make_config(output))
    assert str(caught.value) == f"cannot write '{output}': No space left on device"
    assert everything_below(small_disk) == []
