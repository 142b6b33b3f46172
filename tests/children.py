"""Processes that tests start: with a limit, and with signals as a terminal has them.

`subprocess` lets a child inherit what its parent ignores, which under ``nohup make test &`` is
SIGHUP and SIGINT; and it waits for ever.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIMIT_SECONDS = 100
"""No test waits longer for a child: three times what the slowest one needs on a quiet machine."""
INSTALL_SECONDS = 240
"""Of what fetches packages: by a slow network, too."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def run(command: Sequence[Any], **options: Any) -> subprocess.CompletedProcess[Any]:
    """Run a command to its end, as `subprocess.run` does.

    Raises:
        subprocess.TimeoutExpired: It has not ended, and was killed with all its processes; the
            error's note lists them, and gives what the command had said.
    """
    limit = options.pop("timeout", LIMIT_SECONDS)
    check, given = options.pop("check", False), options.pop("input", None)
    if options.pop("capture_output", False):
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if given is not None:
        options["stdin"] = subprocess.PIPE
    with start(command, **options) as process:
        try:
            stdout, stderr = process.communicate(given, limit)
        except subprocess.TimeoutExpired as error:
            error.add_note(_hanging(process.pid, error))
            raise
        finally:
            if process.poll() is None:
                for pid in (process.pid, *below(process.pid)):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
    done = subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
    if check:
        done.check_returncode()
    return done


@contextmanager
def started(command: Sequence[Any], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a command; a child that is still there at the end is killed."""
    with start(command, **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def start(command: Sequence[Any], **options: Any) -> subprocess.Popen[Any]:
    """The same for a fixture, which has to see to the end of it itself."""
    return subprocess.Popen(command, preexec_fn=_default_signals, **options)


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds:g} s"
        time.sleep(0.01)


def below(pid: int) -> set[int]:
    """Children of a process, their children, and so on."""
    children = _children()
    found, new = set[int](), {pid}
    while new := {child for each in new for child in children.get(each, ())} - found:
        found |= new
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that have not ended."""
    return {pid for pid in pids if _state(pid) not in ("", "Z")}


def _hanging(pid: int, error: subprocess.TimeoutExpired) -> str:
    lines = ["its processes (state, command):"]
    for each in sorted((pid, *below(pid))):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")
            command = " ".join(word.decode(errors="replace") for word in words)
            lines.append(f"  {each} {_state(each)} {command[:300].rstrip()}")
    for name, said in (("stdout", error.stdout), ("stderr", error.stderr)):
        if said:
            text = said if isinstance(said, str) else said.decode(errors="replace")
            lines += [f"the end of its {name}:", text[-2000:]]
    return "\n".join(lines)


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (words := _stat(int(entry.name))):
            found.setdefault(int(words[1]), []).append(int(entry.name))
    return found


def _state(pid: int) -> str:
    words = _stat(pid)
    return words[0] if words else ""


def _stat(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _default_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
