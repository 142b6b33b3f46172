"""What is wrong with a job is found before it costs anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from omegaconf import DictConfig

from headrace.aws.clients import client
from headrace.config.compose import compose
from headrace.errors import ConfigError, DataError
from headrace.prepare import Ready, prepare
from tests.moto_server import ACCOUNT, REGION

Composer = Callable[..., DictConfig]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/processing"
CSV = b"id,click,hour,site\n1,0,14102100,a\n2,1,14102101,b\n"
HOW = "run 'aws configure', or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


@pytest.fixture
def account(aws: str) -> None:
    """An account with all that a job needs."""
    s3 = client("s3", REGION)
    s3.create_bucket(Bucket="logs")
    s3.create_bucket(Bucket="features")
    s3.put_object(Bucket="logs", Key="avazu/a.csv", Body=CSV)
    client("iam", REGION).create_role(
        Path="/service-role/", RoleName="processing", AssumeRolePolicyDocument="{}"
    )


def prepared(composed: Composer, *overrides: str, dry: bool = False) -> Ready:
    given = (
        "target=aws", "dataset=avazu", "dataset.path=s3://logs/avazu/",
        "dataset.columns_expected=null",
        "output.path=s3://features/ctr", f"job.role={ROLE}", *overrides,
    )  # fmt: skip
    return prepare(compose(composed(*given)), dry=dry)


def refused(composed: Composer, *overrides: str, dry: bool = False) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        prepared(composed, *overrides, dry=dry)
    return [str(problem) for problem in caught.value.problems]


def test_a_job_that_may_start(account: None, composed: Composer) -> None:
    ready = prepared(composed, "job.name=ctr")
    assert ready.job.request["RoleArn"] == ROLE
    assert ready.job.request["ProcessingInputs"][0]["S3Input"]["S3Uri"] == "s3://logs/avazu/"
    assert ready.notes == ()


def test_everything_is_told_at_once(account: None, composed: Composer) -> None:
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/mine:1"
    client("sagemaker", REGION).create_processing_job(
        ProcessingJobName="ctr",
        ProcessingResources={
            "ClusterConfig": {
                "InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1,
            }
        },
        AppSpecification={"ImageUri": image},
        RoleArn=ROLE,
    )  # fmt: skip
    assert refused(
        composed,
        "job.name=ctr",
        "resources.instance_type=ml.m5.xxlarge",
        f"job.role=arn:aws:iam::{ACCOUNT}:role/nobody",
        f"backend.image_uri={image}",
    ) == [
        "resources.instance_type: SageMaker Processing has no 'ml.m5.xxlarge'; "
        "did you mean 'ml.m5.xlarge'?",
        "job.name: a job is called 'ctr' already, and names are never free again; choose another",
        f"job.role: there is no role 'arn:aws:iam::{ACCOUNT}:role/nobody'",
        f"backend.image_uri: there is no image {image!r}; action=build makes it, "
        "action=push brings it there",
    ]


def test_what_a_newcomer_lacks_is_told_at_once(account: None, composed: Composer) -> None:
    """Without the data, the bucket and the role there still is enough to tell of."""
    lost = "AWS refused ListObjectsV2: NoSuchBucket: The specified bucket does not exist"
    places = ("dataset.path=s3://lost/avazu/", "output.path=s3://lost/ctr")
    nowhere = [
        f"dataset.path: cannot list 's3://lost/avazu/': {lost}",
        f"output.path: cannot list 's3://lost/ctr': {lost}",
    ]
    assert refused(composed, *places, "job.role=null") == [
        *nowhere,
        "job.role: this key is required: the ARN of a role for the job; or set SAGEMAKER_ROLE",
    ]
    assert refused(composed, *places, "resources.instance_type=ml.m5.xxlarge") == [
        *nowhere,
        "resources.instance_type: SageMaker Processing has no 'ml.m5.xxlarge'; "
        "did you mean 'ml.m5.xlarge'?",
    ]


def test_an_own_image_that_is_there(account: None, composed: Composer) -> None:
    ecr = client("ecr", REGION)
    ecr.create_repository(repositoryName="team/mine")
    media = "application/vnd.docker.distribution.manifest.v2+json"
    layers = {
        "schemaVersion": 2,
        "mediaType": media,
        "config": {"digest": "sha256:" + "0" * 64},
        "layers": [],
    }
    ecr.put_image(repositoryName="team/mine", imageManifest=json.dumps(layers), imageTag="1")
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/mine"
    assert prepared(composed, f"backend.image_uri={image}:1")
    assert "backend.image_uri" in refused(composed, f"backend.image_uri={image}:2")[0]


def test_an_image_in_another_region(account: None, composed: Composer) -> None:
    image = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/mine:1"
    assert refused(composed, f"backend.image_uri={image}") == [
        "backend.image_uri: the image is in eu-west-1, the job would run in us-east-1"
    ]


def test_a_role_of_somebody_else(account: None, composed: Composer) -> None:
    role = "arn:aws:iam::999999999999:role/processing"
    assert refused(composed, f"job.role={role}") == [
        f"job.role: {role!r} is a role of another account than yours ({ACCOUNT})"
    ]


def test_buckets_in_another_region(account: None, composed: Composer) -> None:
    there = {"LocationConstraint": "eu-west-1"}
    for name in ("far-logs", "far-features"):
        client("s3", "eu-west-1").create_bucket(Bucket=name, CreateBucketConfiguration=there)
    client("s3", "eu-west-1").put_object(Bucket="far-logs", Key="a.csv", Body=CSV)
    far = ("dataset.path=s3://far-logs/a.csv", "output.path=s3://far-features/ctr")
    assert refused(composed, *far) == [
        "dataset.path: the bucket 'far-logs' is in eu-west-1, the job would run in us-east-1",
        "output.path: the bucket 'far-features' is in eu-west-1, the job would run in us-east-1",
    ]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("s3://logs/avazoo/", "nothing is at 's3://logs/avazoo/'"),
        (
            "s3://lost/avazu/",
            "cannot list 's3://lost/avazu/': AWS refused ListObjectsV2: NoSuchBucket: "
            "The specified bucket does not exist",
        ),
        (
            "s3://logs/avaz",
            "'s3://logs/avaz' also means 's3://logs/avazu/a.csv', which begins with it; "
            "end a folder's name with '/'",
        ),
    ],
)
def test_data_that_is_not_there(account: None, composed: Composer, path: str, problem: str) -> None:
    assert refused(composed, f"dataset.path={path}") == [f"dataset.path: {problem}"]


@pytest.mark.parametrize("dry", [False, True])
def test_the_chain_is_held_against_the_data_on_s3(
    account: None, composed: Composer, dry: bool
) -> None:
    assert refused(
        composed, "transform=time_hashing", "transform.steps.time_features.column=our", dry=dry
    ) == [
        "transform.steps.time_features: there is no column 'our' at this point of the chain; "
        "did you mean 'hour'?"
    ]


def test_a_parquet_file_shows_its_columns_too(
    account: None, composed: Composer, tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 400_000
    values = {"id": range(rows), "click": [0] * rows, "site": map(str, range(rows))}
    table = pa.table({**values, "hour": ["14102100"] * rows})
    pq.write_table(table, tmp_path / "a.parquet", compression="none", use_dictionary=False)
    client("s3", REGION).upload_file(str(tmp_path / "a.parquet"), "logs", "pq/a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size > 4 << 20
    assert prepared(composed, "dataset.path=s3://logs/pq/")
    with pytest.raises(DataError) as caught:
        prepared(composed, "dataset.path=s3://logs/pq/", "dataset.numeric=[sight]")
    assert str(caught.value) == "a.parquet: there is no column 'sight'; did you mean 'site'?"


def test_no_credentials(aws: str, composed: Composer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert refused(composed) == [
        f"AWS credentials: Unable to locate credentials; {HOW}",
    ]


def test_a_plan_without_credentials_says_what_it_did_not_look_at(
    aws: str, composed: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    ready = prepared(composed, dry=True)
    assert ready.notes == ("no AWS credentials, so what is on AWS was not looked at",)
    wrong = refused(composed, "resources.instance_type=ml.m5.xlarg", dry=True)
    assert [each.partition(":")[0] for each in wrong] == ["resources.instance_type"]


def test_no_region(aws: str, composed: Composer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert refused(composed) == [
        "backend.region: this key is required: neither AWS_REGION nor the AWS configuration "
        "names a region"
    ]


def test_a_profile_that_is_not_there(
    aws: str, composed: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert refused(composed) == [
        "AWS credentials: The config profile (nobody) could not be found; "
        "AWS_PROFILE names a profile of ~/.aws/config"
    ]


def test_an_endpoint_that_nobody_answers(
    aws: str, composed: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    from headrace.aws import clients

    once = clients.PATIENCE.merge(Config(retries={"total_max_attempts": 1}))
    monkeypatch.setattr(clients, "PATIENCE", once)
    [problem] = refused(composed)
    assert problem.startswith("AWS credentials: Could not connect to the endpoint URL")


def test_a_role_is_needed(account: None, composed: Composer) -> None:
    assert refused(composed, "job.role=null") == [
        "job.role: this key is required: the ARN of a role for the job; or set SAGEMAKER_ROLE"
    ]


def test_the_role_may_come_from_the_environment(
    account: None, composed: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGEMAKER_ROLE", ROLE)
    assert prepared(composed, "job.role=null").job.request["RoleArn"] == ROLE


@pytest.mark.parametrize("role", ["None", "headrace"])  # what the AWS CLI says of nothing; a name
def test_the_role_of_the_environment_may_be_wrong(
    account: None, composed: Composer, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.setenv("SAGEMAKER_ROLE", role)
    assert refused(composed, "job.role=null") == [
        "job.role: SAGEMAKER_ROLE should be the ARN of a role, as in "
        f"'arn:aws:iam::123456789012:role/headrace' (got {role!r})"
    ]


def test_a_caller_with_a_role_passes_it_on(
    account: None, composed: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a SageMaker notebook, whose role may run jobs."""
    given = client("sts", REGION).assume_role(RoleArn=ROLE, RoleSessionName="notebook")
    keys: dict[str, Any] = given["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
    from headrace.aws import clients

    clients.session.cache_clear()
    assert prepared(composed, "job.role=null").job.request["RoleArn"] == ROLE


def test_credentials_are_looked_for_once(aws: str) -> None:
    from headrace.aws import clients

    assert clients.has_credentials(required=True)
    client("s3")
    client("iam")
    assert clients.session.cache_info().currsize == 1


def test_a_local_result_cannot_be_had(account: None, composed: Composer, tmp_path: Path) -> None:
    assert refused(composed, f"output.path={tmp_path}") == [
        f"output.path: target=aws writes to s3://bucket/folder (got {str(tmp_path)!r})"
    ]


def test_local_data_is_brought_there(account: None, composed: Composer, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(CSV)
    ready = prepared(composed, f"dataset.path={tmp_path}")
    source = ready.job.request["ProcessingInputs"][0]["S3Input"]
    assert source["S3Uri"] == "s3://features/ctr/input/data/"
    assert ready.job.uploads == {
        "input/data/a.csv": tmp_path / "a.csv",
        "input/data/b.csv": tmp_path / "b.csv",
    }
    only = prepared(composed, f"dataset.path={tmp_path / 'b.csv'}").job
    assert only.uploads == {"input/data/b.csv": tmp_path / "b.csv"}
    chosen = prepared(composed, f"dataset.path='{tmp_path}/a*.csv'").job
    assert chosen.uploads == {"input/data/a.csv": tmp_path / "a.csv"}
    assert chosen.request["ProcessingInputs"][0]["S3Input"]["S3DataType"] == "S3Prefix"
