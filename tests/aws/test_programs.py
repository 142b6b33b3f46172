"""Scripts for SageMaker: what is looked at before, what is brought there, what it costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from headrace.aws.clients import client
from headrace.config.compose import compose
from headrace.config.job_settings import ResourcesConfig
from headrace.errors import ConfigError
from headrace.prepare import Ready, prepare
from headrace.targets.sagemaker.cost import limit_lines
from tests.moto_server import ACCOUNT, REGION
from tests.programs.jobs import script

Composer = Callable[..., DictConfig]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/processing"


@pytest.fixture
def account(aws: str) -> None:
    """An account with all that a job needs."""
    s3 = client("s3", REGION)
    for bucket in ("code", "logs", "results"):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket="code", Key="jobs/fit.py", Body=b"")
    s3.put_object(Bucket="logs", Key="day/_a.csv", Body=b"1")
    client("iam", REGION).create_role(
        Path="/service-role/", RoleName="processing", AssumeRolePolicyDocument="{}"
    )


def prepared(composed: Composer, *overrides: str) -> Ready:
    given = (
        *("target=aws", "program=script", "output.path=s3://results/out", f"job.role={ROLE}"),
        *overrides,
    )
    return prepare(compose(composed(*given)), dry=False)


def refused(composed: Composer, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        prepared(composed, *overrides)
    return [str(problem) for problem in caught.value.problems]


def test_a_script_on_s3_and_inputs_of_every_kind(
    account: None, composed: Composer, tmp_path: Path
) -> None:
    data = script(tmp_path, "a,b\n", "data/.hidden/a.csv").parents[1]
    single = script(tmp_path, "c\n", "c.csv")
    job = prepared(
        composed,
        "program.path=s3://code/jobs/fit.py",
        *("inputs.logs=s3://logs/day/", f"inputs.data={data}", f"inputs.one={single}"),
    ).job
    assert [(each.name, each.uri) for each in job.view.inputs] == [
        ("logs", "s3://logs/day/"),
        ("data", "s3://results/out/input/data/"),
        ("one", "s3://results/out/input/one/"),
        ("code", "s3://code/jobs/fit.py"),
    ]
    assert job.uploads == {
        "input/data/.hidden/a.csv": data / ".hidden/a.csv",
        "input/one/c.csv": single,
    }


def test_what_is_not_there_is_told_in_one_go(account: None, composed: Composer) -> None:
    assert refused(
        composed,
        "program.path=s3://code/jobs/fi.py",
        "inputs.a=s3://logs/night/",
        "inputs.b=s3://nobodys/x",
        "inputs.c={path: s3://logs/day/, sharded: true}",
        "resources.instance_count=2",
    ) == [
        "inputs.a.path: nothing is at 's3://logs/night/'",
        "inputs.b.path: cannot list 's3://nobodys/x': AWS refused ListObjectsV2: NoSuchBucket: The "
        "specified bucket does not exist",
        "resources.instance_count: 1 file cannot be shared among 2 instances; set it to at most 1, "
        "or divide the data into more files",
        "program.path: there is no object 's3://code/jobs/fi.py'",
    ]


def test_the_objects_of_a_manifest_are_counted(account: None, composed: Composer) -> None:
    s3 = client("s3", REGION)
    for key, content in (("m", b'[{"prefix": "s3://logs/"}, "a"]'), ("day", b'{"a": 1}')):
        s3.put_object(Bucket="logs", Key=f"{key}.manifest", Body=content)
    shared = "data_type: ManifestFile, sharded: true"
    assert refused(
        composed,
        "program.path=s3://code/jobs/fit.py",
        f"inputs.a={{path: s3://logs/m.manifest, {shared}}}",
        f"inputs.b={{path: s3://logs/day.manifest, {shared}}}",
        "resources.instance_count=2",
    ) == [
        "resources.instance_count: 1 file cannot be shared among 2 instances; set it to at most 1, "
        "or divide the data into more files",
        "inputs.b.path: 's3://logs/day.manifest' should hold "
        '[{"prefix": "s3://bucket/folder/"}, "name", …]',
    ]


def test_what_a_script_costs_at_most() -> None:
    assert limit_lines(ResourcesConfig(max_runtime_seconds=3600, instance_count=2)) == [
        "time     unknown: the program's own; stopped after 60 min of work",
        "         about 3 min until it starts, which is not billed",
        "cost     at most 0.460 USD: 2 x ml.m5.xlarge; list price of 2026-07 in us-east-1, "
        "0.23 USD an hour",
    ]
    unknown = ResourcesConfig(instance_type="ml.new.xlarge")
    assert limit_lines(unknown)[-1] == (
        "cost     unknown: 1 x ml.new.xlarge; no list price of ml.new.xlarge is known; set "
        "resources.usd_per_hour"
    )
