"""``action=import job.name=…``: a job of the account becomes a configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.aws.clients import client
from headrace.errors import ConfigError
from tests.aws.conftest import Perform
from tests.aws.stub import Stub, description
from tests.importing.requests import GOLDEN, apart, golden, request_of
from tests.moto_server import REGION


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
@pytest.mark.usefixtures("aws", "here")
def test_a_job_becomes_the_same_request(
    path: Path, perform: Perform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Moto does not tell a job's instances, which is said, nor its variables."""
    request = golden(path)
    client("sagemaker", REGION).create_processing_job(**request)
    perform("action=import", f"job.name={request['ProcessingJobName']}", "name=mine")
    assert "Added: ProcessingResources: " in capsys.readouterr().out
    made = apart(request, request_of("experiment=mine"))
    assert {where.partition(".")[0] for where, _, _ in made} <= {
        "ProcessingResources",
        "Environment",
    }


@pytest.mark.usefixtures("here")
def test_an_answer_of_the_service(
    perform: Perform, sagemaker: Callable[..., Stub], capsys: pytest.CaptureFixture[str]
) -> None:
    request = golden(GOLDEN[-1])
    answer = {key: value for key, value in request.items() if key != "Tags"}
    tags = [{"Tags": request["Tags"]}]
    sagemaker(DescribeProcessingJob=[description(**answer)], ListTags=tags)
    perform("action=import", "job.name=churn-1", "name=mine")
    assert apart(request, request_of("experiment=mine")) == []
    assert "note" not in capsys.readouterr().out
    sagemaker(
        DescribeProcessingJob=[description(**answer)],
        ListTags=[(400, "AccessDeniedException", "You may not.")],
    )
    perform("action=import", "job.name=churn-1", "name=other")
    assert "Not kept: Tags (DescribeProcessingJob does not tell them)." in capsys.readouterr().out


@pytest.mark.usefixtures("aws")
def test_a_job_that_is_not_there(perform: Perform) -> None:
    with pytest.raises(ConfigError) as caught:
        perform("action=import", "job.name=ctr")
    assert [str(problem) for problem in caught.value.problems] == [
        f"job.name: no Processing job is called 'ctr' in {REGION}; action=jobs lists them"
    ]


def test_a_job_that_may_not_be_seen(perform: Perform, sagemaker: Callable[..., Stub]) -> None:
    sagemaker(DescribeProcessingJob=[(400, "AccessDeniedException", "You may not.")])
    with pytest.raises(ConfigError) as caught:
        perform("action=import", "job.name=ctr")
    (problem,) = caught.value.problems
    assert str(problem) == (
        "SageMaker: AWS refused DescribeProcessingJob: AccessDeniedException: You may not."
    )
