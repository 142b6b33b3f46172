"""``target=aws``: what is submitted, what the user sees meanwhile, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.aws.clients import client
from headrace.config.defaults import PROJECT
from headrace.errors import HeadraceError, JobFailed
from tests import children
from tests.aws.conftest import ROLE, Logs, Perform
from tests.aws.stub import Answer, Stub, description
from tests.conftest import Completed
from tests.moto_server import ACCOUNT, REGION
from tests.tiny_wheels import make_wheel

Service = Callable[..., Stub]
ABSENT: Answer = (400, "ValidationException", "Could not find processing job")
TAKEN: Answer = (400, "ResourceInUse", "Job name must be unique")
JOB = (
    "target=aws", f"job.role={ROLE}", "job.name=ctr", "dataset=avazu",
    "dataset.path=s3://bucket/in/a.csv", "output.path=s3://bucket/out",
)  # fmt: skip
HOW_TO_GO_ON = f"""\
follow it   python run.py action=logs job.name=ctr backend.region={REGION}
look at it  python run.py action=describe job.name=ctr backend.region={REGION}
stop it     python run.py action=stop job.name=ctr backend.region={REGION}
"""
SHIPPED = ["code/entry.pyz", "plan.json", "request.json"]
MANIFEST = {
    "rows": {"read": 12, "written": 10, "rejected": 2},
    "channels": {
        "train": {
            "rows": 8,
            "parts": [
                {"file": "train/part-00000.npz", "rows": 6, "bytes": 700, "sha256": ""},
                {"file": "train/part-00001.npz", "rows": 2, "bytes": 500, "sha256": ""},
            ],
        },
        "validation": {
            "rows": 2,
            "parts": [{"file": "validation/part-00000.npz", "rows": 2, "bytes": 90, "sha256": ""}],
        },
    },
}


@pytest.fixture
def account(aws: str) -> None:
    """An account with all that a job needs."""
    s3 = client("s3", REGION)
    s3.create_bucket(Bucket="bucket")
    s3.upload_file(str(PROJECT / "data/avazu_sample.csv"), "bucket", "in/a.csv")
    client("iam", REGION).create_role(RoleName="processing", AssumeRolePolicyDocument="{}")


def put(key: str, body: bytes = b"old") -> None:
    client("s3", REGION).put_object(Bucket="bucket", Key=key, Body=body)


def keys(prefix: str = "out/", bucket: str = "bucket") -> list[str]:
    found = client("s3", REGION).list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [each["Key"].removeprefix(prefix) for each in found.get("Contents", ())]


def test_a_job_that_succeeds(
    account: None,
    sagemaker: Service,
    perform: Perform,
    logs: Logs,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service = sagemaker(
        CreateProcessingJob=[{"ProcessingJobArn": "arn:x"}],
        DescribeProcessingJob=[ABSENT, description("InProgress"), description("Completed")],
    )
    logs.put("hello", "progress rows=10 bytes=5 of=10", "bye")
    manifest = json.dumps(MANIFEST).encode()
    # what the containers do while we sleep
    monkeypatch.setattr(time, "sleep", lambda _: put("out/report/manifest.json", manifest))
    perform(*JOB)
    assert len(service.calls("CreateProcessingJob")) == 1
    out, err = capsys.readouterr()
    told, table, ending = (out.splitlines()[a:b] for a, b in ((0, 2), (2, 5), (5, None)))
    rows, load, place = ending
    assert told == ["hello", "bye"]
    assert table == [
        "channel     rows  parts    size",
        "train          8      2  1.2 kB",
        "validation     2      1    90 B",
    ]
    assert re.fullmatch(r"10 rows in [\d.]+ s, 2 rejected", rows)
    assert load == "load     headrace.open_result('s3://bucket/out').load('train')"
    assert place == "s3://bucket/out"
    assert err.splitlines() == [
        "submitted ctr in us-east-1",
        "ctr: InProgress",
        "ctr: Completed after 9 min",
    ]


@pytest.mark.parametrize(
    ("evaluation", "lines"),
    [
        ({"validation": {"log_loss": 0.5, "auc": 0.7, "normalised_entropy": 0.9}},
         ["validation: log loss 0.5000, AUC 0.700, normalised entropy 0.900"]),
        (None, []),
    ],
)  # fmt: skip
def test_a_job_that_judged_a_model(
    account: None,
    sagemaker: Service,
    perform: Perform,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    evaluation: dict[str, object] | None,
    lines: list[str],
) -> None:
    sagemaker(
        CreateProcessingJob=[{"ProcessingJobArn": "arn:x"}],
        DescribeProcessingJob=[ABSENT, description("InProgress"), description("Completed")],
    )

    def sleep(_: float) -> None:
        """What the container does meanwhile."""
        put("out/report/manifest.json", json.dumps(MANIFEST).encode())
        if evaluation:
            judged = {"judged_on": next(iter(evaluation)), "channels": evaluation}
            put("out/report/evaluation.json", json.dumps(judged).encode())

    monkeypatch.setattr(time, "sleep", sleep)
    perform(*JOB, "job.logs=false", "evaluation=logistic")
    out = capsys.readouterr().out.splitlines()
    assert out[3:-3] == lines


def test_a_job_that_fails_says_why(
    account: None,
    sagemaker: Service,
    perform: Perform,
    logs: Logs,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.put("about to fail")
    failed = description(
        "Failed", FailureReason="AlgorithmError: exit code 1", ExitMessage="a.csv:7: no label"
    )
    sagemaker(
        CreateProcessingJob=[{"ProcessingJobArn": "arn:x"}],
        DescribeProcessingJob=[ABSENT, failed],
    )
    with pytest.raises(JobFailed) as caught:
        perform(*JOB)
    assert str(caught.value).splitlines() == [
        "the last log lines of 'ctr':",
        "  about to fail",
        "the job 'ctr' failed: AlgorithmError: exit code 1",
        "a.csv:7: no label",
    ]
    assert caught.value.exit_status == 1
    assert "ctr: Failed after 9 min" in capsys.readouterr().err


def test_nobody_waits_if_nobody_is_to(
    account: None, perform: Perform, capsys: pytest.CaptureFixture[str]
) -> None:
    perform(*JOB, "job.wait=false")
    out, err = capsys.readouterr()
    assert err == f"submitted ctr in us-east-1\n{HOW_TO_GO_ON}"
    first, place = out.splitlines()
    assert first.startswith("submitted in ")
    assert place == "s3://bucket/out"
    assert keys() == SHIPPED


def test_a_refused_job_is_told_by_aws_own_words(
    account: None, sagemaker: Service, perform: Perform
) -> None:
    limit: Answer = (400, "ResourceLimitExceeded", "The account-level limit is 0 Instances")
    sagemaker(CreateProcessingJob=[limit], DescribeProcessingJob=[ABSENT])
    with pytest.raises(HeadraceError) as caught:
        perform(*JOB)
    assert str(caught.value) == (
        "AWS refused CreateProcessingJob: ResourceLimitExceeded: "
        "The account-level limit is 0 Instances"
    )


def test_an_answer_that_got_lost_does_not_lose_the_job(
    account: None, sagemaker: Service, perform: Perform
) -> None:
    """The first call went through, its answer did not come back, and the second finds it there."""
    service = sagemaker(
        CreateProcessingJob=[TAKEN],
        DescribeProcessingJob=[ABSENT, ABSENT],
    )
    with pytest.raises(HeadraceError, match="ResourceInUse"):
        perform(*JOB)
    [sent] = service.calls("CreateProcessingJob")
    perform_again = sagemaker(
        CreateProcessingJob=[TAKEN],
        DescribeProcessingJob=[ABSENT, ABSENT, ABSENT, {**description("Completed"), **sent}],
    )
    perform(*JOB)
    assert len(perform_again.calls("CreateProcessingJob")) == 1


def test_a_job_of_somebody_else_is_not_taken_for_ours(
    account: None, sagemaker: Service, perform: Perform
) -> None:
    sagemaker(CreateProcessingJob=[TAKEN], DescribeProcessingJob=[ABSENT, description()])
    with pytest.raises(HeadraceError, match="ResourceInUse"):
        perform(*JOB)


def test_packages_are_brought_along(account: None, perform: Perform, pip_index: Path) -> None:
    wheel = make_wheel(pip_index, "tiny_aws")
    perform(*JOB, "job.wait=false", "backend.requirements=[tiny_aws]")
    assert keys() == [*SHIPPED[:1], f"packages/{wheel.name}", *SHIPPED[1:]]
    request = client("sagemaker", REGION).describe_processing_job(ProcessingJobName="ctr")
    uris = {each["InputName"]: each["S3Input"]["S3Uri"] for each in request["ProcessingInputs"]}
    assert uris["packages"] == "s3://bucket/out/packages/"


def test_the_default_place_is_the_bucket_that_the_sdk_takes(
    account: None, headrace: Callable[..., Completed]
) -> None:
    done = headrace("target=aws", f"job.role={ROLE}", "job.name=ctr", "job.wait=false")
    bucket = f"sagemaker-{REGION}-{ACCOUNT}"
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, [f"s3://{bucket}/headrace/ctr"])
    made = ["code/entry.pyz", "input/data/avazu_sample.csv", "plan.json", "request.json"]
    assert keys("headrace/ctr/", bucket) == made


def test_ctrl_c_leaves_the_job_alone(account: None, sagemaker: Service, tmp_path: Path) -> None:
    service = sagemaker(
        CreateProcessingJob=[{"ProcessingJobArn": "arn:x"}],
        DescribeProcessingJob=[ABSENT, description("InProgress")],
    )
    with children.started(
        [sys.executable, str(PROJECT / "run.py"), *JOB, "job.logs=false"],
        cwd=tmp_path,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(2)]
        assert lines == ["submitted ctr in us-east-1\n", "ctr: InProgress\n"]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == f"\nthe job ctr goes on\n{HOW_TO_GO_ON}interrupted\n"
    assert service.calls("StopProcessingJob") == []
