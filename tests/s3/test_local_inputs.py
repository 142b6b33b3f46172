"""The local target reads from S3: which objects become which files, and what is said otherwise."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headrace import targets
from headrace.errors import ConfigError, JobFailed
from tests.s3.faults import cut_answer
from tests.s3.proxy import Proxy
from tests.targets.by_hand import (
    DATA,
    data_input,
    everything_below,
    make_config,
    make_job,
)

pytestmark = pytest.mark.usefixtures("patient", "scratch")
Put = Callable[..., None]
OUT = "s3://logs/out"

SEE = """
import json, os, pathlib
ml = pathlib.Path(os.environ["HEADRACE_ML_ROOT"])
data = ml / "processing/input/data"
files = [path for path in data.rglob("*") if path.is_file()]
seen = {path.relative_to(data).as_posix(): path.read_text() for path in files}
host = json.loads((ml / "config/resourceconfig.json").read_text())["current_host"]
(ml / f"processing/output/train/{host}.json").write_text(json.dumps(seen))
"""


def seen(output: Path, host: str = "algo-1") -> dict[str, str]:
    found = json.loads((output / "train" / f"{host}.json").read_text())
    assert isinstance(found, dict)
    return found


def refused(job: Any, config: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        targets.run(job, config)
    return str(caught.value).splitlines()[1:]


def test_the_objects_below_a_folder_become_files(put: Put, proxy: Proxy, tmp_path: Path) -> None:
    names = ("b.csv", "day=1/a b+%20.csv", "day=1/日本.csv")
    put({f"in/{name}": name.encode() for name in names})
    put({"in/_SUCCESS": b"", "in/.b.csv.crc": b"", "in/_temporary/c.csv": b"", "in/": b""})
    output = tmp_path / "out"
    job = make_job(output, SEE, inputs=(data_input("s3://logs/in/"),))
    targets.run(job, make_config(output))
    assert seen(output) == {name: name for name in names}
    assert proxy.count("GET", "_SUCCESS") == 0
    assert everything_below(output) == [
        *("code", "code/entry.pyz", "request.json", "train", "train/algo-1.json")
    ]


@pytest.mark.parametrize("name", ["a.csv", "_odd.csv"])
def test_a_single_object_keeps_its_name(put: Put, tmp_path: Path, name: str) -> None:
    put({f"in/{name}": b"1", "in/b.csv": b"2"})
    output = tmp_path / "out"
    job = make_job(output, SEE, inputs=(data_input(f"s3://logs/in/{name}"),))
    targets.run(job, make_config(output))
    assert seen(output) == {name: "1"}


def test_objects_are_dealt_over_hosts_in_the_order_of_their_keys(put: Put, tmp_path: Path) -> None:
    names = ("c", "a", "b", "d", "e/f")
    put({f"in/{name}": b"" for name in names})
    output = tmp_path / "out"
    sharded = data_input("s3://logs/in/", distribution="ShardedByS3Key")
    targets.run(make_job(output, SEE, inputs=(sharded,), instances=3), make_config(output))
    shares = [sorted(seen(output, f"algo-{number}")) for number in (1, 2, 3)]
    assert shares == [["a", "d"], ["b", "e/f"], ["c"]]


@pytest.mark.parametrize("place", ["s3://logs/lists/input.manifest", "file"])
def test_a_manifest_names_its_objects(put: Put, tmp_path: Path, place: str) -> None:
    put({"in/a.csv": b"1", "in/a.csv.old": b"2", "in/b/c.csv": b"3"})
    text = json.dumps([{"prefix": "s3://logs/in/"}, "b/c.csv", "a.csv"])
    put({"lists/input.manifest": text.encode()})
    if place == "file":
        (tmp_path / "input.manifest").write_text(text)
        place = f"file://{tmp_path}/input.manifest"
    output = tmp_path / "out"
    job = make_job(output, SEE, inputs=(data_input(place, "ManifestFile"),))
    targets.run(job, make_config(output))
    assert seen(output) == {"a.csv": "1", "b/c.csv": "3"}


def test_a_manifest_that_names_what_is_not_there(put: Put, tmp_path: Path) -> None:
    text = json.dumps([{"prefix": "s3://logs/in/"}, "a.csv"])
    put({"in/a.csv.old": b"2", "in/list": text.encode()})
    for uri, missing in (
        ("s3://logs/in/list", "s3://logs/in/a.csv"),
        ("s3://logs/in/lis", "s3://logs/in/lis"),
    ):
        job = make_job(tmp_path / "out", SEE, inputs=(data_input(uri, "ManifestFile"),))
        assert refused(job, make_config(tmp_path / "out")) == [
            f"  input 'data': there is no object {missing!r}"
        ]


@pytest.mark.parametrize(
    ("objects", "problem"),
    [
        ({}, "nothing is at 's3://logs/in/'"),
        ({"in/_SUCCESS": b""}, "no files in 's3://logs/in/'"),
        (
            {"in/../../etc/a.csv": b""},
            "'s3://logs/in/../../etc/a.csv' cannot be a path here: '.' and '..' lead elsewhere",
        ),
        (
            {"in//etc/a.csv": b""},
            "'s3://logs/in//etc/a.csv' cannot be a path here: a name in it is empty",
        ),
        (
            {"in/a": b"", "in/a/b/c": b""},
            "'s3://logs/in/a' is an object and cannot hold 's3://logs/in/a/b/c' here",
        ),
        (
            {f"in/{'x' * 256}": b""},
            f"'s3://logs/in/{'x' * 256}' cannot be a path here: "
            "a name in it is longer than 255 bytes",
        ),
    ],
)
def test_objects_that_cannot_be_files_here(
    put: Put, aws: str, tmp_path: Path, objects: dict[str, bytes], problem: str
) -> None:
    put({"in": b"", **objects})
    output = tmp_path / "out"
    job = make_job(output, SEE, inputs=(data_input("s3://logs/in/"),))
    assert refused(job, make_config(output)) == [f"  input 'data': {problem}"]
    assert not output.exists()


def test_a_bucket_that_is_not_there(aws: str, s3: Any, tmp_path: Path) -> None:
    job = make_job(tmp_path / "out", SEE, inputs=(data_input("s3://elsewhere/in/"),))
    assert refused(job, make_config(tmp_path / "out")) == [
        "  input 'data': cannot list 's3://elsewhere/in/': AWS refused ListObjectsV2: "
        "NoSuchBucket: The specified bucket does not exist"
    ]


def test_a_message_names_the_objects(put: Put, aws: str) -> None:
    put({"in/day=1/a b.csv": b"1"})
    script = f"""
    import os, pathlib, sys
    ml = pathlib.Path(os.environ["HEADRACE_ML_ROOT"])
    file = ml / "processing/input/data/day=1/a b.csv"
    text = f"{{file}}, line 3; {DATA}/day=1/a b.csv; {{ml}}/processing/output/train/x"
    (ml / "output/message").write_text(text)
    sys.exit(1)
    """
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(OUT, script, inputs=(data_input("s3://logs/in/"),)), make_config(OUT))
    object_ = "s3://logs/in/day=1/a b.csv"
    assert str(caught.value) == f"{object_}, line 3; {object_}; {OUT}/train/x"


@pytest.mark.parametrize(
    ("on_s3", "hint"),
    [
        (True, "set TMPDIR to a folder of a larger disk"),
        (False, "choose an output.path on a larger disk"),
    ],
)
def test_a_disk_that_is_too_small(
    put: Put,
    proxy: Proxy,
    tmp_path: Path,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
    on_s3: bool,
    hint: str,
) -> None:
    put({"in/a": bytes(12_345), "in/b": bytes(2_000)})
    output = OUT if on_s3 else str(tmp_path / "out")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3_456))
    job = make_job(output, SEE, inputs=(data_input("s3://logs/in/"),))
    with pytest.raises(JobFailed) as caught:
        targets.run(job, make_config(output))
    place = scratch if on_s3 else tmp_path / "out"
    assert str(caught.value) == (f"the input needs 14.3 kB in '{place}', 3.46 kB are free; {hint}")
    assert proxy.count("GET", "/in/a") == 0


def test_an_input_that_cannot_be_read_leaves_nothing(
    put: Put, proxy: Proxy, keys: Callable[[], list[str]]
) -> None:
    put({"in/a": bytes(12_345), "in/b": bytes(2_000)})
    proxy.on("GET", "/in/a", cut_answer(100))
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(OUT, SEE, inputs=(data_input("s3://logs/in/"),)), make_config(OUT))
    assert str(caught.value) == (
        "s3://logs/in/a cannot be read in 5 attempts: the connection broke at byte 500 of 12,345"
    )
    assert keys() == ["in/a", "in/b"]
