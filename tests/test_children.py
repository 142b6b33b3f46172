"""No test waits for ever, and none depends on what the shell that started it ignores."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import children

HERE = Path(__file__).parent
OWN_WAYS = {
    *("children.py", "moto_server.py", "engine/engine.py"),
    "warm.py",  # starts its process by children; what it forks has a limit
    "runtime/test_main.py",  # its fixture kills what it has started
}
"""Modules that start processes by themselves, and end them."""
IGNORING = """
import signal, sys
sys.path.insert(0, sys.argv[1])
signal.signal(signal.SIGINT, signal.SIG_IGN)
from tests import children
asked = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
print(children.run([sys.executable, "-c", asked], capture_output=True, text=True).stdout)
"""


def test_every_test_starts_processes_by_way_of_children() -> None:
    found = []
    for file in sorted(HERE.rglob("*.py")):
        name = file.relative_to(HERE).as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("subprocess."):
                found += [f"{name}:{node.lineno}"] if name not in OWN_WAYS else []
    assert not found, f"use tests.children, which has a limit: {', '.join(found)}"


def test_a_child_that_does_not_end_is_killed_with_its_children_and_the_error_tells_them() -> None:
    hanging = ["/bin/sh", "-c", "echo about to wait; sleep 61; true"]
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        children.run(hanging, capture_output=True, timeout=2)
    lines = caught.value.__notes__[0].splitlines()
    assert lines[0] == "its processes (state, command):"
    assert [line.split(maxsplit=2)[2] for line in lines[1:3]] == [" ".join(hanging), "sleep 61"]
    assert lines[3:] == ["the end of its stdout:", "about to wait"]
    pids = {int(line.split()[0]) for line in lines[1:3]}
    children.until(lambda: not children.alive(pids))


def test_a_child_that_is_left_running_is_killed() -> None:
    with children.started([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        assert process.poll() is None
    assert process.returncode == -signal.SIGKILL


def test_a_child_obeys_what_its_parent_ignores() -> None:
    command = [sys.executable, "-c", IGNORING, str(HERE.parent)]
    assert children.run(command, capture_output=True, text=True).stdout.split() == ["True"]
