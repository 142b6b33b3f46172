"""Shipped wheels in the container: looked at, unpacked once, and put on the path."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import pytest

from headrace.config.defaults import PROJECT
from headrace.runtime.errors import HeadraceError
from headrace.runtime.process.main import main
from headrace.runtime.process.packages import use
from headrace.runtime.spec import DATA_INPUT, PACKAGES_INPUT, under
from tests import children
from tests.runtime.jobs import job
from tests.tiny_wheels import make_wheel

Packages = dict[str, str]
Shipped = Callable[..., Packages]


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packages are unpacked; the path is afterwards what it was."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(sys, "path", [*sys.path])
    return folder


@pytest.fixture
def shipped(tmp_path: Path) -> Shipped:
    """Puts a wheel where the job finds it."""

    def ship(name: str, files: Mapping[str, str] | None = None) -> Packages:
        folder = under(tmp_path, PACKAGES_INPUT)
        folder.mkdir(parents=True, exist_ok=True)
        wheel = make_wheel(folder, name, files=files)
        return {wheel.name: hashlib.sha256(wheel.read_bytes()).hexdigest()}

    return ship


def refused(root: Path, packages: Packages) -> str:
    before = [*sys.path]
    with pytest.raises(HeadraceError) as caught:
        use(root, packages)
    assert sys.path == before
    return str(caught.value)


def test_a_package_is_first_on_the_path(tmp_path: Path, scratch: Path, shipped: Shipped) -> None:
    before = [*sys.path]
    packages = shipped("tiny_first")
    for _ in range(2):
        use(tmp_path, packages)
    (folder,) = scratch.iterdir()
    assert sys.path == [str(folder), *before]
    assert import_module("tiny_first").VERSION == "1.0"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.name.endswith(f"-{os.getuid()}")


def test_no_packages_leave_no_trace(tmp_path: Path, scratch: Path) -> None:
    before = [*sys.path]
    use(tmp_path, {})
    assert (sys.path, list(scratch.iterdir())) == (before, [])


def test_every_set_has_a_folder_of_its_own(tmp_path: Path, scratch: Path, shipped: Shipped) -> None:
    one, other = shipped("tiny_one"), shipped("tiny_other")
    use(tmp_path, one)
    use(tmp_path, one | other)
    assert sorted(len(list(folder.glob("*.py"))) for folder in scratch.iterdir()) == [1, 2]


def test_where_the_files_go(tmp_path: Path, scratch: Path, shipped: Shipped) -> None:
    data = "tiny_data-1.0.data"
    files = {
        "tiny_data/__init__.py": "",
        "tiny_data/fast.so": "machine code",
        f"{data}/purelib/tiny_pure.py": "pure",
        f"{data}/platlib/tiny_data/plat.py": "plat",
        f"{data}/scripts/tiny": "#!python",
    }
    use(tmp_path, shipped("tiny_data", files))
    (folder,) = scratch.iterdir()
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    info = {f"tiny_data-1.0.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD")}
    modules = {"__init__.py", "fast.so", "plat.py"}
    assert found == info | {f"tiny_data/{name}" for name in modules} | {"tiny_pure.py"}
    assert (folder / "tiny_data/fast.so").stat().st_mode & 0o777 == 0o755
    assert (folder / "tiny_pure.py").stat().st_mode & 0o777 == 0o644


def test_another_wheel_than_the_one_that_was_sent(
    tmp_path: Path, scratch: Path, shipped: Shipped
) -> None:
    ((name, found),) = shipped("tiny_wrong").items()
    assert refused(tmp_path, {name: "0" * 64}) == (
        f"the package {name} is not the one that was sent: its SHA-256 is {found}, and should be "
        + "0" * 64
    )
    assert list(scratch.iterdir()) == []


def test_a_wheel_that_is_missing(tmp_path: Path) -> None:
    assert refused(tmp_path, {"a.whl": ""}) == (
        "the package a.whl cannot be read (No such file or directory)"
    )


def test_what_is_no_wheel(tmp_path: Path, scratch: Path, shipped: Shipped) -> None:
    (name,) = shipped("tiny_zip")
    (under(tmp_path, PACKAGES_INPUT) / name).write_bytes(b"PK")
    packages = {name: hashlib.sha256(b"PK").hexdigest()}
    assert refused(tmp_path, packages) == (
        f"the package {name} is no wheel: File is not a zip file"
    )


@pytest.mark.parametrize("path", ["../out.py", "/out.py", "a/../../out.py", "x.data/purelib/../o"])
def test_a_file_that_leads_out(tmp_path: Path, scratch: Path, shipped: Shipped, path: str) -> None:
    packages = shipped("tiny_out", {"tiny_out.py": "", path: ""})
    (name,) = packages
    assert refused(tmp_path, packages) == (
        f"the package {name} holds {path!r}, which leads out of it"
    )
    assert list(scratch.iterdir()) == []


def test_what_has_been_tidied_away_comes_back(
    tmp_path: Path, scratch: Path, shipped: Shipped
) -> None:
    packages = shipped("tiny_tidy")
    use(tmp_path, packages)
    (folder,) = scratch.iterdir()
    (folder / "tiny_tidy.py").unlink()
    use(tmp_path, packages)
    assert list(scratch.iterdir()) == [folder]
    assert (folder / "tiny_tidy.py").exists()


@pytest.mark.parametrize("trap", ["open", "link"])
def test_a_folder_that_somebody_else_laid_out(
    tmp_path: Path, scratch: Path, shipped: Shipped, trap: str
) -> None:
    packages = shipped("tiny_trap")
    use(tmp_path, packages)
    (folder,) = scratch.iterdir()
    sys.path.remove(str(folder))
    if trap == "open":
        folder.chmod(0o777)
    else:
        folder.rename(tmp_path / "theirs")
        folder.symlink_to(tmp_path / "theirs")
    assert refused(tmp_path, packages) == (
        f"{folder}: should be a folder of this user's that nobody else can open; remove it, or "
        "set TMPDIR to another place"
    )


def test_a_disk_that_says_no(
    tmp_path: Path, scratch: Path, shipped: Shipped, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = shipped("tiny_full")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch / "none"))
    text = refused(tmp_path, packages)
    assert text.startswith(f"the packages cannot be unpacked in '{scratch}/none/headrace-packages-")
    reason = "No such file or directory"
    assert text.endswith(f"({reason}); set TMPDIR to a folder that has room for them")


def test_several_processes_at_once(tmp_path: Path, scratch: Path, shipped: Shipped) -> None:
    files = {f"tiny_race/m{number}.py": "x = 1\n" * 2000 for number in range(60)}
    packages = shipped("tiny_race", {"tiny_race/__init__.py": "", **files})
    code = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from headrace.runtime.process.packages import use\n"
        "sys.stdin.read(1)\n"
        "use(Path(sys.argv[1]), json.loads(sys.argv[2]))\n"
        "import tiny_race.m0, tiny_race.m59\n"
    )
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                children.started(
                    [sys.executable, "-c", code, str(tmp_path), json.dumps(packages)],
                    cwd=PROJECT,
                    env={**os.environ, "TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"},
                    stdin=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(6)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("g")
            process.stdin.flush()
        ended = [(each.communicate(timeout=60)[1], each.returncode) for each in processes]
    assert ended == [("", 0)] * 6
    assert len(list(scratch.iterdir())) == 1


def test_the_job_says_what_is_wrong_with_one(
    tmp_path: Path, shipped: Shipped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_ML_ROOT", str(tmp_path))
    data = under(tmp_path, DATA_INPUT)
    data.mkdir(parents=True)
    (data / "data.csv").write_text("click,a\n1,x\n")
    packages = shipped("tiny_job")
    wrong = dict.fromkeys(packages, "0" * 64)
    assert main(job(label="click", packages=packages).to_json()) == 0
    assert main(job(label="click", packages=wrong).to_json()) == 1
    told = (tmp_path / "output/message").read_text()
    assert told.startswith("the package tiny_job-1.0-py3-none-any.whl is not the one that was sent")


def test_importing_it_imports_nothing_that_may_be_shipped() -> None:
    code = (
        "import sys, headrace.runtime.process.main, headrace.runtime.process.packages\n"
        "print([name for name in ('numpy', 'pyarrow') if name in sys.modules])\n"
    )
    done = children.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
