"""Threads that nobody has to wait for."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import CancelledError

import pytest

from headrace.aws.threads import DaemonExecutor, interruptible, wait
from headrace.config.defaults import PROJECT
from tests import children


def test_calls_run_side_by_side_and_give_their_results() -> None:
    executor, all_there = DaemonExecutor(3), threading.Barrier(3)

    def call(number: int, *, factor: int) -> int:
        all_there.wait(10)
        return number * factor

    running = [executor.submit(call, number, factor=2) for number in range(3)]
    executor.shutdown()
    assert [each.result(0) for each in running] == [0, 2, 4]


def test_there_are_no_more_threads_than_wanted() -> None:
    executor = DaemonExecutor(2)
    names = [executor.submit(threading.get_ident) for _ in range(50)]
    executor.shutdown()
    assert len({each.result(0) for each in names}) <= 2


def test_what_waits_can_be_cancelled() -> None:
    executor, go_on = DaemonExecutor(1), threading.Event()
    first, second = executor.submit(go_on.wait, 10), executor.submit(int)
    executor.shutdown(wait=False, cancel_futures=True)
    executor.join(0.01)
    go_on.set()
    assert first.result(10) is True
    with pytest.raises(CancelledError):
        second.result(0)
    executor.join(10)


def test_the_first_failure_ends_the_waiting() -> None:
    executor, never = DaemonExecutor(2), threading.Event()
    running = [executor.submit(never.wait, 10), executor.submit(int, "x")]
    with pytest.raises(ValueError, match="invalid literal"):
        wait(running, lambda: None)
    never.set()


def test_whoever_waits_looks_around() -> None:
    executor, never = DaemonExecutor(1), threading.Event()
    looks = 0

    def check() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wait([executor.submit(never.wait, 10)], check)
    never.set()


def test_an_answer_can_be_given_up() -> None:
    never = threading.Event()

    def check() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interruptible(lambda: never.wait(10), check)
    never.set()
    assert interruptible(lambda: "answer", lambda: None) == "answer"
    with pytest.raises(ValueError, match="invalid literal"):
        interruptible(lambda: int("x"), lambda: None)


def test_the_interpreter_does_not_wait_for_them() -> None:
    script = (
        "import threading; from headrace.aws.threads import DaemonExecutor; "
        "DaemonExecutor(1).submit(threading.Event().wait)"
    )
    children.run([sys.executable, "-c", script], cwd=PROJECT, check=True, timeout=60)
