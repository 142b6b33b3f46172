"""``action=stop``: a job that runs is stopped, any other is left alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headrace.errors import ConfigError
from tests.aws.conftest import Perform
from tests.aws.stub import Answer, Stub, description
from tests.conftest import Completed

STOPPING = "ctr: is being stopped, which takes up to two minutes\n"
COST = "cost: about 0.023 USD; list price of 2026-07 in us-east-1, 0.23 USD an hour\n"


def test_a_running_job_is_stopped_and_seen_to_its_end(
    sagemaker: Callable[..., Stub], perform: Perform, capsys: pytest.CaptureFixture[str]
) -> None:
    states: list[Answer] = [
        description(status) for status in ("InProgress", "Stopping", "Stopping", "Stopped")
    ]
    stub = sagemaker(DescribeProcessingJob=states, StopProcessingJob=[{}])
    perform("action=stop", "job.name=ctr")
    assert stub.calls("StopProcessingJob") == [{"ProcessingJobName": "ctr"}]
    assert len(stub.calls("DescribeProcessingJob")) == 4
    assert capsys.readouterr() == (
        STOPPING + COST,
        "ctr: Stopping\nctr: Stopped after 9 min\n",
    )


def test_without_waiting_it_is_only_asked_to_stop(
    sagemaker: Callable[..., Stub], perform: Perform, capsys: pytest.CaptureFixture[str]
) -> None:
    stub = sagemaker(DescribeProcessingJob=[description("InProgress")], StopProcessingJob=[{}])
    perform("action=stop", "job.name=ctr", "job.wait=false")
    assert len(stub.calls("StopProcessingJob")) == 1
    assert capsys.readouterr() == (STOPPING, "")


def test_a_job_that_is_being_stopped_is_not_stopped_twice(
    sagemaker: Callable[..., Stub], perform: Perform, capsys: pytest.CaptureFixture[str]
) -> None:
    stub = sagemaker(DescribeProcessingJob=[description("Stopping")])
    perform("action=stop", "job.name=ctr", "job.wait=false")
    assert stub.calls("StopProcessingJob") == []
    assert capsys.readouterr() == (STOPPING, "")


def test_a_job_that_ends_in_that_moment(
    sagemaker: Callable[..., Stub], perform: Perform, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = (400, "ValidationException", "The job is in a terminal state")
    sagemaker(
        DescribeProcessingJob=[description("InProgress"), description("Completed")],
        StopProcessingJob=[refused],
    )
    perform("action=stop", "job.name=ctr")
    assert capsys.readouterr() == (
        "ctr: nothing to stop, it ended at 2026-03-02 09:39:00 UTC: Completed\n",
        "",
    )


def test_whoever_may_not_stop_it_is_told_so(
    sagemaker: Callable[..., Stub], perform: Perform
) -> None:
    sagemaker(
        DescribeProcessingJob=[description("InProgress")],
        StopProcessingJob=[(400, "AccessDeniedException", "not authorized")],
    )
    with pytest.raises(ConfigError) as caught:
        perform("action=stop", "job.name=ctr")
    assert [str(problem) for problem in caught.value.problems] == [
        "SageMaker: AWS refused StopProcessingJob: AccessDeniedException: not authorized"
    ]


def test_the_command_leaves_an_ended_job_alone(
    submitted: Callable[..., None], headrace: Callable[..., Completed]
) -> None:
    submitted("ctr")
    done = headrace("action=stop", "job.name=ctr")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ctr: nothing to stop, it ended at 20")
    assert done.stdout.endswith(" UTC: Completed\n")
