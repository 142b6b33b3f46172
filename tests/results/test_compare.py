"""``python -m headrace.compare``: what it prints, and what its exit status means."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from headrace.config.defaults import PROJECT
from headrace.results.compare import differing, main
from headrace.runtime.spec import StepSpec
from tests import children
from tests.runtime.jobs import FORMATS, HASH, SPLIT, Result, clicks, job, run

OTHER = StepSpec("split", "split", {"train_fraction": 0.25})


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Result]:
    """Runs a job on 300 clicks."""

    def make(content: str = clicks(300), **how: Any) -> Result:
        spec = job(**{"id": "id", "label": "click", "steps": [SPLIT, HASH], **how})
        return run(tmp_path, content, spec)

    return make


def edit(result: Result, change: Callable[[dict[str, Any]], object]) -> None:
    path = result.output / "report" / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_the_same_rows_in_another_shape(
    made: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    header, *lines = clicks(300).splitlines()
    one = made()
    other = made("\n".join([header, *lines[::-1]]), format="parquet", rows_per_part=40)
    capsys.readouterr()
    assert main([str(one.output), str(other.output)]) == 0
    digests = {name: each["digest"] for name, each in one.manifest["channels"].items()}
    assert capsys.readouterr().out.splitlines() == [
        f"A  {one.output}",
        f"B  {other.output}",
        "",
        "channel     rows A  rows B  digest A          digest B",
        f"train          149     149  {digests['train']}  {digests['train']}",
        f"validation     151     151  {digests['validation']}  {digests['validation']}",
        "",
        "setting                      A       B",
        "config.output.format         npz     parquet",
        "config.output.rows_per_part  65,536  40",
        "",
        "the same rows",
    ]


def test_a_difference_behind_the_cut_is_shown() -> None:
    command = ["python3", "/opt/ml/processing/input/code/prepare.py", "--share"]
    one: dict[str, Any] = {"program": {"command": [*command, "0.8"]}, "sign": True, "seed": 1}
    other: dict[str, Any] = {"program": {"command": [*command, "0.75"]}, "sign": False, "seed": 1}
    assert list(differing(one, other)) == [
        (
            "program.command",
            '….py", "--share", "0.8"]',
            '….py", "--share", "0.75"]',
        ),
        ("sign", "true", "false"),
    ]


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


def test_other_rows_of_the_same_number(
    made: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = made(), made(clicks(300).replace(",v7,", ",v8,"))
    assert main([str(one.output), str(other.output)]) == 1
    assert last_line(capsys) == "not the same rows: train has other rows; validation has other rows"


def test_other_numbers_of_rows_and_the_setting_behind_it(
    made: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = made(), made(steps=[OTHER, HASH])
    assert main([str(one.output), str(other.output)]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[-3:] == [
        "config.steps.split.parameters.train_fraction  0.5  0.25",
        "",
        "not the same rows: train has 149 rows and 83; validation has 151 rows and 217",
    ]


def test_a_channel_that_only_one_has(
    made: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = made(), made(steps=[HASH])
    assert main([str(one.output), str(other.output)]) == 1
    shown = capsys.readouterr().out
    assert "validation     151       -  " in shown
    assert shown.splitlines()[-1] == (
        "not the same rows: train has 149 rows and 300; only A has validation"
    )


@pytest.mark.parametrize("name", FORMATS)
def test_a_result_is_recounted(
    made: Callable[..., Result], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    one = made(format=name, rows_per_part=100)
    assert main([str(one.output), str(one.output), "--recount"]) == 0
    assert last_line(capsys) == "the same rows"


@pytest.mark.parametrize("name", ["npz", "parquet"])
def test_numbers_are_recounted_as_far_as_the_format_keeps_them(
    made: Callable[..., Result], name: str
) -> None:
    content = clicks(300).replace(",v", ",0.")
    one = made(content, format=name, numeric=("c1",), categorical=("c0",))
    assert main([str(one.output), str(one.output), "--recount"]) == 0
    other = made(content, steps=[SPLIT], format="parquet", numeric=("c1",))
    assert main([str(other.output), str(other.output), "--recount"]) == 0


def test_a_damaged_part_shows(
    made: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = made(rows_per_part=100), made()
    part = one.parts("train")[1]
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    one.parts("validation")[0].unlink()
    assert main([str(one.output), str(other.output)]) == 0
    assert main([str(one.output), str(other.output), "--recount"]) == 1
    assert last_line(capsys) == (
        f"not the same rows: {one.output}: train/part-00001.npz is damaged or edited: its SHA-256 "
        f"is another than the manifest says; {one.output}: validation/part-00000.npz cannot be "
        "read (No such file or directory)"
    )


def test_a_part_whose_checksum_was_edited_too_shows(
    made: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = made(), made(steps=[OTHER, HASH])
    shutil.copy(other.parts("train")[0], one.parts("train")[0])
    sha256 = other.manifest["channels"]["train"]["parts"][0]["sha256"]
    edit(one, lambda manifest: manifest["channels"]["train"]["parts"][0].update(sha256=sha256))
    assert main([str(one.output), str(one.output), "--recount"]) == 1
    assert last_line(capsys).endswith(
        "train/part-00000.npz holds other rows than the manifest says"
    )


def test_what_cannot_be_compared(
    made: Callable[..., Result], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    one, old, broken = made(), made(), made()
    for channel in ("train", "validation"):
        edit(old, lambda manifest, name=channel: manifest["channels"][name].pop("digest"))  # type: ignore[misc]
    (broken.output / "report/manifest.json").write_text("{")
    capsys.readouterr()
    (one.output / "report/metrics.json").write_text("{")  # which only a page needs
    assert main([str(one.output), str(one.output)]) == 0
    expected = {
        tmp_path: "holds no result (report/manifest.json is missing)",
        old.output: "its manifest has no digests, a former version wrote it; run the job again",
        broken.output: "its manifest cannot be read (Expecting property name enclosed in double "
        "quotes: line 1 column 2 (char 1))",
    }
    capsys.readouterr()
    for place, message in expected.items():
        assert main([str(one.output), str(place)]) == 2
        assert capsys.readouterr() == ("", f"{place}: {message}\n")


def test_results_on_s3(
    made: Callable[..., Result], capsys: pytest.CaptureFixture[str], aws: str
) -> None:
    one, s3 = made(), boto3.client("s3")
    s3.create_bucket(Bucket="mine")
    for file in (path for path in one.output.rglob("*") if path.is_file()):
        s3.upload_file(str(file), "mine", f"run/{file.relative_to(one.output)}")
    assert main(["s3://mine/run", str(one.output), "--recount"]) == 0
    s3.delete_object(Bucket="mine", Key="run/train/part-00000.npz")
    assert main(["s3://mine/run", str(one.output), "--recount"]) == 1
    assert "s3://mine/run: train/part-00000.npz cannot be read (" in last_line(capsys)
    assert main(["s3://mine/other", str(one.output)]) == 2
    assert capsys.readouterr().err == (
        "s3://mine/other: holds no result (report/manifest.json is missing)\n"
    )


def test_the_command(made: Callable[..., Result]) -> None:
    place = str(made().output)
    command = [sys.executable, "-m", "headrace.compare", place, place]
    ran = children.run(
        command, cwd=PROJECT / "framework", capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.endswith("\nthe same rows\n")
