"""A program at the absolute paths of its request, as root and as an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from textwrap import dedent
from typing import Any

import pytest

from headrace.aws.request import RequestView
from headrace.errors import ConfigError
from headrace.targets.local.private_root import enter
from headrace.targets.local.private_root.access import cannot_borrow, refusal
from headrace.targets.local.private_root.command import Known, PrivateRoot
from headrace.targets.local.private_root.layers import Layers
from headrace.targets.local.private_root.program import check_program
from tests import children

pytestmark = pytest.mark.skipif(
    refusal() is not None, reason="mount namespaces are forbidden on this machine"
)
WALK = """
    import os
    for folder, _, names in os.walk("/opt/ml/processing/input/data"):
        print(folder[len("/opt/ml/processing/input/data"):], sorted(names))
"""
USER = 54_321
"""An ordinary user, for tests that run as root; the kernel needs no entry in /etc/passwd."""
DATA = PurePosixPath("/opt/ml/processing/input/data")
TRAIN = "/opt/ml/processing/output/train"


@dataclass
class Job:
    """A folder with all that a private root needs, and whose it is."""

    folder: Path
    python: str
    options: dict[str, Any]
    inputs: list[Layers] = field(default_factory=list)
    place: str = "/opt/ml"
    outputs: str = TRAIN
    borrows: bool = False
    count: int = 0

    def root(self, script: str, argv: tuple[str, ...]) -> tuple[PrivateRoot, tuple[str, ...]]:
        self.count += 1
        ml = self.folder / "scratch-1" / f"algo-{self.count}"
        (ml / "processing/output/train").mkdir(parents=True)
        (self.folder / "script.py").write_text(dedent(script))
        private = self.folder / f"algo-{self.count}.private"
        root = PrivateRoot(ml, private, self.inputs, (self.outputs,), self.place, self.borrows)
        argv = argv or (self.python, str(self.folder / "script.py"))
        _, *rest = root.command(argv, {"PATH": "/usr/bin:/bin", "MINE": "1"})
        rest[rest.index(enter.__file__)] = str(self.folder / "enter.py")
        if self.options:
            for path in [ml.parent, ml, *ml.rglob("*"), private, *private.rglob("*")]:
                os.chown(path, USER, USER, follow_symlinks=False)
        return root, (self.python, *rest)

    def run(
        self, script: str, *argv: str
    ) -> tuple[subprocess.CompletedProcess[str], PrivateRoot, Known]:
        root, words = self.root(script, argv)
        done = children.run(words, capture_output=True, text=True, **self.options)
        return done, root, root.known()

    def started(self, script: str) -> AbstractContextManager[subprocess.Popen[str]]:
        _, words = self.root(script, ())
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return children.started(words, start_new_session=True, **pipes, **self.options)

    def data(self, **files: str) -> Path:
        folder = self.folder / "data"
        folder.mkdir()
        for name, content in files.items():
            (folder / f"{name}.txt").write_text(content)
        return folder


@pytest.fixture(params=["root", "user"])
def job(request: pytest.FixtureRequest) -> Iterator[Job]:
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("needs root")
    folder = Path(tempfile.mkdtemp(prefix="headrace-test-"))
    folder.chmod(0o755)  # pytest's own are for one user
    shutil.copy(enter.__file__, folder / "enter.py")
    options: dict[str, Any] = {}
    python = sys.executable
    if request.param == "user" and os.geteuid() == 0:
        options = {"user": USER, "group": USER, "extra_groups": []}
        python = _python_for_all()
    yield Job(folder, python, options)
    shutil.rmtree(folder)
    assert not folder.exists()


def _python_for_all() -> str:
    for each in (sys.executable, "/usr/bin/python3"):
        command = [each, "-I", "-S", "-c", "import sys; sys.exit(sys.version_info < (3, 9))"]
        try:
            if children.run(command, user=USER, group=USER, cwd="/").returncode == 0:
                return each
        except PermissionError:
            continue
    pytest.skip("an ordinary user can run no Python here")


def test_the_program_finds_its_files_where_the_request_says(job: Job) -> None:
    job.inputs.append(Layers(DATA, (job.data(a="content"),)))
    done, root, ended = job.run("""
        import os
        text = open("/opt/ml/processing/input/data/a.txt").read()
        open("/opt/ml/processing/output/train/b.txt", "w").write(text + os.environ["MINE"])
        print(os.getcwd(), sorted(os.environ.keys() - {"LC_CTYPE"}), os.getuid())
    """)
    user = job.options.get("user", os.geteuid())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"/ ['MINE', 'PATH'] {user}\n"
    written = root.ml / "processing/output/train/b.txt"
    assert (written.read_text(), written.stat().st_uid) == ("content1", user)
    assert (ended.error, ended.strays) == ("", ())
    assert ended.peak_memory_mb > 1
    assert ended.cpu_seconds > 0


def test_the_rest_of_the_machine_is_as_it_is(job: Job) -> None:
    before = _above()
    done, _, _ = job.run("""
        import json, os
        print(json.dumps([sorted(set(os.listdir(each)) - {"ml"}) for each in ("/", "/opt")]))
        print(json.dumps(sorted(os.listdir("/opt/ml/processing/output"))))
        print(os.stat("/etc/passwd").st_ino, os.path.exists(f"/proc/{os.getpid()}/status"))
    """)
    seen, outputs, others = done.stdout.splitlines()
    assert json.loads(seen) == [[name for name in each if name != "ml"] for each in before]
    assert json.loads(outputs) == ["train"]
    assert others == f"{Path('/etc/passwd').stat().st_ino} True"
    assert _above() == before


def _above() -> list[list[str]]:
    return [sorted(path.name for path in Path(folder).iterdir()) for folder in ("/", "/opt")]


def test_what_the_program_changes_of_its_input_stays_with_it(job: Job) -> None:
    folder = job.data(a="as it was", b="too")
    if job.options:
        for path in (folder, *folder.iterdir()):
            os.chown(path, USER, USER)
    job.inputs.append(Layers(DATA, (folder,)))
    done, root, _ = job.run("""
        import os
        os.chdir("/opt/ml/processing/input/data")
        open("a.txt", "a").write(" changed")
        os.unlink("b.txt")
        open("new.txt", "w").write("new")
        print(open("a.txt").read(), sorted(os.listdir()))
    """)
    assert done.stdout == "as it was changed ['a.txt', 'new.txt']\n"
    assert {file.name: file.read_text() for file in folder.iterdir()} == {
        "a.txt": "as it was",
        "b.txt": "too",
    }
    assert list((root.ml / "processing/input/data").iterdir()) == []


@pytest.mark.parametrize("with_overlay", [True, False])
def test_what_is_hidden_of_an_input_is_not_there(job: Job, *, with_overlay: bool) -> None:
    folder = job.data(a="a", b="b")
    (folder / "deep/other").mkdir(parents=True)
    (folder / "deep/c.txt").write_text("c")
    (folder / "deep/other/d.txt").write_text("d")
    above = job.folder / "above"
    above.mkdir()
    (above / "e.txt").write_text("e")
    job.inputs.append(Layers(DATA, (above, folder), hidden=("b.txt", "deep/other")))
    root, words = job.root(WALK, ())
    if not with_overlay:
        shutil.rmtree(root.folder / "inputs/0/work")
    done = children.run(words, capture_output=True, text=True, **job.options)
    assert (done.stdout, done.stderr) == (" ['a.txt', 'e.txt']\n/deep ['c.txt']\n", "")
    assert (folder / "deep/other/d.txt").read_text() == "d"


def test_the_user_may_have_no_folder_above(job: Job) -> None:
    job.place = "/headrace-has-no-such-folder/ml"
    job.outputs = "/headrace-has-no-such-folder/ml/processing/output/train"
    done, root, _ = job.run("open('/headrace-has-no-such-folder/ml/a.txt', 'w').write('a')")
    assert (done.returncode, done.stderr) == (0, "")
    assert (root.ml / "a.txt").read_text() == "a"
    assert not Path("/headrace-has-no-such-folder").exists()


def test_files_elsewhere_are_told_of(job: Job) -> None:
    done, _, ended = job.run("""
        import os
        open("relative.txt", "w").write("x")
        os.mkdir("/opt/tool")
    """)
    assert (done.returncode, done.stderr) == (0, "")
    assert ended.strays == ("/relative.txt", "/opt/tool")
    assert not Path("/opt/tool").exists()


@pytest.mark.parametrize(
    ("last_line", "status"),
    [
        ("sys.exit(7)", 7),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        ("os.abort()", -signal.SIGABRT),
    ],
)
def test_it_ends_as_its_program_does(job: Job, last_line: str, status: int) -> None:
    done, _, _ = job.run(f"import os, signal, sys\n{last_line}")
    assert (done.returncode, done.stderr) == (status, "")


def test_it_passes_on_what_asks_it_to_end(job: Job) -> None:
    script = """
        import signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
        print("ready", flush=True)
        signal.pause()
    """
    with job.started(script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGTERM)
        assert process.communicate(timeout=60) == ("", "asked to end\n")
        assert process.returncode == 1


LEAVES_SOMETHING = """
    import os, subprocess, sys, time
    hidden = subprocess.Popen(["sleep", "1000"], start_new_session=True, env={"PATH": "/bin"})
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    os.wait()
    print("ready", flush=True)
    LAST
