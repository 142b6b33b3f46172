"""A job that was submitted, read back and carried out leaves what the local target leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from headrace.config.defaults import PROJECT
from headrace.results.compare import SAME, main
from headrace.results.layout import RECEIPT
from tests.aws.conftest import Perform
from tests.aws.service import carry_out
from tests.conftest import Completed
from tests.moto_server import ACCOUNT
from tests.stock_images import python_with

pytestmark = pytest.mark.slow
ROLE = f"arn:aws:iam::{ACCOUNT}:role/processing"
SHAPE = ("dataset=avazu", "transform.n_features=4096", "output.rows_per_part=1000")
SETTINGS = ("target=aws", f"job.role={ROLE}", "job.name=ctr", *SHAPE)
INPUT, OUTPUT = "dataset.path=s3://bucket/in/", "output.path=s3://bucket/out/"
LIST = 'dataset.path=["s3://bucket/in/part 1.csv", "s3://bucket/in/"]'


@pytest.fixture
def bucket(aws: str) -> Any:
    """A bucket with the sample in three files, and the role."""
    s3 = boto3.resource("s3").create_bucket(Bucket="bucket")
    header, *rows = (PROJECT / "data/avazu_sample.csv").read_text().splitlines(keepends=True)
    for number in range(3):
        text = header + "".join(rows[number::3])
        s3.put_object(Key=f"in/part {number}.csv", Body=text.encode())
    boto3.client("iam").create_role(RoleName="processing", AssumeRolePolicyDocument="{}")
    return s3


def objects(bucket: Any, prefix: str) -> dict[str, bytes]:
    found = bucket.objects.filter(Prefix=prefix)
    return {each.key.removeprefix(prefix): each.get()["Body"].read() for each in found}


@pytest.mark.parametrize(
    ("instances", "data"), [pytest.param(1, INPUT, marks=pytest.mark.long), (2, LIST)]
)
def test_what_sagemaker_would_do_gives_the_bytes_of_the_local_target(
    bucket: Any,
    perform: Perform,
    tmp_path: Path,
    instances: int,
    data: str,
    request: pytest.FixtureRequest,
) -> None:
    count = f"resources.instance_count={instances}"
    perform(*SETTINGS, data, OUTPUT, count)
    cache = Path(request.config.cache.mkdir("stock-images"))
    carry_out("ctr", python_with("1.9-0", cache), tmp_path / "hosts", instances)
    perform(*SHAPE, data, "output.path=s3://bucket/here/", "job.name=ctr", count)
    there, here = objects(bucket, "out/"), objects(bucket, "here/")
    assert_same(there, here, instances)
    perform("action=describe", "job.name=ctr", count)
    assert objects(bucket, "out/").keys() == {*here, RECEIPT}
    assert main(["s3://bucket/out", "s3://bucket/here", "--recount"]) == SAME


def assert_same(there: dict[str, bytes], here: dict[str, bytes], instances: int) -> None:
    parts = [name for name in here if "/part-" in name]
    assert len(parts) >= 6
    assert [name for name in there if "/part-" in name] == parts
    assert {name: there[name] for name in parts} == {name: here[name] for name in parts}
    folders = [""] if instances == 1 else [f"algo-{n + 1}/" for n in range(instances)]
    for folder in folders:
        name = f"report/{folder}metrics.json"
        assert there[name] == here[name]
        theirs, ours = (json.loads(each[f"report/{folder}manifest.json"]) for each in (there, here))
        assert theirs.pop("versions") != ours.pop("versions")
        assert theirs.pop("sha256") != ours.pop("sha256")  # which covers the versions
        brought = [each for each in theirs.pop("files") if not each.startswith("input/data/")]
        assert brought == ours.pop("files")
        assert theirs == ours
    # several hosts' reports are merged by the local target at once, for SageMaker by the client
    merged = {f"report/{name}.json" for name in ("manifest", "metrics", "timings")}
    assert there.keys() - {RECEIPT} == here.keys() - (merged if instances > 1 else set())


def test_data_of_this_machine_gives_the_same_bytes(
    bucket: Any, perform: Perform, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for name, content in objects(bucket, "in/").items():
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    perform(*SETTINGS, f"dataset.path={tmp_path / 'in'}", OUTPUT)
    assert objects(bucket, "out/input/data/") == objects(bucket, "in/")
    cache = Path(request.config.cache.mkdir("stock-images"))
    carry_out("ctr", python_with("1.9-0", cache), tmp_path / "hosts")
    perform(*SHAPE, INPUT, "output.path=s3://bucket/here/", "job.name=ctr")
    there = objects(bucket, "out/")
    kept = {name: body for name, body in there.items() if not name.startswith("input/")}
    assert_same(kept, objects(bucket, "here/"), 1)


def test_the_request_that_a_plan_shows_is_what_was_sent(
    bucket: Any, headrace: Callable[..., Completed], perform: Perform
) -> None:
    planned = headrace("action=plan", *SETTINGS, INPUT, OUTPUT, "job.env={A: '1'}")
    path = Path(planned.stdout.splitlines()[-1].removeprefix("request").strip())
    perform(*SETTINGS, INPUT, OUTPUT, "job.env={A: '1'}")
    request = json.loads(path.read_text())
    assert json.loads(objects(bucket, "out/")["request.json"]) == request
    described = boto3.client("sagemaker").describe_processing_job(ProcessingJobName="ctr")
    known = described.keys() & request.keys()
    assert {key: described[key] for key in known} == {key: request[key] for key in known}
    assert {"ProcessingInputs", "ProcessingOutputConfig", "AppSpecification"} <= known
