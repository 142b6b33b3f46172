"""An entry script that runs with byte code of this installation does what Python alone does."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from headrace.targets.local import start
from tests import children

MAIN = """
import json, sys
from headrace import given
from transforms import own

job = __loader__.get_data("job.json").decode()
values = [given.VALUE, own.VALUE, given.f.__code__.co_filename]
files = [given.__file__, own.__file__, sys.path[0]]
print(json.dumps([__name__, job, sys.argv, files, *values]))
sys.exit(3)
"""
GIVEN = "VALUE = 1\n\n\ndef f() -> None: ...\n"


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A folder with the package and the program that starts scripts, in its place."""
    folder = tmp_path / "installation"
    program = folder / Path(start.__file__).relative_to(start.SOURCES)
    program.parent.mkdir(parents=True)
    program.write_bytes(Path(start.__file__).read_bytes())
    (folder / "headrace/given.py").write_text(GIVEN)
    return program


def ran(tmp_path: Path, *before: str, given: str = GIVEN) -> Any:
    script = tmp_path / "entry.pyz"
    files = {
        "__main__.py": MAIN,
        "job.json": "{}",
        "headrace/__init__.py": "",
        "headrace/given.py": given,
        "transforms/__init__.py": "",
        "transforms/own.py": "VALUE = 2\n",
    }
    with zipfile.ZipFile(script, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    done = children.run(
        [sys.executable, *before, str(script), "word"],
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 3
    return json.loads(done.stdout)


def test_a_script_finds_what_python_gives_it(tmp_path: Path, installation: Path) -> None:
    *alone, _ = ran(tmp_path)
    *started, code_of = ran(tmp_path, "-P", str(installation))
    assert started == alone
    assert code_of == str(installation.parents[2] / "given.py")


def test_what_is_compiled_is_taken(tmp_path: Path, installation: Path) -> None:
    before = ran(tmp_path, "-P", str(installation))
    (compiled,) = (installation.parents[2] / "__pycache__").glob("given.*.pyc")
    content = compiled.read_bytes()
    stamp = compiled.stat().st_mtime_ns
    assert ran(tmp_path, "-P", str(installation)) == before
    assert (compiled.read_bytes(), compiled.stat().st_mtime_ns) == (content, stamp)


@pytest.mark.parametrize("folder", ["transforms", "installation/headrace/shipped/transforms"])
def test_so_are_transforms(tmp_path: Path, installation: Path, folder: str) -> None:
    """Those of a checkout, and those that are installed."""
    before = ran(tmp_path, "-P", str(installation))
    place = tmp_path / folder
    place.mkdir(parents=True)
    (place / "own.py").write_text("VALUE = 2\n")
    assert ran(tmp_path, "-P", str(installation)) == before
    assert [path.name.partition(".")[0] for path in place.glob("__pycache__/*")] == ["own"]


@pytest.mark.parametrize("elsewhere", ["VALUE = 5\n", None])
def test_another_text_is_compiled_from_the_script(
    tmp_path: Path, installation: Path, elsewhere: str | None
) -> None:
    file = installation.parents[2] / "given.py"
    if elsewhere is None:
        file.unlink()
    else:
        file.write_text(elsewhere)
    *_, given, own, code_of = ran(tmp_path, "-P", str(installation))
    assert (given, own) == (1, 2)
    assert code_of == str(tmp_path / "entry.pyz/headrace/given.py")


@pytest.mark.parametrize("first", [True, False], ids=["checkout", "installed"])
def test_what_is_imported_early_hides_nothing_of_pythons(
    monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    """``site-packages`` may hold modules that are called as Python's own."""
    before, seen = [] if first else ["python", str(start.SOURCES)], []
    monkeypatch.setattr(sys, "path", list(before))
    monkeypatch.setattr(start, "RUNTIME", ("a",))
    monkeypatch.setattr(start, "_imported", dict)
    monkeypatch.setattr(importlib, "import_module", lambda _: seen.append(list(sys.path)))
    assert start._import() == {}
    assert (seen, sys.path) == ([[str(start.SOURCES)] if first else before], before)
