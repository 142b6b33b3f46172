"""The result goes to its place whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from framework import targets
from framework.channels import Channel
from framework.errors import ConfigError, JobFailed
from tests import children
from tests.framework.targets.by_hand import (
    WRITE_RESULT,
    data_input,
    everything_below,
    make_config,
    make_job,
)


def test_a_folder_with_something_in_it_is_refused(output: Path) -> None:
    output.mkdir()
    (output / "mine.txt").write_text("precious")
    (output / ".hydra").mkdir()
    with pytest.raises(ConfigError) as caught:
        targets.run(make_job(output, WRITE_RESULT), make_config(output))
    assert str(caught.value).splitlines() == [
        "1 problem in the configuration:",
        f"  output.path: the folder '{output}' is not empty; "
        "choose another or set output.overwrite=true",
    ]
    assert everything_below(output) == [".hydra", "mine.txt"]


def test_hydras_own_records_do_not_count(output: Path) -> None:
    (output / ".hydra").mkdir(parents=True)
    targets.run(make_job(output, WRITE_RESULT), make_config(output))
    assert (output / "report/manifest.json").is_file()


def test_what_a_plan_left_is_replaced(output: Path) -> None:
    (output / "code").mkdir(parents=True)
    for name in ("request.json", "code/entry.pyz"):
        (output / name).write_text("{}")
    job = make_job(output, WRITE_RESULT)
    targets.run(job, make_config(output))
    assert (output / "code/entry.pyz").read_bytes() == job.files["code/entry.pyz"]
    assert json.loads((output / "request.json").read_text()) == job.request


@pytest.mark.parametrize("overwrite", [False, True])
def test_only_the_packages_of_this_job_are_left(output: Path, overwrite: bool) -> None:
    (output / "packages").mkdir(parents=True)
    for name in ("old.whl", "same.whl"):
        (output / "packages" / name).write_text("old")
    job = make_job(output, WRITE_RESULT)
    job.files["packages/same.whl"] = b"new"
    targets.run(job, make_config(output, overwrite=overwrite))
    assert {path.name: path.read_text() for path in (output / "packages").iterdir()} == {
        "same.whl": "new"
    }
    (output / "packages/mine.txt").touch()
    targets.run(make_job(output, WRITE_RESULT), make_config(output, overwrite=True))
    assert [path.name for path in (output / "packages").iterdir()] == ["mine.txt"]


def test_a_failing_job_leaves_a_plan_as_it_was(output: Path) -> None:
    (output / "code").mkdir(parents=True)
    (output / "code/entry.pyz").write_text("planned")
    with pytest.raises(JobFailed):
        targets.run(make_job(output, "raise SystemExit(1)"), make_config(output))
    assert everything_below(output) == ["code", "code/entry.pyz"]
    assert (output / "code/entry.pyz").read_text() == "planned"


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


def earlier_result(output: Path) -> None:
    names = ("train", "validation", "report", "odd")
    targets.run(make_job(output, WRITE_RESULT, outputs=names), make_config(output))
    (output / "validation/part-00007.npz").write_text("old")
    (output / "odd/old.txt").write_text("old")
    request = json.loads((output / "request.json").read_text())
    request["ProcessingInputs"].append(data_input(f"file://{output}/config/job.json"))
    (output / "request.json").write_text(json.dumps(request))
    (output / "config").mkdir()
    (output / "config/job.json").write_text("old")
    (output / "mine.txt").write_text("precious")


def test_overwrite_replaces_the_earlier_result_and_nothing_else(output: Path) -> None:
    earlier_result(output)
    script = WRITE_RESULT.replace("12345", "new")
    targets.run(make_job(output, script), make_config(output, overwrite=True))
    assert everything_below(output) == [
        *("code", "code/entry.pyz", "mine.txt", "report", "report/manifest.json"),
        *("request.json", "train", "train/part-00000.npz"),
    ]
    assert (output / "train/part-00000.npz").read_text() == "new"
    assert (output / "code/entry.pyz").read_text() == script


def test_a_job_that_fails_leaves_the_earlier_result_as_it_was(output: Path) -> None:
    earlier_result(output)
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    with pytest.raises(JobFailed):
        targets.run(
            make_job(output, WRITE_RESULT + "raise SystemExit(1)"),
            make_config(output, overwrite=True),
        )
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("step", range(1, 12))
def test_a_disk_that_fails_at_any_move_leaves_the_earlier_result_as_it_was(
    output: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    earlier_result(output)
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    rename, calls = os.rename, 0

    def failing(source: str, destination: str) -> None:
        nonlocal calls
        calls += 1
        if calls == step:
            raise OSError(errno.EIO, "Input/output error", str(source), None, str(destination))
        rename(source, destination)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(JobFailed, match=r"^cannot write '.*': Input/output error$"):
        targets.run(make_job(output, WRITE_RESULT), make_config(output, overwrite=True))
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


def test_the_manifest_is_moved_last(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []
    rename = os.rename

    def noting(source: str, destination: str) -> None:
        moved.append(str(Path(destination).relative_to(output)))
        rename(source, destination)

    monkeypatch.setattr(os, "rename", noting)
    job = make_job(output, WRITE_RESULT, outputs=("report", "train", "validation"))
    targets.run(job, make_config(output))
    assert sorted(moved[:2]) == ["code/entry.pyz", "request.json"]
    assert moved[2:] == ["train", "validation", "report"]


def test_the_output_on_another_file_system_is_copied(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def elsewhere(source: str, destination: str) -> None:
        if ".scratch-" in str(source):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, destination)

    monkeypatch.setattr(os, "rename", elsewhere)
    targets.run(make_job(output, WRITE_RESULT), make_config(output))
    assert everything_below(output) == [
        *("code", "code/entry.pyz", "report", "report/manifest.json"),
        *("request.json", "train", "train/part-00000.npz"),
    ]
    assert (output / "train/part-00000.npz").read_bytes() == b"12345"


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


def test_a_disk_that_is_full_when_the_result_arrives(output: Path, small_disk: Path) -> None:
    job = make_job(output, WRITE_RESULT.replace('b"12345"', "bytes(1_000_000)"))
    target = job.request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]
    target["S3Uri"] = f"file://{small_disk}/train"
    with pytest.raises(JobFailed) as caught:
        targets.run(job, make_config(output))
    assert "No space left on device" in str(caught.value)
    assert str(caught.value).startswith(f"cannot write '{small_disk}/")
    assert everything_below(small_disk) == []
    assert not output.exists()


def test_a_result_can_go_to_another_file_system(output: Path, small_disk: Path) -> None:
    job = make_job(output, WRITE_RESULT)
    target = job.request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]
    target["S3Uri"] = f"file://{small_disk}/deep/train"
    result = targets.run(job, make_config(output))
    assert everything_below(small_disk) == ["deep", "deep/train", "deep/train/part-00000.npz"]
    assert json.loads((output / "report/manifest.json").read_text()) == result.manifest
    assert result.channels[0].bytes == 5
