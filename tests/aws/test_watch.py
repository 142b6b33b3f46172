"""``action=jobs watch=true``: what is shown, which keys do what, and what is asked of SageMaker."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, OptionList, RichLog, Static

from headrace.config.compose import compose
from headrace.config.defaults import PROJECT
from headrace.errors import ConfigError
from headrace.targets.sagemaker.watch import feed, plain, screens
from headrace.targets.sagemaker.watch.app import JobsApp
from headrace.targets.sagemaker.watch.feed import Feed, Snapshot
from headrace.targets.sagemaker.watch.plain import watch_plainly
from headrace.targets.sagemaker.watch.rows import counts, jobs_of, table
from headrace.targets.sagemaker.watch.source import Source, in_a_line, sources
from tests import children
from tests.aws.conftest import Logs, Perform
from tests.aws.stub import START, Answer, Stub, description, record
from tests.moto_server import REGION
from tests.terminal.screen import Screen, read_all

HERE = Source(REGION)
THERE = Source("eu-west-1", "dev")
REFUSED = (400, "AccessDeniedException", "not authorized to perform this")


def _listed(*states: str) -> dict[str, Any]:
    """A list of jobs ``ctr-0``, ``ctr-1``, … with these states, the first one newest."""
    return {
        "ProcessingJobSummaries": [
            {
                "ProcessingJobName": f"ctr-{number}",
                "ProcessingJobArn": "arn",
                "ProcessingJobStatus": state,
                "CreationTime": START.timestamp() - number,
            }
            for number, state in enumerate(states)
        ]
    }


def _described(number: int, state: str) -> dict[str, Any]:
    created = START.timestamp() - number
    return description(state, ProcessingJobName=f"ctr-{number}", CreationTime=created)


# What is shown.


def test_jobs_of_all_sources_are_listed_newest_first_and_filtered_by_words() -> None:
    old, new = (record(ProcessingJobName=name) for name in ("old", "new"))
    failed = record("Failed", ProcessingJobName="[b]broke", CreationTime=None)
    new.answer["CreationTime"] = START + timedelta(seconds=9)
    failed.answer["CreationTime"] = START + timedelta(seconds=5)
    snapshots = [Snapshot(HERE, (old,)), Snapshot(THERE, (new, failed))]
    assert [job.name for job in jobs_of(snapshots)] == ["new", "[b]broke", "old"]
    for words, found in {
        "FAIL": ["[b]broke"],
        "eu-west completed": ["new"],
        "dev": ["new", "[b]broke"],
        "m5 east": ["old"],
        "nobody": [],
    }.items():
        assert [job.name for job in jobs_of(snapshots, words)] == found
    assert counts(jobs_of(snapshots)) == "3 jobs, 0 running"


def test_a_narrow_terminal_gets_fewer_columns() -> None:
    running = record("InProgress", ProcessingJobName="a-name-that-is-quite-long-for-a-terminal")
    jobs = jobs_of([Snapshot(HERE, (running,))])
    now = START + timedelta(hours=50)
    wide = table(jobs, [HERE, THERE], 200, None, now)
    assert wide[0] == [
        *("name", "state", "age", "took", "instances", "cost (USD)", "region", "profile"),
    ]
    assert wide[1] == [
        *("a-name-that-is-quite-long-for-a-terminal", "InProgress", "2 d", "49 h 57 min*"),
        *("1 x ml.m5.xlarge", "11.49*", REGION, "-"),
    ]
    narrow = table(jobs, [HERE], 70, None, now)
    assert narrow == [
        ["name", "state", "age", "took", "cost (USD)"],
        ["a-name-that-i…or-a-terminal", "InProgress", "2 d", "49 h 57 min*", "11.49*"],
    ]


# What is asked.


def test_what_has_not_changed_is_not_asked_for_again(sagemaker: Callable[..., Stub]) -> None:
    stub = sagemaker(
        ListProcessingJobs=[_listed("InProgress", "Completed")],
        DescribeProcessingJob=[description("InProgress", CreationTime=START.timestamp())],
    )
    known = {
        "ctr-0": record("InProgress", ProcessingJobName="ctr-0"),
        "ctr-1": record(ProcessingJobName="ctr-1"),
    }
    known["ctr-1"].answer["CreationTime"] = START - timedelta(seconds=1)
    listing = HERE.newest(None, known)
    assert [job.name for job in listing.jobs] == ["ctr-0", "ctr-1"]
    assert stub.calls("DescribeProcessingJob") == []
    stub.from_now_on("ListProcessingJobs", _listed("Completed", "Completed", "Failed"))
    HERE.newest(None, known)
    asked = [each["ProcessingJobName"] for each in stub.calls("DescribeProcessingJob")]
    assert sorted(asked) == ["ctr-0", "ctr-2"]


def test_a_service_that_refuses_is_asked_ever_less_often(
    sagemaker: Callable[..., Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    throttled = (400, "ThrottlingException", "Rate exceeded")
    page = _listed("Completed")
    sagemaker(
        ListProcessingJobs=[page, throttled, throttled, throttled, throttled, page],
        DescribeProcessingJob=[_described(0, "Completed")],
    )
    monkeypatch.setattr(feed, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(feed, "MOST_SECONDS", 0.03)
    told: list[Snapshot] = []
    asking = Feed(HERE, None, told.append)
    asking.start()
    children.until(lambda: len(told) > 3)
    asking.stop()
    asking.join(10)
    assert [each.error.rpartition(";")[0] for each in told[:4]] == [
        "",
        "SageMaker: AWS refused ListProcessingJobs: ThrottlingException: Rate exceeded",
        "SageMaker: AWS refused ListProcessingJobs: ThrottlingException: Rate exceeded",
        "",
    ]
    assert [[job.name for job in each.jobs] for each in told[:4]] == [["ctr-0"]] * 4


def test_a_region_that_there_is_not(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError) as caught:
        sources(["us-east-11"], ["nobody"])
    assert [str(problem) for problem in caught.value.problems] == [
        "regions: there is no 'us-east-11'; did you mean 'us-east-1'?",
        "profiles: there is no 'nobody'; the AWS configuration has none",
    ]
    assert sources([REGION, "eu-west-1", REGION], []) == [HERE, Source("eu-west-1")]


def test_a_profile_that_is_not_there_hides_no_other(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config"
    file.write_text("[profile ours]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "gone")
    assert sources([REGION], ["ours"]) == [Source(REGION, "ours")]
    with pytest.raises(ConfigError) as caught:
        sources(["us-east-11"], [])
    (problem,) = map(str, caught.value.problems)
    assert problem == "regions: there is no 'us-east-11'; did you mean 'us-east-1'?"


def test_an_aws_configuration_that_cannot_be_read(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _broken(tmp_path, monkeypatch)
    for regions, profiles in (([REGION], ["ours"]), (["us-east-11"], [])):
        with pytest.raises(ConfigError) as caught:
            sources(regions, profiles)
        problem = f"AWS configuration: Unable to parse config file: {file}"
        assert [str(each) for each in caught.value.problems] == [problem]


def _broken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = folder / "broken"
    file.write_text("no [ section\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    return file


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["watch=true"], "watch: is for action=jobs; leave it out"),
        (["action=jobs", "regions=[x]"], "regions: is for action=jobs watch=true; leave it out"),
        (["action=plan", "profiles=[x]"], "profiles: is for action=jobs watch=true; leave it out"),
    ],
)
def test_settings_of_the_view_are_for_the_view_alone(
    overrides: list[str], problem: str, composed: Callable[..., Any]
) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(composed(*overrides))
    assert str(caught.value) == f"1 problem in the configuration:\n  {problem}"


# Without Textual.


def test_elsewhere_than_on_a_terminal_tables_are_printed(
    sagemaker: Callable[..., Stub],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stub = sagemaker(
        ListProcessingJobs=[_listed("InProgress"), _listed("InProgress"), _listed("Completed")],
        DescribeProcessingJob=[_described(0, "InProgress"), _described(0, "Completed")],
    )
    monkeypatch.setattr(feed, "POLL_SECONDS", 0.01)
    watch_plainly([HERE], None, None, is_enough=lambda: len(stub.calls("ListProcessingJobs")) > 6)
    lines = capsys.readouterr().out.splitlines()
    first, second = [line.split() for line in lines if line.startswith("ctr-0")]
    assert [first[:2], second[:2]] == [["ctr-0", "InProgress"], ["ctr-0", "Completed"]]
    heads = [line for line in lines if line.startswith("name")]
    assert heads[0].split() == ["name", "state", "age", "took", "instances", "cost", "(USD)"]
    assert len(lines) == 6
    assert lines[2].startswith("1 job, 1 running; 20")
    assert "\x1b" not in "".join(lines)


def test_it_ends_when_nobody_reads_it(
    sagemaker: Callable[..., Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after ``| head``, whose closed pipe stdout itself does not tell of."""
    sagemaker(ListProcessingJobs=[_listed()])
    reader, writer = os.pipe()
    monkeypatch.setattr(plain, "STDOUT", writer)
    shown: list[bool] = []

    def is_enough() -> bool:
        if shown:
            os.close(reader)
        shown.append(True)
        return len(shown) > 2

    watch_plainly([HERE], None, None, is_enough=is_enough)
    os.close(writer)
    assert len(shown) == 2