"""


def test_nothing_outlives_the_program(job: Job) -> None:
    with job.started(LEAVES_SOMETHING.replace("LAST", "sys.stdin = open('/dev/null')")) as process:
        assert process.communicate(timeout=60) == ("ready\n", "")  # nobody holds the pipes
    assert process.returncode == 0


@pytest.mark.parametrize("victim", [0, 1, 2])
def test_nothing_is_left_after_a_kill(job: Job, victim: int) -> None:
    with job.started(LEAVES_SOMETHING.replace("LAST", "time.sleep(1000)")) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        below = children.below(process.pid)
        assert len(below) == 4  # the first process, the program, and what it has left
        os.kill(sorted([process.pid, *below])[victim], signal.SIGKILL)
        process.wait(60)
        children.until(lambda: not children.alive(below))
    assert str(job.folder) not in Path("/proc/self/mountinfo").read_text()


def test_two_at_once_do_not_see_each_other(job: Job) -> None:
    script = """
        import os, sys
        print("ready", flush=True)
        open("/opt/ml/mine", "w").close()
        sys.stdin.readline()
        print(os.listdir("/opt/ml/processing/output/train"), os.getpid())
    """
    job.options["stdin"] = subprocess.PIPE
    with job.started(script) as one, job.started(script) as other:
        for each, ml in ((one, "algo-1"), (other, "algo-2")):
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
            (job.folder / "scratch-1" / ml / "processing/output/train" / ml).touch()
        assert one.communicate("\n", timeout=60)[0] == "['algo-1'] 2\n"
        assert other.communicate("\n", timeout=60)[0] == "['algo-2'] 2\n"


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("/opt/ml/processing/no-such-program", "No such file or directory"),
        ("/etc/passwd", "Permission denied"),
    ],
)
def test_a_program_that_cannot_be_started(job: Job, program: str, why: str) -> None:
    done, _, ended = job.run("", program)
    assert done.stderr == ""
    assert done.returncode != 0
    assert ended.error == f"{program!r} cannot be started here: {why}"


def test_outputs_can_be_moved_from_outside(job: Job) -> None:
    job.inputs.append(Layers(DATA, (job.data(a="content"),)))
    done, root, _ = job.run("""
        import os, socket
        os.chdir("/opt/ml/processing/output/train")
        open(".headrace-0", "w").close()
        os.symlink("/opt/ml/processing/input/data/a.txt", "link.txt")
        os.symlink("/opt/ml/processing/no-such-file", "nowhere")
        os.symlink("/opt/ml/processing/input", "folder")
        os.mkfifo("fifo")
        open("hidden.txt", "w").close()
        os.chmod("hidden.txt", 0)
        os.makedirs("deep/closed")
        open("deep/closed/b.txt", "w").close()
        os.chmod("deep/closed", 0)
        os.chmod("deep", 0o500)
    """)
    assert (done.returncode, done.stderr) == (0, "")
    train = root.ml / "processing/output/train"
    kinds = {path.name: stat.S_IFMT(path.lstat().st_mode) for path in train.iterdir()}
    assert kinds == {
        ".headrace-0": stat.S_IFREG,
        "link.txt": stat.S_IFREG,
        "nowhere": stat.S_IFLNK,
        "folder": stat.S_IFLNK,
        "fifo": stat.S_IFIFO,
        "hidden.txt": stat.S_IFREG,
        "deep": stat.S_IFDIR,
    }
    assert (train / "link.txt").read_text() == "content"
    assert (train / ".headrace-0").read_text() == ""
    modes = {name: stat.S_IMODE((train / name).stat().st_mode) for name in ("deep", "hidden.txt")}
    assert modes == {"deep": 0o700, "hidden.txt": 0o400}
    assert stat.S_IMODE((train / "deep/closed").stat().st_mode) == 0o700


FORBID = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
user = os.geteuid()
assert libc.unshare(0x10000000) == 0
open("/proc/self/uid_map", "w").write(f"{user} {user} 1")
open("/proc/sys/user/max_user_namespaces", "w").write("0")
open("/proc/sys/user/max_mnt_namespaces", "w").write("0")
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_machine_may_forbid_it(job: Job) -> None:
    root, words = job.root("", ())
    done = children.run([job.python, "-c", FORBID, *words], capture_output=True, **job.options)
    assert (done.returncode, done.stderr) == (127, b"")
    assert root.known().error == "unshare: No space left on device"


@pytest.fixture
def borrowing(job: Job) -> Job:
    """A job that uses a folder of the machine, as where namespaces are forbidden."""
    place = job.folder / "opt-ml"
    place.mkdir()
    if job.options:
        os.chown(place, USER, USER)
    job.place, job.borrows = str(place), True
    job.outputs = f"{place}/processing/output/train"
    job.inputs.append(Layers(PurePosixPath(place, "processing/input/data"), (job.data(a="a"),)))
    return job


BORROWED = """
    import os, subprocess
    os.chdir({place!r})
    text = open("processing/input/data/a.txt").read()
    open("processing/input/data/a.txt", "w").write("changed")
    open("processing/output/train/b.txt", "w").write(text)
    os.symlink({place!r} + "/processing/input/data/a.txt", "processing/output/train/link.txt")
    os.mkdir("model")
    subprocess.Popen(["sleep", "1000"], start_new_session=True, env={{"PATH": "/bin"}})
