"""docs/sagemaker.md can be followed: its commands run one after the other, with the AWS CLI."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from headrace.config.defaults import PROJECT
from tests import children
from tests.aws.rights import enforced
from tests.moto_server import ACCOUNT
from tests.stock_images import environment

pytestmark = pytest.mark.long
PAGE = (PROJECT / "docs/sagemaker.md").read_text(encoding="utf-8")
SAMPLE = "avazu_sample.csv"
NEEDS_AN_ENGINE = "<!-- engine -->\n"


def blocks() -> list[str]:
    """The commands that need no Docker engine."""
    found = re.findall(rf"(?m)^({NEEDS_AN_ENGINE})?```sh\n((?s:.*?))^```$", PAGE)
    return [block for engine, block in found if not engine]


@pytest.fixture
def cli(request: pytest.FixtureRequest) -> Path:
    """The folder of AWS's own command line, in an environment of its own."""
    return environment(Path(request.config.cache.mkdir("aws-cli")), sys.executable, ("awscli",))


def test_a_newcomer_gets_there(aws: str, cli: Path, tmp_path: Path) -> None:
    for name in ("run.py", "conf", "data", "framework", "transforms"):
        (tmp_path / name).symlink_to(PROJECT / name)
    path = os.pathsep.join([str(Path(sys.executable).parent), str(cli), os.environ["PATH"]])
    done = children.run(
        ["bash", "-euxo", "pipefail", "-c", "".join(blocks())],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * children.LIMIT_SECONDS,  # it is dozens of commands
    )
    assert done.returncode == 0, done.stderr
    assert "about 5,000 rows" in done.stdout
    assert "nothing to stop" in done.stdout
    sagemaker = boto3.client("sagemaker")
    jobs: list[dict[str, Any]] = [
        sagemaker.describe_processing_job(ProcessingJobName=each["ProcessingJobName"])
        for each in sagemaker.list_processing_jobs()["ProcessingJobSummaries"]
    ]
    assert len(jobs) == 2
    made = boto3.client("iam").get_role_policy(RoleName="headrace", PolicyName="headrace")
    assert made["PolicyDocument"] == json.loads((tmp_path / "policy.json").read_text())
    assert ACCOUNT in json.dumps(made["PolicyDocument"])
    role = boto3.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/headrace", RoleSessionName="job"
    )
    with enforced(aws):
        for each in jobs:
            carry_data(each, role["Credentials"])


def carry_data(job: dict[str, Any], credentials: dict[str, str]) -> None:
    """Read and write as SageMaker will on behalf of the job's role."""
    s3 = boto3.client(
        "s3",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
    for each in job["ProcessingInputs"]:
        bucket, _, key = each["S3Input"]["S3Uri"].removeprefix("s3://").partition("/")
        s3.get_object(Bucket=bucket, Key=f"{key}{SAMPLE}" if key.endswith("/") else key)
    for each in job["ProcessingOutputConfig"]["Outputs"]:
        bucket, _, key = each["S3Output"]["S3Uri"].removeprefix("s3://").partition("/")
        s3.put_object(Bucket=bucket, Key=f"{key}/part-00000.npz", Body=b"")
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=bucket, Key=f"elsewhere/{key}", Body=b"")


def test_the_page_knows_every_action_that_looks_after_jobs() -> None:
    for action in ("plan", "build", "push", "jobs", "describe", "logs", "stop", "policy"):
        assert f"action={action}" in PAGE
