"""The local target reads from S3 and writes to it, and leaves nothing half-written anywhere."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from framework import targets
from framework.channels import Channel
from framework.errors import ConfigError, JobFailed
from tests.framework.targets.by_hand import (
    DATA,
    WRITE_RESULT,
    data_input,
    everything_below,
    make_config,
    make_job,
)
from tests.s3.proxy import Proxy, cut_answer, error, pass_on

pytestmark = pytest.mark.usefixtures("patient")
Put = Callable[..., None]
OUT = "s3://logs/out"
ENTRY = "out/code/entry.pyz"
MANIFEST = "out/report/manifest.json"
PART = "out/train/part-00000.npz"
RESULT = [ENTRY, MANIFEST, "out/request.json", PART]

SEE = """
import json, os, pathlib
ml = pathlib.Path(os.environ["HEADRACE_ML_ROOT"])
data = ml / "processing/input/data"
files = [path for path in data.rglob("*") if path.is_file()]
seen = {path.relative_to(data).as_posix(): path.read_text() for path in files}
host = json.loads((ml / "config/resourceconfig.json").read_text())["current_host"]
(ml / f"processing/output/train/{host}.json").write_text(json.dumps(seen))
"""


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files; after every test there must be nothing in it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def keys(s3: Any) -> Callable[[], list[str]]:
    """What the bucket holds."""

    def keys() -> list[str]:
        return [each["Key"] for each in s3.list_objects_v2(Bucket="logs").get("Contents", ())]

    return keys


@pytest.fixture
def content(s3: Any) -> Callable[[str], bytes]:
    """What an object holds."""
    return lambda key: s3.get_object(Bucket="logs", Key=key)["Body"].read()


def seen(output: Path, host: str = "algo-1") -> dict[str, str]:
    found = json.loads((output / "train" / f"{host}.json").read_text())
    assert isinstance(found, dict)
    return found


def refused(job: Any, config: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        targets.run(job, config)
    return str(caught.value).splitlines()[1:]


# -- inputs


def test_the_objects_below_a_folder_become_files(
    put: Put, proxy: Proxy, tmp_path: Path, scratch: Path
) -> None:
    names = ("b.csv", "day=1/a b+%20.csv", "day=1/日本.csv")
    put({f"in/{name}": name.encode() for name in names})
    put({"in/_SUCCESS": b"", "in/.b.csv.crc": b"", "in/_temporary/c.csv": b"", "in/": b""})
    output = tmp_path / "out"
    job = make_job(output, SEE, inputs=(data_input("s3://logs/in/"),))
    targets.run(job, make_config(output))
    assert seen(output) == {name: name for name in names}
    assert proxy.count("GET", "_SUCCESS") == 0
    assert everything_below(output) == [
        *("code", "code/entry.pyz", "report", "request.json", "train", "train/algo-1.json")
    ]
    assert everything_below(scratch) == []


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


def test_a_message_names_the_objects(put: Put, aws: str, scratch: Path) -> None:
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
    assert everything_below(scratch) == []


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
    text = str(caught.value)
    root = text.split("'")[1]
    assert text == f"the input needs 14.3 kB in '{root}', 3.46 kB are free; {hint}"
    assert Path(root).parent == (scratch if on_s3 else tmp_path / "out")
    assert proxy.count("GET", "/in/a") == 0
    assert everything_below(scratch) == []


def test_an_input_that_cannot_be_read_leaves_nothing(
    put: Put, proxy: Proxy, keys: Callable[[], list[str]], scratch: Path
) -> None:
    put({"in/a": bytes(12_345), "in/b": bytes(2_000)})
    proxy.on("GET", "/in/a", cut_answer(100))
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(OUT, SEE, inputs=(data_input("s3://logs/in/"),)), make_config(OUT))
    assert str(caught.value) == (
        "s3://logs/in/a cannot be read in 5 attempts: the connection broke at byte 500 of 12,345"
    )
    assert keys() == ["in/a", "in/b"]
    assert everything_below(scratch) == []


# -- outputs


def test_a_result_goes_to_s3_with_its_manifest_last(
    s3: Any,
    proxy: Proxy,
    keys: Callable[[], list[str]],
    content: Callable[[str], bytes],
    scratch: Path,
) -> None:
    job = make_job(OUT, WRITE_RESULT)
    result = targets.run(job, make_config(OUT))
    assert keys() == RESULT
    assert json.loads(content("out/request.json")) == job.request
    assert content(ENTRY) == job.files["code/entry.pyz"]
    assert content(PART) == b"12345"
    assert json.loads(content(MANIFEST)) == result.manifest
    assert (result.output, result.channels) == (OUT, (Channel("train", 2, 1, 5),))
    assert [each for each in proxy.seen if each.startswith("PUT")][-1] == f"PUT /logs/{MANIFEST}"
    assert everything_below(scratch) == []


def test_a_whole_bucket_for_a_result(s3: Any, keys: Callable[[], list[str]]) -> None:
    targets.run(make_job("s3://logs", WRITE_RESULT), make_config("s3://logs"))
    assert keys() == [name.removeprefix("out/") for name in RESULT]


def test_the_requests_key_encrypts_every_object(s3: Any, keys: Callable[[], list[str]]) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/6f1ad9a0-0f7b-4a5e-8b0c-1f6b1b9f0a11"
    job = make_job(OUT, WRITE_RESULT)
    job.request["ProcessingOutputConfig"]["KmsKeyId"] = key
    targets.run(job, make_config(OUT))
    heads = [s3.head_object(Bucket="logs", Key=each) for each in keys()]
    assert [(each["ServerSideEncryption"], each["SSEKMSKeyId"]) for each in heads] == [
        ("aws:kms", key)
    ] * len(RESULT)


HOSTS = """
import json, os, pathlib
ml = pathlib.Path(os.environ["HEADRACE_ML_ROOT"])
host = json.loads((ml / "config/resourceconfig.json").read_text())["current_host"]
part = {"file": f"train/part-{host}.npz", "rows": 2, "bytes": 6}
(ml / "processing/output" / part["file"]).write_text(host)
manifest = {
    "format_version": 1, "config_sha256": "0", "columns": {}, "n_features": 8,
    "rows": {"read": 2}, "channels": {"train": {"rows": 2, "parts": [part]}},
}
(ml / f"processing/output/report/{host}").mkdir()
(ml / f"processing/output/report/{host}/manifest.json").write_text(json.dumps(manifest))
"""


def test_the_manifest_of_several_hosts_goes_after_theirs(
    s3: Any, proxy: Proxy, content: Callable[[str], bytes]
) -> None:
    result = targets.run(make_job(OUT, HOSTS, instances=2), make_config(OUT))
    puts = [each.removeprefix("PUT /logs/out/") for each in proxy.seen if each.startswith("PUT")]
    assert sorted(puts[-3:-1]) == [f"report/algo-{host}/manifest.json" for host in (1, 2)]
    assert puts[-1] == "report/manifest.json"
    assert json.loads(content(MANIFEST)) == result.manifest
    assert result.channels == (Channel("train", 4, 2, 12),)


def test_a_job_that_fails_uploads_nothing(
    s3: Any, keys: Callable[[], list[str]], scratch: Path
) -> None:
    with pytest.raises(JobFailed):
        targets.run(make_job(OUT, WRITE_RESULT + "raise SystemExit(1)"), make_config(OUT))
    assert keys() == []
    assert everything_below(scratch) == []


@pytest.mark.parametrize("key", RESULT)
def test_an_upload_that_fails_leaves_nothing(
    s3: Any, proxy: Proxy, keys: Callable[[], list[str]], scratch: Path, key: str
) -> None:
    proxy.on("PUT", key, error(403, "AccessDenied", "Access Denied"))
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(OUT, WRITE_RESULT), make_config(OUT))
    assert str(caught.value) == (
        f"s3://logs/{key} cannot be written: AWS refused PutObject: AccessDenied: Access Denied"
    )
    assert keys() == []
    assert everything_below(scratch) == []


# -- what is there already


@pytest.mark.parametrize("key", ["out/train/part-7.npz", "out/x", "out/.x/y", "out//x"])
def test_a_prefix_with_something_in_it_is_refused(
    put: Put, proxy: Proxy, keys: Callable[[], list[str]], key: str
) -> None:
    put({key: b"precious", "out/": b""})
    assert refused(make_job(OUT, WRITE_RESULT), make_config(OUT)) == [
        f"  output.path: the prefix '{OUT}' is not empty; "
        "choose another or set output.overwrite=true"
    ]
    assert keys() == sorted(["out/", key])


def test_what_is_no_result_does_not_count(
    put: Put, aws: str, keys: Callable[[], list[str]]
) -> None:
    names = ("request.json", "code/entry.pyz", "config/job.json", "run.log", ".hydra/config.yaml")
    others = ("out/", "out/input/data/a.csv", "output/train/a", "out", "outer")
    put({**{f"out/{name}": b"old" for name in names}, **dict.fromkeys(others, b"")})
    targets.run(make_job(OUT, WRITE_RESULT), make_config(OUT))
    assert set(RESULT) < set(keys())


def test_somebody_who_writes_there_meanwhile(
    s3: Any, put: Put, aws: str, tmp_path: Path, keys: Callable[[], list[str]]
) -> None:
    script = f"""
    import boto3
    boto3.client("s3", endpoint_url="{aws}", region_name="us-east-1", aws_access_key_id="x",
        aws_secret_access_key="x").put_object(Bucket="logs", Key="out/train/x", Body=b"theirs")
    """
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(OUT, script), make_config(OUT))
    assert str(caught.value) == (
        f"the prefix '{OUT}' is not empty any more: somebody else writes there; "
        "choose another or set output.overwrite=true"
    )
    assert keys() == ["out/train/x"]


@pytest.fixture
def earlier(s3: Any, put: Put, aws: str) -> None:
    """A result with what an older version of a job might have left, and somebody's own file."""
    job = make_job(OUT, WRITE_RESULT, outputs=("train", "odd", "report"))
    job.request["ProcessingInputs"].append(data_input(f"{OUT}/config/job.json"))
    job.files["config/job.json"] = b"{}"
    targets.run(job, make_config(OUT))
    put({"out/odd/x": b"old", "out/validation/part-7.npz": b"old", "out/mine.txt": b"precious"})


