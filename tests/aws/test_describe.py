"""``action=describe``: what is told of a job, and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from headrace.aws.clients import client
from headrace.targets.sagemaker.record import described
from tests.aws.conftest import Perform
from tests.aws.stub import START, Stub, description, record
from tests.conftest import Completed
from tests.moto_server import REGION

PLACES: dict[str, Any] = {
    "ProcessingInputs": [
        {
            "InputName": "data",
            "S3Input": {
                "S3Uri": "s3://bucket/in",
                "LocalPath": "/opt/ml/processing/input/data",
                "S3DataType": "S3Prefix",
            },
        },
        {"InputName": "table", "DatasetDefinition": {"LocalPath": "/opt/ml/processing/table"}},
    ],
    "ProcessingOutputConfig": {
        "Outputs": [
            {
                "OutputName": name,
                "S3Output": {
                    "S3Uri": f"s3://bucket/out/{name}",
                    "LocalPath": f"/opt/ml/processing/output/{name}",
                    "S3UploadMode": "EndOfJob",
                },
            }
            for name in ("train", "report")
        ]
    },
}
RICH = description(
    "Failed",
    FailureReason="AlgorithmError: , exit code: 1",
    ExitMessage="data.csv, line 3:\ncolumn 'click': expected a number\n",
    AppSpecification={
        "ImageUri": "683313688378.dkr.ecr.us-east-1.amazonaws.com/image:1",
        "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/entry.pyz"],
        "ContainerArguments": ["--fast", "1"],
    },
    Environment={"TOKEN": "s3cr3t", "OMP_NUM_THREADS": "1"},
    **PLACES,
)
NO_TIMES = "unknown: when its instances started or ended is not known"
NO_PLACES = [
    "job          ctr",
    "status       Completed",
    "created      2026-03-02 09:30:00 UTC",
    "started      2026-03-02 09:33:00 UTC",
    "ended        2026-03-02 09:39:00 UTC",
    "billed       6 min",
    "cost         about 0.023 USD; list price of 2026-07 in us-east-1, 0.23 USD an hour",
    "instances    1 x ml.m5.xlarge, 30 GB of disk each",
    "limit        120 min",
    "image        image:1",
    "starts       the image's own entrypoint",
    "role         arn:aws:iam::123456789012:role/processing",
]


def test_everything_that_is_known(
    sagemaker: Callable[..., Stub], perform: Perform, capsys: pytest.CaptureFixture[str]
) -> None:
    sagemaker(DescribeProcessingJob=[RICH])
    perform("action=describe", "job.name=ctr", "resources.usd_per_hour=2")
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "job          ctr",
        "status       Failed",
        "reason       AlgorithmError: , exit code: 1",
        "message      data.csv, line 3:",
        "             column 'click': expected a number",
        *NO_PLACES[2:6],
        "cost         about 0.200 USD; 2 USD an hour by resources.usd_per_hour",
        *NO_PLACES[7:9],
        "image        683313688378.dkr.ecr.us-east-1.amazonaws.com/image:1",
        "starts       python3 /opt/ml/processing/input/code/entry.pyz",
        "arguments    --fast 1",
        "environment  OMP_NUM_THREADS, TOKEN (values are not shown)",
        NO_PLACES[11],
        "",
        "        name    from                              to",
        "input   data    s3://bucket/in                    /opt/ml/processing/input/data",
        "output  train   /opt/ml/processing/output/train   s3://bucket/out/train",
        "output  report  /opt/ml/processing/output/report  s3://bucket/out/report",
    ]
    assert "s3cr3t" not in out


def test_little_is_known() -> None:
    assert described(record(), None) == NO_PLACES


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        (
            {"status": "InProgress", "ProcessingStartTime": None},
            ["-", "-", "-", NO_TIMES],
        ),
        (
            {"status": "Stopped", "ProcessingStartTime": None},
            ["-", "2026-03-02 09:39:00 UTC", "-", NO_TIMES],
        ),
        (
            {"ProcessingEndTime": None},
            ["2026-03-02 09:33:00 UTC", "-", "-", NO_TIMES],
        ),
        (
            {
                "ProcessingResources": {
                    "ClusterConfig": {
                        "InstanceType": "ml.x9.large",
                        "InstanceCount": 1,
                        "VolumeSizeInGB": 1,
                    }
                }
            },
            [
                "2026-03-02 09:33:00 UTC",
                "2026-03-02 09:39:00 UTC",
                "6 min",
                "unknown: no list price of ml.x9.large is known; set resources.usd_per_hour",
            ],
        ),
    ],
)
def test_what_is_not_known_is_not_made_up(changes: dict[str, Any], lines: list[str]) -> None:
    told = dict(line.split(maxsplit=1) for line in described(record(**changes), None))
    assert [told[key] for key in ("started", "ended", "billed", "cost")] == lines


def test_a_job_that_runs_has_cost_something_so_far() -> None:
    job = record("InProgress")
    now = START + timedelta(seconds=180 + 7200)
    assert job.billed_seconds(now) == 7200
    assert job.cost(None, now) == (
        "about 0.460 USD so far; list price of 2026-07 in us-east-1, 0.23 USD an hour"
    )
    slow_clock = START
    assert job.billed_seconds(slow_clock) == 0


def manifest(rows: int, *parts: int) -> bytes:
    made = {
        "rows": rows,
        "parts": [
            {"file": f"p{size}", "rows": rows // len(parts), "bytes": size, "digest": "0"}
            for size in parts
        ],
    }
    empty = {"rows": 0, "parts": []}
    same = {"format_version": 1, "config_sha256": "1", "columns": {}, "n_features": 1}
    channels = {"train": made, "validation": empty}
    return json.dumps({**same, "rows": {"written": rows}, "channels": channels}).encode()


def put(**objects: bytes) -> None:
    s3 = client("s3", REGION)
    s3.create_bucket(Bucket="bucket")
    for key, content in objects.items():
        s3.put_object(Bucket="bucket", Key=f"out/report/{key}", Body=content)


@pytest.mark.parametrize(
    "objects",
    [
        {"manifest.json": manifest(8012, 300_000, 12_000), "timings.json": b"{}"},
        # as the hosts leave them
        {
            "algo-1/manifest.json": manifest(8000, 300_000),
            "algo-2/manifest.json": manifest(12, 12_000),
        },
        {"manifest.json": manifest(8012, 300_000, 12_000), "algo-1/manifest.json": b"old"},
    ],
)
def test_the_rows_of_each_channel_are_those_of_the_manifest(
    objects: dict[str, bytes],
    sagemaker: Callable[..., Stub],
    perform: Perform,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(**objects)
    sagemaker(DescribeProcessingJob=[description(**PLACES)])
    perform("action=describe", "job.name=ctr")
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "",
        "channel      rows  parts    size",
        "train       8,012      2  312 kB",
        "validation      0      0     0 B",
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({}, "no manifest below s3://bucket/out/report"),
        (
            {"manifest.json": b"[]"},
            "the manifest below s3://bucket/out/report cannot be read: it holds no JSON object",
        ),
        (
            {"manifest.json": b"{}"},
            "the manifest below s3://bucket/out/report cannot be read: "
            "s3://bucket/out/report/manifest.json is no manifest of headrace",
        ),
        (
            {"manifest.json": b"{"},
            "the manifest below s3://bucket/out/report cannot be read: Expecting property name "
            "enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        (
            None,
            "the manifest below s3://bucket/out/report cannot be read: AWS refused ListObjectsV2: "
            "NoSuchBucket: The specified bucket does not exist",
        ),
    ],
)
def test_a_job_is_described_without_its_manifest(
    content: dict[str, bytes] | None,
    line: str,
    sagemaker: Callable[..., Stub],
    perform: Perform,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        put(**content)
    sagemaker(DescribeProcessingJob=[description(**PLACES)])
    perform("action=describe", "job.name=ctr")
    assert capsys.readouterr().out.splitlines()[-2:] == ["", line]


def test_the_command_describes(
    submitted: Callable[..., None], headrace: Callable[..., Completed]
) -> None:
    submitted("ctr")
    done = headrace("action=describe", "job.name=ctr", "dataset.path=nowhere.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == ["job          ctr", "status       Completed"]
