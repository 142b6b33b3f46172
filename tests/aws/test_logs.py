"""``action=logs``: every line, once, in the order of the times."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from headrace.errors import ConfigError
from headrace.targets.sagemaker import logs as log_lines
from headrace.targets.sagemaker.logs import LogTail
from tests.aws.conftest import Logs, Perform
from tests.aws.stub import Answer, Stub, description
from tests.conftest import Completed
from tests.moto_server import REGION

TWO_HOSTS = description(
    ProcessingResources={
        "ClusterConfig": {
            "InstanceCount": 2,
            "InstanceType": "ml.m5.xlarge",
            "VolumeSizeInGB": 30,
        }
    }
)


def texts(tail: LogTail) -> list[str]:
    return [f"{line.host} {line.text}" for line in tail.new_lines()]


def test_all_lines_are_told_once_and_hosts_may_come_late(logs: Logs) -> None:
    tail = LogTail("ctr", REGION)
    assert texts(tail) == []
    logs.put("one", "two", at=0)
    assert texts(tail) == ["algo-1 one", "algo-1 two"]
    assert texts(tail) == []
    logs.put("three", at=2)
    logs.put("uno", "  ", "dos\n", at=1, host="algo-2")
    assert texts(tail) == ["algo-2 uno", "algo-2   ", "algo-2 dos", "algo-1 three"]
    assert texts(tail) == []


def test_more_lines_than_one_answer_holds(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "EVENTS", 3)
    logs.put(*(f"line {number}" for number in range(10)))
    logs.put(*(f"line {number}" for number in range(10, 13)), host="algo-2", at=1)
    tail = LogTail("ctr", REGION)
    assert [line.text for line in tail.new_lines()] == [f"line {number}" for number in range(13)]
    assert texts(tail) == []


def test_secrets_are_masked(logs: Logs) -> None:
    logs.put("the token is hunter2")
    tail = LogTail("ctr", REGION, ("hunter2",))
    assert texts(tail) == ["algo-1 the token is ***"]
    assert [line.text for line in tail.last_lines(1)] == ["the token is ***"]


def test_jobs_with_similar_names_are_kept_apart(logs: Logs) -> None:
    logs.put("mine")
    logs.put("theirs", job="ctr-2")
    assert texts(LogTail("ctr", REGION)) == ["algo-1 mine"]


def test_the_last_lines_of_each_host(logs: Logs) -> None:
    logs.put(*(f"line {number}" for number in range(10)))
    logs.put("later", host="algo-2", at=1)
    tail = LogTail("ctr", REGION)
    assert [line.text for line in tail.last_lines(3)] == ["line 7", "line 8", "line 9", "later"]


def test_no_line_is_lost_by_a_call_that_fails(
    sagemaker: Callable[..., Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [{"logStreamName": f"ctr/algo-{host}-1795512600"} for host in (1, 2)]
    stub = sagemaker(
        DescribeLogStreams=[{"logStreams": streams}],
        GetLogEvents=[
            events("a1", (1, "one")),
            events("a1"),
            (500, "ServiceUnavailableException", "later"),
            events("a1"),
            events("b1"),  # empty, and yet not the last
            events("b2", (0, "uno")),
            events("b2"),
        ],
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", stub.address)
    tail = LogTail("ctr", REGION)
    with pytest.raises(ClientError, match="ServiceUnavailableException"):
        tail.new_lines()
    assert texts(tail) == ["algo-2 uno", "algo-1 one"]
    tokens = [call.get("nextToken") for call in stub.calls("GetLogEvents")]
    assert tokens == [None, "a1", None, "a1", None, "b1", "b2"]


def events(token: str, *lines: tuple[int, str]) -> Answer:
    told = [{"timestamp": time, "message": text} for time, text in lines]
    return {"events": told, "nextForwardToken": token}


@pytest.mark.parametrize("wait", ["true", "false"])
def test_a_job_that_has_ended_shows_all_its_lines(
    wait: str,
    logs: Logs,
    sagemaker: Callable[..., Stub],
    perform: Perform,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.put("starts", "progress rows=1 bytes=2 of=3")
    logs.put("starts too", host="algo-2", at=1)
    sagemaker(DescribeProcessingJob=[TWO_HOSTS])
    perform("action=logs", "job.name=ctr", f"job.wait={wait}")
    assert capsys.readouterr() == (
        "algo-1: starts\nalgo-1: progress rows=1 bytes=2 of=3\nalgo-2: starts too\n",
        "",
    )


def test_without_waiting_a_running_job_shows_what_is_there(
    logs: Logs,
    sagemaker: Callable[..., Stub],
    perform: Perform,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.put("starts")
    sagemaker(DescribeProcessingJob=[description("InProgress")])
    perform("action=logs", "job.name=ctr", "job.wait=false")
    assert capsys.readouterr() == ("starts\n", "")


def test_a_running_job_is_followed_to_its_end(
    logs: Logs,
    sagemaker: Callable[..., Stub],
    perform: Perform,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.put("starts")
    running = description("InProgress")
    sagemaker(DescribeProcessingJob=[running, running, running, description("Failed")])
    perform("action=logs", "job.name=ctr")
    assert capsys.readouterr() == ("starts\n", "ctr: InProgress\nctr: Failed after 9 min\n")


def test_a_job_without_lines(
    submitted: Callable[..., None], perform: Perform, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted("ctr")
    perform("action=logs", "job.name=ctr")
    assert capsys.readouterr() == ("", "ctr: Completed, no log lines\n")


@pytest.mark.parametrize("status", ["InProgress", "Completed"])
def test_lines_that_may_not_be_read(
    status: str, sagemaker: Callable[..., Stub], perform: Perform, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = sagemaker(
        DescribeProcessingJob=[description(status), description(status), description()],
        DescribeLogStreams=[(400, "AccessDeniedException", "not authorized")],
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", stub.address)
    with pytest.raises(ConfigError) as caught:
        perform("action=logs", "job.name=ctr")
    assert [str(problem) for problem in caught.value.problems] == [
        "CloudWatch Logs: AWS refused DescribeLogStreams: AccessDeniedException: not authorized"
    ]


def test_the_command_shows_the_lines(
    submitted: Callable[..., None], logs: Logs, headrace: Callable[..., Completed]
) -> None:
    submitted("ctr")
    logs.put("one", "zwei, drei ✓")
    done = headrace("action=logs", "job.name=ctr")
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\nzwei, drei ✓\n", "")
