"""The shim does what it is told, and nothing to anybody else."""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path

import pytest

from tests import children
from tests.faults.cases import Workshop
from tests.faults.shim import Control, Plan

CALLS = {
    "write": ("os.write(os.open('a', os.O_WRONLY), b'four')", "Path('a').write_text('four')"),
    "sync": ("os.fsync(os.open('a', os.O_RDONLY))", "os.fdatasync(os.open('a', os.O_WRONLY))"),
    "rename": ("os.rename('a', 'b')", "os.replace('a', 'b')", "os.link('a', 'b')"),
    "noreplace": ("ctypes.CDLL(None, use_errno=True).renameat2(-100, b'a', -100, b'b', 1)",),
    "make": ("os.mkdir('b')", "os.symlink('a', 'b')", "Path('b/c').mkdir(parents=True)"),
    "open": ("os.open('b', os.O_CREAT | os.O_WRONLY)", "tempfile.NamedTemporaryFile(dir='.')"),
    "close": ("open('a', 'a').close()", "os.close(os.open('a', os.O_WRONLY))"),
    "remove": ("os.unlink('a')", "os.rmdir('empty')", "shutil.rmtree('empty')"),
}
COPY = "shutil.copyfile('a', 'b')"
TOLD = """
import ctypes, os, shutil, subprocess, sys, tempfile
from pathlib import Path
try:
    {}
    sys.exit(ctypes.get_errno())
except OSError as error:
    sys.exit(error.errno)
"""


@pytest.fixture
def disk(root: Path) -> Path:
    disk = root / "disk"
    (disk / "empty").mkdir(parents=True)
    (disk / "a").write_text("as it was")
    return disk


def run(shop: Workshop, disk: Path, code: str, plan: Plan | None) -> tuple[int, Control]:
    """Run some code in the folder; its status is the errno that it met."""
    control = Control.new(disk.parent / "control")
    environment = {**os.environ, **control.environment(shop.library, disk, plan)}
    command = [sys.executable, "-c", TOLD.format(code.replace("\n", "\n    "))]
    done = children.run(command, cwd=disk, env=environment, check=False, timeout=60)
    return done.returncode, control


@pytest.mark.parametrize(
    ("kind", "code"), [(kind, code) for kind, codes in CALLS.items() for code in codes]
)
def test_the_first_call_fails(shop: Workshop, disk: Path, kind: str, code: str) -> None:
    plan = Plan("client", kind, 1, "fail", errno.EIO)
    status, control = run(shop, disk, code, plan)
    assert (status, control.fired) == (errno.EIO, True)


@pytest.mark.parametrize(
    ("kind", "code"), [(kind, code) for kind, codes in CALLS.items() for code in codes]
)
def test_without_a_plan_calls_are_counted_only(
    shop: Workshop, disk: Path, kind: str, code: str
) -> None:
    status, control = run(shop, disk, code, None)
    assert (status, control.fired) == (0, False)
    assert control.seen("client", kind) >= 1


def test_a_copy_that_the_kernel_makes_is_a_write(shop: Workshop, disk: Path) -> None:
    status, control = run(shop, disk, COPY, Plan("client", "write", 1, "fail", errno.ENOSPC))
    assert (status, control.fired) == (errno.ENOSPC, True)


def test_only_the_planned_call_fails(shop: Workshop, disk: Path) -> None:
    code = "os.mkdir('one')\ntry: os.mkdir('two')\nexcept OSError: os.mkdir('three')"
    status, control = run(shop, disk, code, Plan("client", "make", 2, "fail", errno.EACCES))
    assert (status, control.seen("client", "make")) == (0, 3)
    assert sorted(path.name for path in disk.iterdir()) == ["a", "empty", "one", "three"]


@pytest.mark.parametrize("neighbour", ["../disk2", "../other", "../../disk"])
def test_other_folders_are_left_alone(shop: Workshop, disk: Path, neighbour: str) -> None:
    plan = Plan("client", "any", 1, "fail", errno.EIO)
    status, control = run(shop, disk, f"os.mkdir({str((disk / neighbour).resolve())!r})", plan)
    assert (status, control.seen("client", "any")) == (0, 0)


def test_a_full_disk_takes_half_of_a_write_and_nothing_more(shop: Workshop, disk: Path) -> None:
    full = Plan("client", "write", 2, "fail", errno.ENOSPC, ("write", "make"))
    code = (
        "file = os.open('b', os.O_CREAT | os.O_WRONLY)\n"
        "assert os.write(file, b'123456') == 6\n"
        "assert os.write(file, b'123456') == 3\n"
        "os.rename('a', 'c')\n"
        "try: os.mkdir('d')\n"
        "except OSError: os.write(file, b'456')"
    )
    assert run(shop, disk, code, full)[0] == errno.ENOSPC
    assert (disk / "b").read_text() == "123456123"
    assert (disk / "c").exists()
    assert not (disk / "d").exists()


def test_close_closes_all_the_same(shop: Workshop, disk: Path) -> None:
    code = "file = os.open('a', os.O_WRONLY)\ntry: os.close(file)\nexcept OSError: os.fstat(file)"
    plan = Plan("client", "close", 1, "fail", errno.EIO)
    assert run(shop, disk, code, plan)[0] == errno.EBADF


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_comes_before_the_call(shop: Workshop, disk: Path, number: int) -> None:
    plan = Plan("client", "any", 2, "signal self", number)
    status, control = run(shop, disk, "os.mkdir('b')\nos.rename('a', 'c')", plan)
    assert (status, control.fired) == (-number, True)
    assert sorted(path.name for path in disk.iterdir()) == ["a", "b", "empty"]


def test_a_signal_comes_in_the_middle_of_a_write(shop: Workshop, disk: Path) -> None:
    plan = Plan("client", "write", 1, "signal self", signal.SIGKILL)
    assert run(shop, disk, "Path('a').write_text('abcdef')", plan)[0] == -signal.SIGKILL
    assert (disk / "a").read_text() == "abc"


def child(call: str) -> str:
    """Code that runs some other code in a process with an empty environment."""
    command = f"[sys.executable, '-c', 'import os; {call}']"
    return f"assert subprocess.run({command}, env={{}}).returncode == 0"


def test_children_are_counted_apart_whatever_environment_they_get(
    shop: Workshop, disk: Path
) -> None:
    makes = [child(f'os.mkdir("{name}")') for name in "bc"]
    status, control = run(shop, disk, "\n".join(("os.mkdir('d')", *makes)), None)
    assert status == 0
    assert (control.seen("client", "make"), control.seen("child", "make")) == (1, 2)


def test_a_child_can_have_the_client_get_a_signal(shop: Workshop, disk: Path) -> None:
    plan = Plan("child", "make", 1, "signal client", signal.SIGTERM)
    assert run(shop, disk, child('os.mkdir("b")'), plan)[0] == -signal.SIGTERM