def test_what_is_refused_is_a_line(
    sagemaker: Callable[..., Stub], capsys: pytest.CaptureFixture[str]
) -> None:
    sagemaker(ListProcessingJobs=[REFUSED])
    said: list[str] = []

    def is_enough() -> bool:
        said.append(capsys.readouterr().out)
        return bool(said[-1])

    watch_plainly([HERE], None, None, is_enough=is_enough)
    assert said[-1].splitlines() == [
        "us-east-1: SageMaker: AWS refused ListProcessingJobs: AccessDeniedException: "
        "not authorized to perform this; asked again in 20 s",
        "asking SageMaker …",
    ]


def test_an_error_cannot_command_the_terminal() -> None:
    assert in_a_line(OSError("red \x1b[31m\nlines")) == "OSError: red \\x1b[31m lines"
    assert str(Source("us-east-1", "a\x1bb")) == "a\\x1bb in us-east-1"


def test_ctrl_c_ends_it_with_the_status_of_an_interruption(
    submitted: Callable[..., None], tmp_path: Path
) -> None:
    submitted("ctr-1", "ctr-2")
    leader, follower = pty.openpty()
    program = [sys.executable, str(PROJECT / "run.py"), "action=jobs", "watch=true"]
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    with children.started(
        program, cwd=tmp_path, stdout=follower, stderr=follower, stdin=-3, env=environment
    ) as process:
        os.close(follower)
        text = b""
        while b"ctr-1" not in text:
            text += os.read(leader, 4096)
        process.send_signal(signal.SIGINT)
        rest = read_all(leader)
        assert process.wait(60) == 130
    head, two, one, said, end = Screen(200).fed(text.decode() + rest).lines
    assert head.startswith("name   state")
    assert [two.split()[:2], one.split()[:2]] == [["ctr-2", "Completed"], ["ctr-1", "Completed"]]
    assert said.startswith("2 jobs, 0 running; 20")
    assert end == "interrupted"


