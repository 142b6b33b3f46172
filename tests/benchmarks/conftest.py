"""A benchmark's command, whose figures nobody asks for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.measure import Measurement

Printed = Callable[..., str]


@pytest.fixture
def printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Printed:
    """What a benchmark prints; it measures each of its commands once, memory and time together."""
    known: dict[str, Measurement] = {}
    measure = run._run

    def measured_once(line: run.Command, folder: Path, *, memory: bool) -> Measurement:
        if line.name not in known:
            known[line.name] = measure(line, folder, memory=memory)
        return known[line.name]

    def printed(main: Callable[[], None], *arguments: str) -> str:
        monkeypatch.setattr(run, "_run", measured_once)
        monkeypatch.setattr(sys, "argv", ["benchmark", f"--folder={tmp_path}", *arguments])
        main()
        return capsys.readouterr().out

    return printed