def test_overwrite_replaces_the_earlier_result_and_nothing_else(
    earlier: None, proxy: Proxy, keys: Callable[[], list[str]], content: Callable[[str], bytes]
) -> None:
    script = WRITE_RESULT.replace("12345", "54321")
    targets.run(make_job(OUT, script), make_config(OUT, overwrite=True))
    assert keys() == sorted([*RESULT, "out/mine.txt"])
    assert content(PART) == b"54321"
    changes = [each for each in proxy.seen if each.startswith(("PUT", "POST"))]
    assert changes[0] == "POST /logs?delete"
    assert sorted(changes[1:-2]) == [f"PUT /logs/{key}" for key in RESULT if key != MANIFEST]
    assert changes[-2:] == ["POST /logs?delete", f"PUT /logs/{MANIFEST}"]


@pytest.mark.parametrize("step", range(6))
def test_overwrite_never_leaves_a_manifest_of_something_else(
    earlier: None,
    proxy: Proxy,
    keys: Callable[[], list[str]],
    content: Callable[[str], bytes],
    step: int,
) -> None:
    steps = (("POST", "delete"), *(("PUT", key) for key in RESULT), ("POST", "delete"))
    method, path = steps[step]
    if step == 5:
        proxy.on(method, path, pass_on, times=1)
    proxy.on(method, path, error(403, "AccessDenied", "Access Denied"), times=1)
    script = WRITE_RESULT.replace("12345", "54321")
    with pytest.raises(JobFailed, match=r"AccessDenied: Access Denied$"):
        targets.run(make_job(OUT, script), make_config(OUT, overwrite=True))
    if step == 0:  # nothing has been touched yet
        assert content(PART) == b"12345"
        assert MANIFEST in keys()
    else:
        assert not [key for key in keys() if key.endswith("manifest.json")]
        assert PART not in keys()
    assert "out/mine.txt" in keys()