# With Textual.


def _driven(
    app: JobsApp, steps: Callable[[Pilot[None]], Awaitable[None]], width: int = 120
) -> JobsApp:
    async def drive() -> None:
        async with app.run_test(size=(width, 30)) as pilot:
            await _until(pilot, lambda: _names(app))
            await steps(pilot)

    with ThreadPoolExecutor(1) as own:  # the tests of pages have a loop that runs in this thread
        own.submit(lambda: asyncio.run(drive())).result()
    return app


async def _until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    for _ in range(3_000):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("it did not come to that")


def _names(app: JobsApp) -> list[str]:
    rows = app.screen_stack[0].query_one(DataTable)
    return [str(rows.get_row_at(place)[0]) for place in range(rows.row_count)]


def _text(app: JobsApp, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


@pytest.fixture
def service(sagemaker: Callable[..., Stub], monkeypatch: pytest.MonkeyPatch) -> Stub:
    """Two jobs, of which one runs."""
    monkeypatch.setattr(feed, "POLL_SECONDS", 0.3)
    monkeypatch.setattr(screens, "POLL_SECONDS", 0.1)
    stub = sagemaker(
        ListProcessingJobs=[_listed("InProgress", "Failed")],
        DescribeProcessingJob=[_described(0, "InProgress")],
        StopProcessingJob=[{}],
    )
    answer = stub.answer

    def by_name(operation: str, arguments: dict[str, Any]) -> Answer:
        found = answer(operation, arguments)
        return _described(1, "Failed") if arguments.get("ProcessingJobName") == "ctr-1" else found

    monkeypatch.setattr(stub, "answer", by_name)
    return stub


def test_what_is_typed_filters_at_once(service: Stub) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        assert _names(app) == ["ctr-0", "ctr-1"]
        await pilot.press("slash", *"prog")
        await _until(pilot, lambda: _names(app) == ["ctr-0"])
        await pilot.press("x")
        await _until(pilot, lambda: _names(app) == [])
        await pilot.press("s", "l")  # of the text, and nothing that happens to a job
        await pilot.press("escape")
        await _until(pilot, lambda: len(_names(app)) == 2)
        await pilot.press("question_mark")
        assert "follow the log" in _text(app, "Help Static")
        await pilot.press("escape", "q")

    app = JobsApp([HERE])
    assert _driven(app, steps).return_code == 0
    assert service.calls("StopProcessingJob") == []


def test_a_job_is_stopped_after_a_question(service: Stub) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        for key in ("n", "escape", "enter"):
            await pilot.press("s")
            assert _text(app, "Confirmation Static").startswith("Stop ctr-0 (us-east-1)?\n")
            await pilot.press(key)
        assert service.calls("StopProcessingJob") == []
        service.from_now_on("DescribeProcessingJob", _described(0, "Stopping"))
        await pilot.press("s", "y")
        said = "ctr-0: is being stopped, which takes up to two minutes"
        await _until(pilot, lambda: _text(app, "#said") == said)
        assert service.calls("StopProcessingJob") == [{"ProcessingJobName": "ctr-0"}]
        service.from_now_on("StopProcessingJob", REFUSED)
        await pilot.press("s", "y")
        refused = "SageMaker: AWS refused StopProcessingJob: AccessDeniedException: not authorized"
        await _until(pilot, lambda: _text(app, "#said").startswith(refused))
        await pilot.press("ctrl+c")

    app = JobsApp([HERE])
    assert _driven(app, steps).return_code == 130


def test_the_log_of_a_job_is_followed_to_its_end(service: Stub, logs: Logs) -> None:
    logs.put("one [b]of[/b] \x1b[31mmany\x1b[0m", job="ctr-0")

    async def steps(pilot: Pilot[None]) -> None:
        def shown() -> list[str]:
            return [line.text.rstrip() for line in app.screen.query_one(RichLog).lines]

        await pilot.press("enter")
        await _until(pilot, lambda: shown() == ["one [b]of[/b] many"])
        service.from_now_on("DescribeProcessingJob", REFUSED)
        logs.put("two", at=1, job="ctr-0")
        await _until(pilot, lambda: shown()[1:] == ["two"])
        await _until(pilot, lambda: "DescribeProcessingJob" in _text(app, "#wrong"))
        logs.put("last", at=2, job="ctr-0")
        service.from_now_on("DescribeProcessingJob", _described(0, "Completed"))
        await _until(pilot, lambda: _text(app, "#title").endswith("Completed, 3 lines"))
        await pilot.press("escape", "d")
        await _until(pilot, lambda: "ml.m5.xlarge" in _text(app, "#lines"))
        await pilot.press("escape", "q")

    app = JobsApp([HERE])
    _driven(app, steps)


def test_regions_are_chosen_and_errors_are_lines(
    service: Stub, aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("r", *"eu-n", "space")
        names = app.screen.query_one(OptionList)
        assert str(names.get_option_at_index(0).prompt) == "✓ eu-north-1"
        await pilot.press("enter")
        await _until(pilot, lambda: len(_names(app)) == 4)
        assert _text(app, "#head").endswith("us-east-1, eu-north-1")
        service.from_now_on("ListProcessingJobs", REFUSED)
        await _until(pilot, lambda: _text(app, "#said").count("AccessDeniedException") == 2)
        assert _text(app, "#said").startswith("us-east-1: SageMaker: AWS refused ListProcessingJob")
        assert len(_names(app)) == 4  # those of the last answer
        await pilot.press("p")
        assert _text(app, "#said").endswith("there are no profiles; 'aws configure' makes them")
        file = _broken(tmp_path, monkeypatch)
        for key in "rp":
            await pilot.press(key)
            assert _text(app, "#said").endswith(f": Unable to parse config file: {file}")
        await pilot.press("q")

    app = JobsApp([HERE])
    assert _driven(app, steps, width=70).return_code == 0


def test_the_action_takes_the_plain_view_without_a_terminal(
    service: Stub, perform: Perform, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    name = "headrace.targets.sagemaker.control.watch_plainly"
    monkeypatch.setattr(name, lambda *given: asked.extend(given))
    perform("action=jobs", "watch=true", "job.name=ctr", "regions=[eu-west-1]")
    assert asked == [[Source("eu-west-1")], "ctr", None, ""]
