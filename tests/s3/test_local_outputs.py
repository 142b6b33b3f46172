"""The local target writes to S3, and nothing half-written is ever taken for a result."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from framework import targets
from framework.channels import Channel
from framework.errors import ConfigError, JobFailed
from tests.framework.targets.by_hand import (
    WRITE_RESULT,
    data_input,
    make_config,
    make_job,
)
from tests.s3.faults import error
from tests.s3.proxy import Proxy, pass_on

pytestmark = pytest.mark.usefixtures("patient", "scratch")
Put = Callable[..., None]
OUT = "s3://logs/out"
ENTRY = "out/code/entry.pyz"
MANIFEST = "out/report/manifest.json"
PART = "out/train/part-00000.npz"
RESULT = [ENTRY, MANIFEST, "out/request.json", PART]


def refused(job: Any, config: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        targets.run(job, config)
    return str(caught.value).splitlines()[1:]


def test_a_result_goes_to_s3_with_its_manifest_last(
    s3: Any,
    proxy: Proxy,
    keys: Callable[[], list[str]],
    content: Callable[[str], bytes],
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


@pytest.mark.parametrize("place", ["s3://logs", "s3://logs/", "s3://logs/a/b/"])
def test_a_slash_at_the_end_makes_no_difference(
    s3: Any, keys: Callable[[], list[str]], place: str
) -> None:
    job = make_job(place, WRITE_RESULT)
    for overwrite in (False, True):
        assert targets.run(job, make_config(place, overwrite=overwrite)).output == place
        below = place.removeprefix("s3://logs").strip("/")
        assert keys() == [name.replace("out", below).lstrip("/") for name in RESULT]


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
part = {"file": f"train/part-{host}.npz", "rows": 2, "bytes": 6, "digest": "0" * 16}
(ml / "processing/output" / part["file"]).write_text(host)
manifest = {
    "format_version": 1, "config_sha256": "0", "columns": {}, "n_features": 8,
    "rows": {"read": 2, "written": 2}, "channels": {"train": {"rows": 2, "parts": [part]}},
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


def test_a_job_that_fails_uploads_nothing(s3: Any, keys: Callable[[], list[str]]) -> None:
    with pytest.raises(JobFailed):
        targets.run(make_job(OUT, WRITE_RESULT + "raise SystemExit(1)"), make_config(OUT))
    assert keys() == []


@pytest.mark.parametrize("key", RESULT)
def test_an_upload_that_fails_leaves_nothing(
    s3: Any, proxy: Proxy, keys: Callable[[], list[str]], key: str
) -> None:
    proxy.on("PUT", key, error(403, "AccessDenied", "Access Denied"))
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(OUT, WRITE_RESULT), make_config(OUT))
    assert str(caught.value) == (
        f"s3://logs/{key} cannot be written: AWS refused PutObject: AccessDenied: Access Denied"
    )
    assert keys() == []


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
    put({"out/packages/old-1.0-py3-none-any.whl": b"old"})


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


@pytest.mark.parametrize("output", [OUT, f"{OUT}/", "s3://logs", "s3://logs/", "file:///", ""])
def test_overwrite_does_not_believe_a_request_that_claims_everything(
    earlier: None, put: Put, aws: str, content: Callable[[str], bytes], output: str
) -> None:
    request = make_job(OUT, "", outputs=("train",)).request
    targets_of(request)[0]["S3Uri"] = output
    put({"out/request.json": json.dumps(request).encode()})
    targets.run(make_job(OUT, WRITE_RESULT), make_config(OUT, overwrite=True))
    assert content("out/mine.txt") == b"precious"


def targets_of(request: dict[str, Any]) -> list[dict[str, str]]:
    return [each["S3Output"] for each in request["ProcessingOutputConfig"]["Outputs"]]


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
