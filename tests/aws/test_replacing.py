"""``target=aws`` into a prefix that is not empty: the same rule as for every other target."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator

import pytest

from headrace.aws import lock
from headrace.aws.clients import client
from headrace.aws.lock import ADVICE, Holder
from headrace.config.defaults import PROJECT
from headrace.config.models import OutputConfig
from headrace.errors import ConfigError, JobFailed
from headrace.results import output_prefix
from headrace.results.layout import RECEIPT, listed
from headrace.runtime.output.seal import sealed
from tests.aws.conftest import ROLE, Perform
from tests.aws.stub import Answer, Stub, description
from tests.moto_server import REGION
from tests.s3.faults import after, error
from tests.s3.proxy import Proxy, pass_on

Service = Callable[..., Stub]
ABSENT: Answer = (400, "ValidationException", "Could not find processing job")
JOB = (
    "target=aws", f"job.role={ROLE}", "dataset=avazu", "dataset.path=s3://bucket/in/a.csv",
    "output.path=s3://bucket/out", "job.wait=false",
)  # fmt: skip
SHIPPED = ["code/entry.pyz", "plan.json", "request.json"]
OLD = {
    f"{name}": b"old"
    for name in ("test/part-00000.npz", "train/part-00000.npz", "train/part-00009.npz",
                 "code/entry.pyz", "request.json", "input/data/old.csv", "packages/old.whl",
                 "report/metrics.json", "report/algo-2/manifest.json")
}  # fmt: skip
MINE = {
    **dict.fromkeys(("mine.txt", ".x", "train/mine.csv", "validation/mine.csv"), b"precious"),
    **dict.fromkeys(("packages/mine.whl", "report/mine.html", "config/job.json"), b"precious"),
    "input/data/mine.csv": b"precious",
}


@pytest.fixture
def account(aws: str) -> None:
    """An account with all that a job needs."""
    s3 = client("s3", REGION)
    s3.create_bucket(Bucket="bucket")
    s3.upload_file(str(PROJECT / "data/avazu_sample.csv"), "bucket", "in/a.csv")
    client("iam", REGION).create_role(RoleName="processing", AssumeRolePolicyDocument="{}")


@pytest.fixture
def proxy(aws: str, account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """From now on S3 is reached through it."""
    proxy = Proxy(aws)
    with proxy.running() as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        yield proxy


def put(objects: dict[str, bytes]) -> None:
    for name, content in objects.items():
        client("s3", REGION).put_object(Bucket="bucket", Key=f"out/{name}", Body=content)


def there() -> dict[str, bytes]:
    s3 = client("s3", REGION)
    found = s3.list_objects_v2(Bucket="bucket", Prefix="out/").get("Contents", ())
    keys = [each["Key"] for each in found]
    return {
        key.removeprefix("out/"): s3.get_object(Bucket="bucket", Key=key)["Body"].read()
        for key in keys
    }


def put_result() -> None:
    """What an earlier job left."""
    part = "train/part-00000.npz"
    parts = [{"file": part, "sha256": hashlib.sha256(OLD[part]).hexdigest()}]
    content = sealed({"channels": {"train": {"parts": parts}}}, [*OLD, "report/manifest.json"])
    put({**OLD, "report/manifest.json": json.dumps(content).encode()})


def refused(perform: Perform, *overrides: str) -> str:
    before = there()
    with pytest.raises(ConfigError) as caught:
        perform(*JOB, *overrides)
    assert there() == before
    # the name is taken, too, where every job is described
    (problem,) = (each for each in caught.value.problems if each.where != "job.name")
    assert problem.where == "output.path"
    return problem.what


def test_what_is_shipped_is_listed_by_a_receipt(account: None, perform: Perform) -> None:
    perform(*JOB, "job.name=ctr")
    found = there()
    assert sorted(found) == SHIPPED
    receipt = listed(found[RECEIPT])
    assert receipt is not None
    assert (receipt.job, receipt.region, list(receipt.files)) == ("ctr", REGION, SHIPPED)
    assert receipt.digests == {
        name: hashlib.sha256(found[name]).hexdigest() for name in SHIPPED if name != RECEIPT
    }


def test_a_prefix_with_somebodys_objects_is_refused(account: None, perform: Perform) -> None:
    put(OLD)
    names = "'code/entry.pyz', 'input/data/old.csv', 'packages/old.whl', and more"
    what = f"the prefix 's3://bucket/out' is not empty ({names})"
    assert refused(perform, "job.name=ctr") == f"{what}; choose another prefix"
    why = "and is not taken for a result of headrace: there is no report/manifest.json"
    message = refused(perform, "job.name=ctr", "output.overwrite=true")
    assert message == f"{what}, {why}; choose another prefix"


def test_a_result_is_replaced_if_the_user_says_so_and_nothing_else(
    account: None, perform: Perform
) -> None:
    """Old channels too: SageMaker would leave a ``test/`` beside a result that has none."""
    put_result()
    put(MINE)
    what = "choose another or set output.overwrite=true"
    assert (
        refused(perform, "job.name=ctr") == f"the prefix 's3://bucket/out' holds a result; {what}"
    )
    perform(*JOB, "job.name=ctr", "output.overwrite=true")
    found = there()
    assert sorted(found) == sorted([*SHIPPED, *MINE])
    assert {name: found[name] for name in MINE} == MINE


@pytest.mark.parametrize(
    "name",
    ["train/part-00042.npz", "validation/part-algo-1-00000.npz", "report/timings.json",
     "report/evaluation.json", "report/algo-7/manifest.json", "report/state/x.arrow"],
)  # fmt: skip
def test_what_sagemaker_would_write_over_is_in_the_way(
    account: None, perform: Perform, name: str
) -> None:
    put_result()
    put({name: b"precious"})
    assert refused(perform, "job.name=ctr", "output.overwrite=true") == (
        f"the prefix 's3://bucket/out': {name!r} is in the way and belongs to no earlier result; "
        "move it away or choose another prefix"
    )


def test_what_the_job_would_read_as_data_is_refused(account: None, perform: Perform) -> None:
    put_result()
    put({"input/data/mine.csv": b"precious"})
    data = f"dataset.path={PROJECT / 'data/avazu_sample.csv'}"
    assert refused(perform, "job.name=ctr", data, "output.overwrite=true") == (
        "the prefix 's3://bucket/out': 'input/data/mine.csv' would be read as data and belongs to "
        "no earlier result; move it away or choose another prefix"
    )


def test_the_prefix_of_a_job_that_failed_is_used_again(
    account: None, sagemaker: Service, perform: Perform
) -> None:
    sagemaker(
        CreateProcessingJob=[{"ProcessingJobArn": "arn:x"}],
        DescribeProcessingJob=[ABSENT, description("Failed"), ABSENT, description("Failed")],
    )
    put({"mine.txt": b""})
    perform(*JOB, "job.name=ctr", "output.path=s3://bucket/out/in")
    perform(*JOB, "job.name=again", "output.path=s3://bucket/out/in")
    assert sorted(there()) == sorted([*(f"in/{name}" for name in SHIPPED), "mine.txt"])


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_while_a_job_is_in_progress_no_other_one_writes_there(
    account: None, sagemaker: Service, perform: Perform, status: str
) -> None:
    sagemaker(
        CreateProcessingJob=[{"ProcessingJobArn": "arn:x"}],
        DescribeProcessingJob=[ABSENT, description(status)],
    )
    perform(*JOB, "job.name=ctr")
    for overwrite in (False, True):
        assert refused(perform, "job.name=second", f"output.overwrite={overwrite}") == (
            "the job ctr on SageMaker is writing to 's3://bucket/out'; wait for its end, stop it "
            "by action=stop job.name=ctr, or choose another prefix"
        )


def test_of_two_submissions_at_once_one_is_refused(
    account: None, proxy: Proxy, perform: Perform
) -> None:
    """While the first one ships, the second one sees its lock."""
    got: list[str] = []
    look = after(lambda: got.append(refused_by_check()))
    proxy.on("PUT", "out/code/entry.pyz", look, times=1)
    perform(*JOB, "job.name=ctr")
    holder = f"the job ctr (process {os.getpid()} on {Holder.here('').host})"
    how = f"wait for its end ({ADVICE}), or choose another prefix"
    assert got == [f"{holder} is writing to 's3://bucket/out'; {how}"]
    assert sorted(there()) == SHIPPED


def refused_by_check() -> str:
    (problem,) = output_prefix.check(OutputConfig(path="s3://bucket/out", overwrite=True))
    return problem.what


def test_a_lock_of_somebody_else_is_seen_by_the_check(account: None, perform: Perform) -> None:
    holder = Holder.here("other")
    put({lock.NAME: holder.to_json()})
    assert refused(perform, "job.name=ctr") == (
        f"{holder} is writing to 's3://bucket/out'; wait for its end ({ADVICE}), or choose another "
        "prefix"
    )


@pytest.mark.parametrize("key", [RECEIPT, "request.json", "code/entry.pyz"])
def test_an_upload_that_fails_leaves_nothing_of_the_job(
    account: None, proxy: Proxy, perform: Perform, key: str
) -> None:
    put_result()
    put({"mine.txt": b"precious"})
    if key == RECEIPT:  # that of the new files: the one of the old files goes ahead
        proxy.on("PUT", RECEIPT, pass_on, times=1)
    proxy.on("PUT", key, error(403, "AccessDenied", "Access Denied"), times=1)
    with pytest.raises(JobFailed) as caught:
        perform(*JOB, "job.name=ctr", "output.overwrite=true")
    assert str(caught.value) == (
        f"s3://bucket/out/{key} cannot be written: AWS refused PutObject: AccessDenied: "
        "Access Denied"
    )
    assert sorted(there()) == ["mine.txt"]


def test_nothing_is_submitted_by_whoever_has_lost_the_lock(
    account: None, proxy: Proxy, perform: Perform
) -> None:
    theirs = Holder.here("theirs")
    proxy.on("PUT", "out/code/entry.pyz", after(lambda: put({lock.NAME: theirs.to_json()})))
    with pytest.raises(JobFailed) as caught:
        perform(*JOB, "job.name=ctr")
    lost = f"the lock s3://bucket/out/{lock.NAME} is lost: {theirs} has taken it over"
    assert str(caught.value) == f"{lost}; nothing more is written"
    assert client("sagemaker", REGION).list_processing_jobs()["ProcessingJobSummaries"] == []
