"""Waiting for a job: what is shown meanwhile, and what does not end the watch."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from headrace.aws import clients
from headrace.config import defaults
from headrace.errors import JobFailed
from headrace.targets.sagemaker import follow as waiting
from headrace.targets.sagemaker.follow import follow
from headrace.terminal import progress
from tests import children
from tests.aws.conftest import Logs
from tests.aws.stub import Answer, Stub, description
from tests.moto_server import REGION

RUNNING = description("InProgress")
DONE = description("Completed")
SHOWN = "ctr: InProgress\nctr: Completed after 9 min\n"


def test_lines_are_shown_as_they_come_and_late_ones_too(
    logs: Logs,
    sagemaker: Callable[..., Stub],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(waiting, "LATE_SECONDS", 0.5)
    stub = sagemaker(DescribeProcessingJob=[RUNNING])
    texts = [f"line {number}" for number in range(6)]

    def job() -> None:
        for number, text in enumerate(texts[:-1]):
            logs.put(text, at=number)
            seen(stub, len(stub.asked) + 2)
        looks = len(stub.asked)
        stub.from_now_on("DescribeProcessingJob", DONE)
        seen(stub, looks + 1)
        logs.put(texts[-1], at=10)

    thread = threading.Thread(target=job)
    thread.start()
    record = follow("ctr", REGION)
    thread.join()
    assert record.status == "Completed"
    assert capsys.readouterr() == ("".join(f"{text}\n" for text in texts), SHOWN)


def seen(stub: Stub, looks: int) -> None:
    """Wait until the job has been looked at so often."""
    deadline = time.monotonic() + 30
    while len(stub.asked) < looks and time.monotonic() < deadline:
        time.sleep(0.005)


def test_a_job_that_has_ended_is_not_waited_for(
    logs: Logs,
    sagemaker: Callable[..., Stub],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.put("one")
    monkeypatch.setattr(time, "sleep", pytest.fail)
    stub = sagemaker(DescribeProcessingJob=[DONE])
    assert follow("ctr", REGION).status == "Completed"
    assert len(stub.asked) == 1
    assert capsys.readouterr() == ("one\n", "ctr: Completed after 9 min\n")


def test_without_log_lines_cloudwatch_is_not_asked(
    logs: Logs,
    sagemaker: Callable[..., Stub],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.put("one")
    stub = sagemaker(DescribeProcessingJob=[RUNNING, DONE])
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", stub.address)
    follow("ctr", REGION, show_logs=False)
    assert {operation for operation, _ in stub.asked} == {"DescribeProcessingJob"}
    assert capsys.readouterr() == ("", SHOWN)


def test_progress_lines_tell_how_far_it_is(
    logs: Logs,
    sagemaker: Callable[..., Stub],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    logs.put("hello")
    logs.put("progress rows=100 bytes=10 of=40", at=1)
    logs.put("progress rows=300 bytes=30 of=40", "bye", at=3)
    sagemaker(DescribeProcessingJob=[RUNNING, DONE])
    follow("ctr", REGION)
    assert capsys.readouterr() == (
        "hello\nbye\n",
        "ctr: InProgress\n"
        "100 rows, 100 rows/s, 25 %, about 3 s left\n"
        "300 rows, 100 rows/s, 75 %, about 1 s left\n"
        "ctr: Completed after 9 min\n",
    )


LOST: list[Answer] = [
    (500, "InternalFailure", "sorry"),
    (400, "ThrottlingException", "Rate exceeded"),
    (429, "TooManyRequests", "slowly"),
    (503, "ServiceUnavailable", "later"),
]


def test_a_service_that_stumbles_does_not_end_the_watch(
    logs: Logs, sagemaker: Callable[..., Stub], capsys: pytest.CaptureFixture[str]
) -> None:
    sagemaker(DescribeProcessingJob=[*LOST, RUNNING, *LOST, RUNNING, *LOST, *LOST, DONE])
    assert follow("ctr", REGION).status == "Completed"
    assert capsys.readouterr() == ("", SHOWN)


def test_a_service_that_stays_away_ends_the_watch_and_not_the_job(
    logs: Logs, sagemaker: Callable[..., Stub], capsys: pytest.CaptureFixture[str]
) -> None:
    stub = sagemaker(DescribeProcessingJob=[RUNNING, LOST[0]])
    with pytest.raises(JobFailed) as caught:
        follow("ctr", REGION)
    assert str(caught.value) == (
        "lost sight of the job 'ctr': AWS refused DescribeProcessingJob: InternalFailure: sorry; "
        "it goes on; action=logs job.name=ctr follows it again"
    )
    assert len(stub.asked) == 1 + waiting.LOST_AFTER
    assert capsys.readouterr().err == "ctr: InProgress\n"


def test_a_lost_connection_is_waited_for_as_well(
    logs: Logs, sagemaker: Callable[..., Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LOST_AFTER", 3)
    stub = sagemaker(DescribeProcessingJob=[RUNNING, None])
    with pytest.raises(JobFailed) as caught:
        follow("ctr", REGION)
    assert str(caught.value) == (
        "lost sight of the job 'ctr': Connection was closed before we received a valid response "
        f'from endpoint URL: "{stub.address}/"; '
        "it goes on; action=logs job.name=ctr follows it again"
    )
    assert len(stub.asked) == 4


def test_credentials_that_expire_are_told_at_once(
    logs: Logs, sagemaker: Callable[..., Stub]
) -> None:
    expired = (400, "ExpiredTokenException", "The security token included is expired")
    stub = sagemaker(DescribeProcessingJob=[RUNNING, expired])
    with pytest.raises(JobFailed) as caught:
        follow("ctr", REGION)
    assert str(caught.value) == (
        "lost sight of the job 'ctr': the AWS credentials have expired (ExpiredTokenException); "
        f"{clients.HOW}; it goes on; action=logs job.name=ctr follows it again"
    )
    assert len(stub.asked) == 2


@pytest.mark.parametrize(
    ("answers", "note"),
    [
        (
            [(400, "AccessDeniedException", "not authorized")],
            "AWS refused DescribeLogStreams: AccessDeniedException: not authorized",
        ),
        ([(500, "ServiceUnavailableException", "later"), {"logStreams": []}], None),
    ],
)
def test_log_lines_that_cannot_be_read_do_not_end_the_watch(
    answers: list[Answer],
    note: str | None,
    sagemaker: Callable[..., Stub],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stub = sagemaker(DescribeProcessingJob=[RUNNING, RUNNING, DONE], DescribeLogStreams=answers)
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", stub.address)
    assert follow("ctr", REGION).status == "Completed"
    first, last = SHOWN.splitlines(keepends=True)
    told = f"log lines cannot be shown: {note}\n" if note else ""
    assert capsys.readouterr() == ("", first + told + last)
    assert len(stub.calls("DescribeLogStreams")) == (1 if note else 4)


def test_the_last_look_says_what_it_could_not_read(
    sagemaker: Callable[..., Stub],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stub = sagemaker(
        DescribeProcessingJob=[RUNNING, DONE],
        DescribeLogStreams=[(500, "ServiceUnavailableException", "later")],
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", stub.address)
    follow("ctr", REGION)
    assert capsys.readouterr().err == (
        f"{SHOWN}log lines cannot be shown: AWS refused DescribeLogStreams: "
        "ServiceUnavailableException: later\n"
    )


def test_ctrl_c_ends_the_watch_and_not_the_job(logs: Logs, sagemaker: Callable[..., Stub]) -> None:
    logs.put("one")
    stub = sagemaker(DescribeProcessingJob=[RUNNING])
    with children.started(
        [sys.executable, "run.py", "action=logs", "job.name=ctr"],
        cwd=defaults.PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "one\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err == "ctr: InProgress\ninterrupted\n"
    assert {operation for operation, _ in stub.asked} == {"DescribeProcessingJob"}


ON_A_TERMINAL = """
from headrace.targets.sagemaker import follow as waiting
waiting.POLL_SECONDS = waiting.LATE_SECONDS = 0.3
waiting.follow("ctr", "us-east-1")
"""


def test_a_terminal_gets_a_bar_with_the_state_and_then_the_progress(
    logs: Logs, sagemaker: Callable[..., Stub]
) -> None:
    stub = sagemaker(DescribeProcessingJob=[RUNNING, RUNNING, RUNNING, RUNNING, DONE])

    def job() -> None:
        seen(stub, 2)
        logs.put("a log line", "progress rows=1200 bytes=1 of=2")

    thread = threading.Thread(target=job)
    thread.start()
    ours, theirs = pty.openpty()
    done = children.run(
        [sys.executable, "-c", ON_A_TERMINAL],
        cwd=defaults.PROJECT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    os.close(theirs)
    thread.join()
    shown = b""
    with suppress(OSError):  # Linux says EIO when the other end is closed
        while chunk := os.read(ours, 65_536):
            shown += chunk
    os.close(ours)
    before, measured, after = shown.partition(b"1,200 rows")
    assert measured
    assert b"InProgress, " in before
    assert b"InProgress, " not in after
    assert b"ctr: Completed after 9 min" in shown
    assert done.stdout == b"a log line\n"