"""


def test_a_folder_of_the_machine_is_borrowed_and_given_back(borrowing: Job) -> None:
    place = Path(borrowing.place)
    (place / "processing").symlink_to("/gone/scratch-2/algo-1/processing")  # by a killed job
    done, root, known = borrowing.run(BORROWED.format(place=borrowing.place))
    assert (done.returncode, done.stderr) == (0, "")
    assert known.strays == (f"{place}/model",)
    assert known.peak_memory_mb > 1
    train = root.ml / "processing/output/train"
    assert (train / "b.txt").read_text() == "a"
    assert not (train / "link.txt").is_symlink()
    assert (train / "link.txt").read_text() == "changed"
    assert (borrowing.folder / "data/a.txt").read_text() == "a"
    assert list(place.iterdir()) == []


def test_what_was_in_a_borrowed_folder_stays(borrowing: Job) -> None:
    place = Path(borrowing.place)
    (place / "metadata").mkdir()
    done, _, _ = borrowing.run(BORROWED.format(place=borrowing.place))
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in place.iterdir()) == ["metadata", "model"]


def test_a_borrowed_folder_is_for_one_job_at_a_time(borrowing: Job) -> None:
    script = """
        import sys
        print("ready", flush=True)
        sys.stdin.readline()
    """
    borrowing.options["stdin"] = subprocess.PIPE
    with borrowing.started(script) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
        with borrowing.started(script) as other:
            assert other.stderr is not None
            note = f"note: another job uses {borrowing.place}; waiting for its end\n"
            assert other.stderr.readline() == note
            assert one.communicate("\n", timeout=60) == ("", "")
            assert other.communicate("\n", timeout=60) == ("ready\n", "")


def test_a_folder_cannot_be_borrowed(tmp_path: Path) -> None:
    assert cannot_borrow(tmp_path / "ml", 1) == "there is none"
    (tmp_path / "processing").mkdir()
    assert cannot_borrow(tmp_path, 1) == "it holds 'processing'"
    (tmp_path / "processing").rmdir()
    (tmp_path / "config").symlink_to("/elsewhere")
    assert cannot_borrow(tmp_path, 1) == "it holds 'config'"
    (tmp_path / "config").unlink()
    assert cannot_borrow(tmp_path, 2) == "it serves one instance at a time"
    assert cannot_borrow(tmp_path, 1) is None


def test_a_machine_without_namespaces_names_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "headrace.targets.local.private_root.program"
    monkeypatch.setattr(f"{module}.refusal", lambda: "this machine forbids it (unshare: no)")
    monkeypatch.setattr(f"{module}.cannot_borrow", lambda *_: "there is none")
    with pytest.raises(ConfigError) as caught:
        check_program(RequestView({}))
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        "  target: a program needs an /opt/ml of its own, and this machine forbids it (unshare: "
        "no); the machine's own /opt/ml cannot stand for it: there is none; run as root, use "
        "target=container, or make a folder /opt/ml for yourself"
    )
