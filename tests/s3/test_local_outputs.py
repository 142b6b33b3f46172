"""The local target writes to S3, and nothing half-written is ever taken for a result."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from headrace import targets
from headrace.errors import JobFailed
from headrace.results.result import Channel
from tests.s3.faults import error
from tests.s3.proxy import Proxy
from tests.s3.results import ENTRY, MANIFEST, OUT, PART, RECEIPT, RESULT, WRITE_RESULT
from tests.targets.by_hand import make_config, make_job

pytestmark = pytest.mark.usefixtures("patient", "scratch")
Put = Callable[..., None]


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
    puts = [each.removeprefix("PUT /logs/") for each in proxy.seen if each.startswith("PUT")]
    assert puts[:3] == ["out/.headrace.lock", "out/.headrace.lock", RECEIPT]
    assert puts[-1] == MANIFEST


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


@pytest.mark.parametrize("key", [*RESULT, RECEIPT])
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
