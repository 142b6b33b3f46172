"""An interpreter that waits for a command: it takes what fits, and is never left behind."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import annotated_types
import pytest

from headrace import targets
from headrace.targets.local import early, start
from headrace.targets.local.early import INTERPRETER, PYTHONS, EarlyInterpreter, passed_on
from headrace.targets.local.start import SOURCES
from tests import children

MAIN = """
import json, os, sys
ready = [name for name in ("numpy", "pyarrow") if name in sys.modules]
print(json.dumps([sys.argv, os.getcwd(), dict(os.environ), sys.stdin.read(), ready]))
"""


PACKAGE = """
import json, sys
import headrace.runtime.spec, headrace.runtime.process.execute
from headrace.runtime.plugins.roots import SHIPPED
NAMES = ("headrace", "annotated_types")
ours = {name: module for name, module in sys.modules.items() if name.startswith(NAMES)}
places = {place for each in ours.values() for place in (each.__spec__.origin, each.__file__)}
paths = [path for each in ours.values() for path in getattr(each, "__path__", [])]
code = headrace.runtime.spec.under.__code__.co_filename
mine = getattr(headrace.runtime.spec, "MINE", None)
print(json.dumps([sorted(ours), sorted(places), paths, str(SHIPPED), code, mine]))
"""


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[EarlyInterpreter]:
    with zipfile.ZipFile(tmp_path / "entry.pyz", "w") as archive:
        archive.writestr("__main__.py", MAIN)
    interpreter = EarlyInterpreter(os.environ)
    yield interpreter
    interpreter.end()
    assert interpreter.process.returncode is not None


def variables(**more: str) -> dict[str, str]:
    return {**passed_on(os.environ), **PYTHONS, "HEADRACE_THREADS": "1", **more}


def test_it_runs_a_command_as_a_new_one_would(waiting: EarlyInterpreter, tmp_path: Path) -> None:
    command = [*INTERPRETER, str(tmp_path / "entry.pyz"), "word"]
    assert waiting.takes(command, variables(), tmp_path)
    out, err = waiting.process.communicate(timeout=children.LIMIT_SECONDS)
    assert (waiting.process.returncode, err) == (0, b"")
    *seen, ready = json.loads(out)
    done = children.run(
        command, env={**variables(), **waiting.mark}, cwd=tmp_path, input=b"", capture_output=True
    )
    assert seen == json.loads(done.stdout)[:-1]
    assert ready == ["numpy", "pyarrow"]


@pytest.mark.parametrize("added", ["", "MINE = 1\n"])
def test_its_modules_are_those_of_the_script(
    waiting: EarlyInterpreter, tmp_path: Path, added: str
) -> None:
    script = tmp_path / "entry.pyz"
    with zipfile.ZipFile(script, "w") as archive:
        archive.writestr("__main__.py", PACKAGE)
        archive.write(annotated_types.__file__, "annotated_types/__init__.py")
        for file in [
            SOURCES / "headrace/__init__.py",
            *(SOURCES / "headrace/runtime").rglob("*.py"),
        ]:
            text = file.read_text() + (added if file.name == "spec.py" else "")
            archive.writestr(str(file.relative_to(SOURCES)), text)
    command = [*INTERPRETER, str(script)]
    assert waiting.takes(command, variables(), tmp_path)
    out, err = waiting.process.communicate(timeout=children.LIMIT_SECONDS)
    assert (waiting.process.returncode, err) == (0, b"")
    names, places, paths, shipped, code, mine = json.loads(out)
    assert {place.startswith(f"{script}/") for place in [*places, *paths]} == {True}
    assert shipped == f"{script}/headrace/shipped"
    spec = "headrace/runtime/spec.py"
    assert (code, mine) == ((f"{script}/{spec}", 1) if added else (str(SOURCES / spec), None))
    assert set(start.RUNTIME) <= set(names) if not added else start.RUNTIME[-1] not in names


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ([sys.executable, "entry.pyz"], {}),
        (["sh", "-P", INTERPRETER[2], "entry.pyz"], {}),
        ([*INTERPRETER, "entry.pyz"], {"OPENBLAS_NUM_THREADS": "7"}),
        ([*INTERPRETER, "entry.pyz"], {"MINE": "1"}),
    ],
)
def test_it_refuses_what_wants_another_interpreter(
    waiting: EarlyInterpreter, tmp_path: Path, command: list[str], more: dict[str, str]
) -> None:
    assert not waiting.takes(command, variables(**more), tmp_path)


def test_one_that_has_ended_takes_nothing(waiting: EarlyInterpreter, tmp_path: Path) -> None:
    waiting.process.kill()
    waiting.process.wait()
    assert not waiting.takes([*INTERPRETER, "entry.pyz"], variables(), tmp_path)


def test_it_ends_with_who_started_it(waiting: EarlyInterpreter) -> None:
    assert waiting.process.stdin is not None
    waiting.process.stdin.close()  # as the system does
    waiting.process.stdin = None
    assert waiting.process.wait(children.LIMIT_SECONDS) == 0


def test_a_job_elsewhere_has_none_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = Mock(uses_this_python=False)
    monkeypatch.setattr(targets, "find", lambda _: elsewhere)
    early.begin()
    (interpreter,) = early._waiting
    targets.run(Mock(), Mock())
    assert interpreter.process.returncode is not None
    elsewhere.run.assert_called_once()


def test_nothing_waits_any_more_afterwards() -> None:
    early.begin()
    (interpreter,) = early._waiting
    assert interpreter.process.poll() is None
    early.end()
    assert interpreter.process.returncode is not None
    assert early.taken() is None
