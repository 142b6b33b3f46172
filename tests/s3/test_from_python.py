"""A job from Python whose data or result is on S3, or that is for AWS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from headrace import compile, run
from headrace.errors import ConfigError
from tests.moto_server import ACCOUNT

HASHED = "transform.n_features=1024"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_result_on_s3_is_read_back(s3: Any) -> None:
    result = run(HASHED, {"output.path": "s3://logs/out"})
    assert result.output == "s3://logs/out"
    assert result.metrics["n_features"] == 1024
    assert result.timings["seconds"] > 0
    assert result.evaluation == {}
    rows = result.load("validation")
    assert rows.features.shape == (975, 1024)


def test_what_a_run_on_s3_learned(s3: Any, tmp_path: Path) -> None:
    """What it learned is an input of the job."""
    run("transform=rare_hashing", HASHED, {"output.path": "s3://logs/monday"})
    local = run("transform=rare_hashing", HASHED, {"output.path": tmp_path / "monday"})
    applied = run({"transform.learned": "s3://logs/monday/", "output.path": tmp_path / "tuesday"})
    (learned,) = (
        each["S3Input"]
        for each in applied.request["ProcessingInputs"]
        if each["InputName"] == "learned"
    )
    assert learned["S3Uri"] == "s3://logs/monday/report/state/"
    assert learned["LocalPath"] == "/opt/ml/processing/input/learned"
    assert "S3DataDistributionType" not in learned or (
        learned["S3DataDistributionType"] == "FullyReplicated"
    )
    rows = applied.load("rows")
    assert rows.ids is not None
    ids = {key: index for index, key in enumerate(rows.ids)}
    for channel in ("train", "validation"):
        expected = local.load(channel)
        assert expected.ids is not None
        order = [ids[key] for key in expected.ids]
        assert (rows.features[order] != expected.features).nnz == 0
    state = "monday/report/state/rare_values.arrow"
    s3.put_object(Bucket="logs", Key=state, Body=b"other")
    assert refusal("s3://logs/monday") == (
        f"s3://logs/{state}: is not the file that the manifest means (sha256 differs)"
    )
    s3.delete_object(Bucket="logs", Key=state)
    assert refusal("s3://logs/monday") == (
        "s3://logs/monday: report/state/rare_values.arrow cannot be read "
        "(No such file or directory)"
    )
    manifest = {"Bucket": "logs", "Key": "monday/report/manifest.json"}
    content = s3.get_object(**manifest)["Body"].read()
    s3.put_object(**manifest, Body=content.replace(b'"rejected": 0', b'"rejected": 1'))
    assert refusal("s3://logs/monday") == (
        "s3://logs/monday: report/manifest.json was changed; its sha256 is not of the rest"
    )


def refusal(learned: str) -> str:
    with pytest.raises(ConfigError) as caught:
        compile({"transform.learned": learned})
    (problem,) = caught.value.problems
    assert problem.where == "transform.learned"
    return problem.what


@pytest.mark.usefixtures("aws")
def test_a_job_for_aws_has_its_place_on_s3_by_default() -> None:
    boto3.client("iam").create_role(RoleName="processing", AssumeRolePolicyDocument="{}")
    role = f"arn:aws:iam::{ACCOUNT}:role/processing"
    given = {"target": "aws", "job.role": role, "job.name": "mine", "backend.region": "eu-west-1"}
    job = compile("backend=sklearn", given)
    assert job.config.output.path.startswith("s3://")
    assert job.config.output.path.endswith("/mine")
    assert job.notes == ()


def test_without_credentials_a_job_is_compiled_with_a_note_and_does_not_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("headrace.aws.clients.has_credentials", _none)
    job = compile({"output.path": "s3://logs/out"})
    assert job.notes == ("no AWS credentials, so what is on AWS was not looked at",)
    assert repr(job).splitlines()[-1] == f"note     {job.notes[0]}"
    with pytest.raises(ConfigError) as caught:
        run(job)
    assert str(caught.value) == "1 problem in the configuration:\n  no credentials"


def _none(*, required: bool) -> bool:
    from headrace.errors import Problem

    if required:
        raise ConfigError([Problem("", "no credentials")])
    return False
