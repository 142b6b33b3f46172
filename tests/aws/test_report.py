"""The report of a job of several instances: made once, of all of them, the manifest last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headrace.aws.clients import client
from headrace.aws.lock import NAME, Holder, in_use
from headrace.errors import JobFailed
from headrace.results.reports import s3_report as report
from tests.moto_server import REGION
from tests.runtime.jobs import HASH, SPLIT, Result, clicks, job
from tests.runtime.shards import run_shared

PLACE = "s3://bucket/out/report"


@pytest.fixture
def shared(aws: str, tmp_path: Path) -> Result:
    """A job of two hosts whose outputs lie on S3 as they left them, and here, merged."""
    header, *lines = clicks(90).splitlines(keepends=True)
    files = {f"{place}.csv": header + "".join(lines[place::2]) for place in range(2)}
    result = run_shared(tmp_path, files, job(label="click", id="id", steps=[SPLIT, HASH]), 2)
    s3 = client("s3", REGION)
    s3.create_bucket(Bucket="bucket")
    for file in (result.output / "report").glob("*/*"):
        s3.upload_file(str(file), "bucket", f"out/{file.relative_to(result.output)}")
    return result


def on_s3() -> dict[str, Any]:
    """The files of the report of all."""
    s3 = client("s3", REGION)
    listed = s3.list_objects_v2(Bucket="bucket", Prefix="out/report/")["Contents"]
    keys = [each["Key"] for each in listed if each["Key"].count("/") == 2]
    bodies = {key: s3.get_object(Bucket="bucket", Key=key)["Body"].read() for key in keys}
    return {key.rpartition("/")[2]: json.loads(body) for key, body in bodies.items()}


def test_it_is_that_of_the_local_target(shared: Result) -> None:
    assert report.complete(PLACE, "ctr", None) == shared.manifest
    made = on_s3()
    assert made.keys() == {"manifest.json", "metrics.json", "timings.json"}
    assert (made["manifest.json"], made["metrics.json"]) == (shared.manifest, shared.metrics)


def test_what_is_complete_stays_as_it_is(shared: Result) -> None:
    report.complete(PLACE, "ctr", None)
    client("s3", REGION).delete_object(Bucket="bucket", Key="out/report/metrics.json")
    assert report.complete(PLACE, "ctr", None) == shared.manifest
    assert on_s3().keys() == {"manifest.json", "timings.json"}


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("algo-2/manifest.json", "algo-2 left no manifest.json; without it there is no result"),
        (
            "algo-2/",
            "the manifests of the hosts do not go together: 1 of 2 hosts left a manifest: algo-1",
        ),
    ],
)
def test_without_every_hosts_manifest_there_is_none(
    shared: Result, missing: str, message: str
) -> None:
    s3 = client("s3", REGION)
    for file in (shared.output / "report").glob("*/*"):
        name = str(file.relative_to(shared.output / "report"))
        if name.startswith(missing):
            s3.delete_object(Bucket="bucket", Key=f"out/report/{name}")
    with pytest.raises(JobFailed) as caught:
        report.complete(PLACE, "ctr", None)
    assert str(caught.value) == message
    assert on_s3() == {}


def test_a_report_that_is_not_there(aws: str) -> None:
    client("s3", REGION).create_bucket(Bucket="bucket")
    assert report.complete(PLACE, "ctr", None) == {}


def test_nobody_puts_it_together_while_another_job_writes_there(shared: Result) -> None:
    holder = Holder.here("other")
    client("s3", REGION).put_object(Bucket="bucket", Key=f"out/{NAME}", Body=holder.to_json())
    with pytest.raises(JobFailed) as caught:
        report.complete(PLACE, "ctr", None)
    assert str(caught.value) == in_use("s3://bucket/out", holder)
    assert on_s3() == {}
