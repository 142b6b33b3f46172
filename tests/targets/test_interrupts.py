"""Which signals a job catches, and that it gives them back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from headrace.runtime.process.signals import SIGNALS
from headrace.targets.shutdown.interrupts import Interrupts


@pytest.fixture(autouse=True)
def as_on_a_terminal() -> Iterator[None]:
    """None of them is ignored, as some are under ``nohup``."""
    before = {each: signal.getsignal(each) for each in SIGNALS}
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def handlers() -> list[Any]:
    return [signal.getsignal(each) for each in SIGNALS]


def test_they_are_given_back() -> None:
    before = handlers()
    with Interrupts().caught():
        assert all(now is not then for now, then in zip(handlers(), before, strict=True))
    assert handlers() == before


def test_the_main_thread_passes_them_on_to_jobs_in_others() -> None:
    started, seen = threading.Event(), threading.Event()

    def work() -> None:
        with Interrupts().caught() as interrupts:
            interrupts.tell(seen.set)
            started.set()
            assert seen.wait(30)
            interrupts.check()

    def interrupted() -> None:
        with ThreadPoolExecutor(1) as pool, Interrupts().caught():
            job = pool.submit(work)
            assert started.wait(30)
            signal.raise_signal(signal.SIGINT)
            assert isinstance(job.exception(), KeyboardInterrupt)

    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_outside_the_main_thread_none_is_caught() -> None:
    def seen() -> list[Any]:
        with Interrupts().caught():
            return handlers()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(seen).result() == handlers()


def test_one_that_a_program_around_python_handles_is_left_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda _: None)
    caught = []
    monkeypatch.setattr(signal, "signal", lambda *given: caught.append(given))
    with Interrupts().caught():
        pass
    assert caught == []
