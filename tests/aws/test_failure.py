"""What the user of a job that failed is told: all of it, and nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.targets.sagemaker.logs import LogLine, job_failed, story
from tests.aws.conftest import Logs
from tests.aws.stub import record
from tests.moto_server import REGION

REASON = "AlgorithmError: , exit code: 1"
MESSAGE = "data.csv, line 3: column 'click': expected a number"
FAILED = f"the job 'ctr' failed: {REASON}"


def lines(*texts: str, host: str = "algo-1") -> list[LogLine]:
    return [LogLine(host, number, text) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("status", "changes", "said", "text"),
    [
        ("Failed", {}, lines(), "the job 'ctr' failed"),
        ("Failed", {"FailureReason": REASON}, lines(), FAILED),
        (
            "Failed",
            {"FailureReason": REASON, "ExitMessage": f"{MESSAGE}\n"},
            lines("starting", "progress rows=1 bytes=2 of=3", "", MESSAGE),
            f"the last log lines of 'ctr':\n  starting\n{FAILED}\n{MESSAGE}",
        ),
        # the service may put the one into the other
        (
            "Failed",
            {"FailureReason": f"AlgorithmError: {MESSAGE}", "ExitMessage": MESSAGE},
            lines(MESSAGE),
            f"the job 'ctr' failed: AlgorithmError: {MESSAGE}",
        ),
        # a message of several lines
        (
            "Failed",
            {"ExitMessage": "2 problems:\n  one\n  two"},
            lines("Traceback", "2 problems:", "  one", "  two"),
            "the last log lines of 'ctr':\n  Traceback\nthe job 'ctr' failed\n"
            "2 problems:\n  one\n  two",
        ),
        # a message that was cut
        (
            "Failed",
            {"ExitMessage": "x" * 1024},
            lines("before", "x" * 2000),
            f"the last log lines of 'ctr':\n  before\nthe job 'ctr' failed\n{'x' * 1024}",
        ),
        ("Stopped", {}, lines(), "the job 'ctr' was stopped"),
        (
            "Stopped",
            {"StoppingCondition": {"MaxRuntimeInSeconds": 360}},
            lines(),
            "the job 'ctr' was stopped by its limit (resources.max_runtime_minutes)",
        ),
    ],
)
def test_the_story_of_a_failure(
    status: str, changes: dict[str, Any], said: list[LogLine], text: str
) -> None:
    assert story(record(status, **changes), said) == text


def test_only_the_last_lines_are_told() -> None:
    said = lines(*(f"line {number}" for number in range(100)))
    assert story(record("Failed"), said).splitlines() == [
        "the last log lines of 'ctr':",
        *(f"  line {number}" for number in range(80, 100)),
        "the job 'ctr' failed",
    ]


def test_several_hosts_are_told_apart(logs: Logs) -> None:
    logs.put("one")
    logs.put("uno", "progress rows=1 bytes=2 of=3", host="algo-2", at=1)
    two = {"ClusterConfig": {"InstanceCount": 2, "InstanceType": "ml.m5.large"}}
    error = job_failed(record("Failed", ProcessingResources=two), REGION)
    assert error.exit_status == 1
    assert str(error) == (
        "the last log lines of 'ctr':\n  algo-1: one\n  algo-2: uno\nthe job 'ctr' failed"
    )


def test_a_job_without_log_lines_has_a_story_too(logs: Logs) -> None:
    assert str(job_failed(record("Failed", FailureReason=REASON), REGION)) == FAILED
