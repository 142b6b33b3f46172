"""``action=jobs``: which jobs, in which order, at what cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from headrace.errors import ConfigError
from headrace.targets.sagemaker.control import table
from headrace.targets.sagemaker.jobs import Listing, ProcessingJobs
from tests.aws.conftest import Perform
from tests.aws.stub import START, Stub, description, record
from tests.conftest import Completed
from tests.moto_server import REGION

FOOT = "cost: an estimate by list prices of us-east-1 from 2023 to 2026-09"


def summaries(count: int) -> list[dict[str, Any]]:
    """A list as the service sorts it: newest first."""
    return [
        {
            "ProcessingJobName": f"ctr-{number:03}",
            "ProcessingJobArn": "arn",
            "ProcessingJobStatus": "Completed",
            "CreationTime": START.timestamp() + number,
        }
        for number in reversed(range(count))
    ]


def test_every_job_is_found_newest_first(submitted: Callable[..., None]) -> None:
    names = [f"ctr-{number:03}" for number in range(130)]
    submitted(*names)
    listing = ProcessingJobs(REGION).newest(1000)
    assert [job.name for job in listing.jobs] == names[::-1]
    assert not listing.has_more
    some = ProcessingJobs(REGION).newest(5)
    assert [job.name for job in some.jobs] == names[:-6:-1]
    assert some.has_more


def test_of_many_only_the_newest_are_shown(
    submitted: Callable[..., None], perform: Perform, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted(*(f"ctr-{number:03}" for number in range(51)))
    perform("action=jobs", "target=aws")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 50 + 2
    assert [line.split()[:2] for line in lines[1:51]] == [
        [f"ctr-{number:03}", "Completed"] for number in range(50, 0, -1)
    ]
    assert lines[51:] == [
        FOOT,
        "the newest 50; job.name=… shows those with that in their names",
    ]


def test_a_service_that_sorts_is_asked_for_no_more_than_is_shown(
    sagemaker: Callable[..., Stub],
) -> None:
    page: Any = {"ProcessingJobSummaries": summaries(100), "NextToken": "more"}
    stub = sagemaker(ListProcessingJobs=[page], DescribeProcessingJob=[description()])
    listing = ProcessingJobs(REGION).newest(50, "ctr")
    assert listing.has_more
    assert stub.calls("ListProcessingJobs") == [
        {
            "MaxResults": 100,
            "NameContains": "ctr",
            "SortBy": "CreationTime",
            "SortOrder": "Descending",
        }
    ]
    asked = {each["ProcessingJobName"] for each in stub.calls("DescribeProcessingJob")}
    assert asked == {f"ctr-{number:03}" for number in range(50, 100)}


def test_a_part_of_the_name_narrows_the_table(
    submitted: Callable[..., None], perform: Perform, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted("ctr-1", "other", "my-ctr-2")
    perform("action=jobs", "job.name=ctr")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ["my-ctr-2", "ctr-1"]
    perform("action=jobs", "job.name=nobody")
    assert capsys.readouterr().out == ("no Processing job in us-east-1 has 'nobody' in its name\n")


def test_an_account_without_jobs(
    aws: str, perform: Perform, capsys: pytest.CaptureFixture[str]
) -> None:
    perform("action=jobs", "backend.region=eu-west-1")
    assert capsys.readouterr().out == "no Processing job in eu-west-1\n"


def test_each_state_has_its_time_and_cost() -> None:
    jobs = (
        record("InProgress", ProcessingJobName="waits", ProcessingStartTime=None),
        record("InProgress", ProcessingJobName="runs"),
        record("Stopping", ProcessingJobName="stops"),
        record(ProcessingJobName="done"),
        record("Failed", ProcessingJobName="broke"),
        record("Failed", ProcessingJobName="never-began", ProcessingStartTime=None),
        record(ProcessingJobName="large", ProcessingResources=cluster("ml.r5.24xlarge", 10)),
        record(ProcessingJobName="odd", ProcessingResources=cluster("ml.x9.large", 1)),
        record(ProcessingJobName="ours", ProcessingResources=None),
    )
    now = START + timedelta(seconds=180 + 3600)
    assert table(Listing(jobs, has_more=False), now=now) == [
        "name         status      started (UTC)           took  cost (USD)",
        "waits        InProgress  2026-03-02 09:30:00  63 min*           -",
        "runs         InProgress  2026-03-02 09:33:00  60 min*      0.230*",
        "stops        Stopping    2026-03-02 09:33:00  60 min*      0.230*",
        "done         Completed   2026-03-02 09:33:00    6 min       0.023",
        "broke        Failed      2026-03-02 09:33:00    6 min       0.023",
        "never-began  Failed      2026-03-02 09:30:00    9 min           -",
        "large        Completed   2026-03-02 09:33:00    6 min        7.26",
        "odd          Completed   2026-03-02 09:33:00    6 min           -",
        "ours         Completed   2026-03-02 09:33:00    6 min           -",
        f"* so far; {FOOT}",
    ]


def cluster(instance_type: str, count: int) -> dict[str, Any]:
    return {
        "ClusterConfig": {
            "InstanceType": instance_type,
            "InstanceCount": count,
            "VolumeSizeInGB": 30,
        }
    }


def test_the_users_own_price_goes_for_all() -> None:
    jobs = (record(ProcessingResources=cluster("ml.x9.large", 2)),)
    assert table(Listing(jobs, has_more=False), usd_per_hour=1.5) == [
        "name  status     started (UTC)         took  cost (USD)",
        "ctr   Completed  2026-03-02 09:33:00  6 min       0.300",
        "cost: an estimate by 1.5 USD an hour and instance",
    ]


def test_a_job_that_vanishes_underway_is_shown_as_it_was_listed(
    sagemaker: Callable[..., Stub],
) -> None:
    page: Any = {"ProcessingJobSummaries": summaries(1)}
    gone = (400, "ValidationException", "Could not find requested job with name: ctr-000")
    sagemaker(ListProcessingJobs=[page], DescribeProcessingJob=[gone])
    [job] = ProcessingJobs(REGION).newest(50).jobs
    assert (job.name, job.status, job.billed_seconds()) == ("ctr-000", "Completed", None)


@pytest.mark.parametrize("action", ["describe", "logs", "stop"])
def test_an_action_on_a_job_needs_its_name(action: str, aws: str, perform: Perform) -> None:
    with pytest.raises(ConfigError) as caught:
        perform(f"action={action}")
    assert str(caught.value) == (
        f"1 problem in the configuration:\n  job.name: this key is required by action={action}"
    )


@pytest.mark.parametrize("action", ["describe", "logs", "stop"])
def test_a_name_that_nobody_has(
    action: str, submitted: Callable[..., None], perform: Perform
) -> None:
    with pytest.raises(ConfigError) as caught:
        perform(f"action={action}", "job.name=ctr-2")
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        "  job.name: no Processing job is called 'ctr-2' in us-east-1; action=jobs lists them"
    )
    submitted("ctr-1", "other")
    with pytest.raises(ConfigError) as caught:
        perform(f"action={action}", "job.name=ctr-2")
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        "  job.name: no Processing job is called 'ctr-2' in us-east-1; did you mean 'ctr-1'?"
    )


def test_whoever_may_not_list_jobs_is_told_that_there_is_none(
    sagemaker: Callable[..., Stub],
) -> None:
    sagemaker(
        DescribeProcessingJob=[(400, "ResourceNotFound", "no such job")],
        ListProcessingJobs=[(400, "AccessDeniedException", "not authorized")],
    )
    with pytest.raises(ConfigError) as caught:
        ProcessingJobs(REGION).find("ctr")
    assert [str(problem) for problem in caught.value.problems] == [
        "job.name: no Processing job is called 'ctr' in us-east-1; action=jobs lists them"
    ]


def test_what_aws_refuses_is_told_in_one_line(sagemaker: Callable[..., Stub]) -> None:
    refused = (400, "AccessDeniedException", "not authorized to perform this")
    sagemaker(DescribeProcessingJob=[refused], ListProcessingJobs=[refused])
    jobs = ProcessingJobs(REGION)
    for call, operation in (
        (lambda: jobs.find("ctr"), "DescribeProcessingJob"),
        (lambda: jobs.newest(50), "ListProcessingJobs"),
    ):
        with pytest.raises(ConfigError) as caught:
            call()
        assert [str(problem) for problem in caught.value.problems] == [
            f"SageMaker: AWS refused {operation}: AccessDeniedException: "
            "not authorized to perform this"
        ]


def test_the_command_shows_the_table(
    submitted: Callable[..., None], headrace: Callable[..., Completed]
) -> None:
    submitted("ctr-1", "ctr-2")
    done = headrace("action=jobs", "target=aws", "dataset.path=nowhere.csv", "output.path=nothing")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["name", "ctr-2", "ctr-1", "cost:"]


def test_the_command_without_credentials(
    aws: str, monkeypatch: pytest.MonkeyPatch, headrace: Callable[..., Completed]
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    done = headrace("action=jobs")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "1 problem in the configuration:\n"
        "  SageMaker: Unable to locate credentials; run 'aws configure', "
        "or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n"
    )


def test_the_command_without_a_region(
    aws: str, monkeypatch: pytest.MonkeyPatch, headrace: Callable[..., Completed]
) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    done = headrace("action=describe", "job.name=ctr")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "1 problem in the configuration:\n"
        "  backend.region: this key is required: neither AWS_REGION nor the AWS configuration "
        "names a region\n"
    )
