"""What docs/sagemaker.md says that a user has to be allowed is enough."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.aws import clients
from headrace.aws.clients import client
from headrace.config import defaults
from headrace.errors import HeadraceError
from tests.aws.conftest import ROLE, Logs, Perform
from tests.aws.rights import enforced
from tests.moto_server import REGION

pytestmark = pytest.mark.slow  # the SDK takes its time to import
JOB = (
    "target=aws", f"job.role={ROLE}", "dataset=avazu", "dataset.path=s3://logs/in/",
    "output.path=s3://logs/out",
)  # fmt: skip

LOOK = "s3:HeadBucket"
"""moto's name for what IAM counts as ``s3:ListBucket``."""


def on_the_page() -> list[str]:
    """The actions of the table: in a cell, the service is named once."""
    page = (defaults.PROJECT / "docs/sagemaker.md").read_text(encoding="utf-8")
    table = page.partition("## Permissions")[2].partition("\n## ")[0]
    found: list[str] = []
    for name in re.findall(r"`((?:[a-z0-9]+:)?[A-Z]\w+)`", table):
        service = name.partition(":")[0] if ":" in name else found[-1].partition(":")[0]
        found.append(f"{service}:{name.rpartition(':')[2]}")
    return found


@pytest.fixture
def account(aws: str, logs: Logs) -> None:
    """What is there before a user comes who may not do everything."""
    s3 = client("s3", REGION)
    s3.create_bucket(Bucket="logs")
    s3.upload_file(str(defaults.PROJECT / "data/avazu_sample.csv"), "logs", "in/a.csv")
    client("iam", REGION).create_role(RoleName="processing", AssumeRolePolicyDocument="{}")
    logs.put("hello")


@pytest.fixture
def allowed(
    request: pytest.FixtureRequest, account: None, aws: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A user who may do what the page says, but for what the test takes away."""
    actions = [each for each in on_the_page() if each not in getattr(request, "param", ())]
    statement = {"Effect": "Allow", "Action": [*actions, LOOK], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = client("iam", REGION)
    iam.create_user(UserName="user")
    iam.put_user_policy(UserName="user", PolicyName="page", PolicyDocument=document)
    key = iam.create_access_key(UserName="user")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    clients.session.cache_clear()
    with enforced(aws):
        yield
    clients.session.cache_clear()


@pytest.fixture
def run_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Hydra's, which does not run here."""
    folder = str(tmp_path / "run")
    monkeypatch.setattr(defaults, "run_folder", lambda: folder)
    monkeypatch.setattr(defaults, "is_run_folder", lambda path: path == folder)
    return folder


def test_it_is_enough(
    allowed: None, perform: Perform, run_folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    perform(*JOB, "action=plan")
    perform(*JOB, "job.name=ctr", "job.tags={team: ads}")
    perform(*JOB, "job.name=again", "output.overwrite=true")
    perform(*JOB, "job.name=default", f"output.path={run_folder}")  # the bucket is made
    for action in ("describe", "logs", "stop"):
        perform(f"action={action}", "job.name=ctr")
    perform("action=jobs")
    out, err = capsys.readouterr()
    assert "hello\n" in out
    assert "cannot be read" not in out + err


@pytest.mark.parametrize("allowed", [["iam:GetRole", "ecr:DescribeImages"]], indirect=True)
def test_some_checks_are_left_out_where_they_are_not_allowed(
    allowed: None, perform: Perform
) -> None:
    perform(*JOB, "job.name=ctr", "job.wait=false")


@pytest.mark.parametrize("allowed", [["s3:GetObject"]], indirect=True)
def test_without_one_of_them_it_is_not(allowed: None, perform: Perform) -> None:
    with pytest.raises(HeadraceError) as caught:
        perform(*JOB, "action=plan")
    assert str(caught.value) == "AWS refused GetObject: AccessDenied: Access Denied"
