"""The processes of a job on this machine: started, watched, ended, and what they print.

There is one for each instance, and each leads a session of its own. What they print goes to the
progress bar, to the terminal, or into the error at the end.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Literal

from headrace.errors import HeadraceError, JobFailed, PluginError
from headrace.results import pages as report
from headrace.runtime.process.shortage import MEMORY, require_memory_for_threads, tells_of_memory
from headrace.runtime.shown import harmless
from headrace.targets.local.command import Command
from headrace.targets.local.sandbox import MESSAGE_BYTES, Host
from headrace.targets.shutdown.interrupts import Interrupts
from headrace.targets.shutdown.lifeline import Lifeline
from headrace.terminal.progress import Progress

Stream = Literal["stdout", "stderr"]
GRACE_SECONDS = 5.0
"""From SIGTERM to SIGKILL."""
KEPT_LINES = 200
"""Lines of a process's stderr that are held back at most: enough for any traceback."""
_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_NO_COLOUR = "\x1b[0m"


class TimeLimitError(Exception):
    """The job took longer than its stopping condition allows."""


@dataclass(frozen=True)
class Line:
    """A line that a process printed."""

    host: str
    stream: Stream
    text: str


@dataclass(frozen=True)
class Ended:
    """A process has ended, and all its lines have been read."""

    host: str
    status: int
    """As in `subprocess`: negative for the signal that killed it."""


@dataclass(frozen=True)
class Interrupted:
    """The user wants the job to end."""


class ProcessOutput:
    """Shows what the processes print, and keeps what the user must see if one of them fails.

    The runtime writes its message into a file before it prints it, so all lines on stderr that come
    while there is such a file belong to the failure. They are held back: `failure` shows them
    without the message, which the error says.

    Args:
        hosts: The instances.
        progress: Takes the lines that say how far a process is.
        logs: Show the other lines at once.
    """

    def __init__(self, hosts: Sequence[Host], progress: Progress, logs: bool) -> None:
        self._hosts = {host.name: host for host in hosts}
        self._progress = progress
        self._logs = logs
        self._last = dict.fromkeys(self._hosts, "")
        self._held: dict[str, deque[str]] = {name: deque(maxlen=KEPT_LINES) for name in self._hosts}

    def started(self) -> None:
        """Show that the processes run; use the time until the first line comes."""
        self._progress.open()
        report.get_ready()

    def heard(self, line: Line) -> None:
        """Show a line, hold it back, or let it move the progress bar."""
        if line.stream == "stdout":
            if not self._progress.heard(line.host, line.text) and self._logs:
                self._show(line)
        else:
            self._last[line.host] = line.text.strip() or self._last[line.host]
            if self._logs and not self._hosts[line.host].message_file.exists():
                self._show(line)
            else:
                self._held[line.host].append(line.text)

    def failure(self, ended: Ended) -> HeadraceError:
        """Return the error for a process that failed; show the lines that were held back."""
        host = self._hosts[ended.host]
        message = host.message()
        held = "\n".join(self._held[host.name])
        for text in _without(message, held).splitlines():
            self._show(Line(host.name, "stderr", text))
        error = PluginError if ended.status == PluginError.exit_status else JobFailed
        return error(host.reveal(message or self._ending(ended)))

    def _ending(self, ended: Ended) -> str:
        """Return what is known of a process that left no message."""
        last = self._last[ended.host]
        if tells_of_memory(last):
            return f"{ended.host}: {MEMORY}"
        said = f"; its last line on stderr: {last}" if last else ""
        return f"{ended.host} {_cause(ended.status)} and left no message{said}"

    def _show(self, line: Line) -> None:
        prefix = f"{line.host}: " if len(self._hosts) > 1 else ""
        stream = sys.stdout if line.stream == "stdout" else sys.stderr
        print(f"{prefix}{shown(line.text)}", file=stream, flush=True)


def run(
    commands: Sequence[Command],
    limit_seconds: float,
    output: ProcessOutput,
    interrupts: Interrupts,
    at_last: Sequence[str] = (),
) -> Ended | None:
    """Run the processes side by side until all have ended or one has failed.

    Whatever happens, none of them is alive when this returns, nor soon after this process itself
    has been killed.

    Args:
        commands: What to run.
        limit_seconds: The stopping condition.
        output: Gets each line as soon as it is printed, in this thread.
        interrupts: Signals to obey.
        at_last: A command that removes what is no process of this machine, should this process be
            killed.

    Returns:
        The first process that failed, if one did.

    Raises:
        TimeLimitError: They took too long.
        KeyboardInterrupt: A signal came in.
        JobFailed: One of them could not even be started.
    """
    with Lifeline("JOB", command=at_last) as lifeline:
        processes = _Processes(lifeline)
        interrupts.tell(lambda: processes.events.put(Interrupted()))
        deadline = time.monotonic() + limit_seconds
        try:
            for each in commands:
                interrupts.check()
                processes.start(each)
            output.started()
            return processes.wait(deadline, output)
        finally:
            processes.stop()


class _Processes:
    """The processes that run. A thread for each pipe and each process feeds one queue."""

    def __init__(self, lifeline: Lifeline) -> None:
        self.events: queue.SimpleQueue[Line | Ended | Interrupted] = queue.SimpleQueue()
        self._lifeline = lifeline
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, command: Command) -> None:
        require_memory_for_threads(3)  # those below
        try:
            process = subprocess.Popen(  # noqa: S603 - the request's own command
                command.argv,
                env={**command.environment, **self._lifeline.mark},
                cwd=command.host.ml,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as exc:
            program = command.argv[0]
            raise JobFailed(f"{program!r} cannot be started here: {exc.strerror}") from exc
        name = command.host.name
        self._running[name] = process
        self._watch()
        readers = [
            _thread(self._read, name, "stdout", process.stdout),
            _thread(self._read, name, "stderr", process.stderr),
        ]
        _thread(self._await, name, process, readers)

    def _read(self, host: str, stream: Stream, pipe: IO[bytes]) -> None:
        with pipe:
            for raw in pipe:
                self.events.put(Line(host, stream, raw.decode(errors="replace").rstrip("\r\n")))

    def _await(
        self, host: str, process: subprocess.Popen[bytes], readers: list[threading.Thread]
    ) -> None:
        status = process.wait()
        _signal_group(process, signal.SIGKILL)  # a container dies with its entrypoint
        for reader in readers:
            reader.join(timeout=1)  # a grandchild in a session of its own may hold the pipe
        self.events.put(Ended(host, status))

    def wait(self, deadline: float, output: ProcessOutput) -> Ended | None:
        while self._running:
            event = self._next(deadline)
            if event is None:
                raise TimeLimitError
            if isinstance(event, Line):
                output.heard(event)
            elif isinstance(event, Interrupted):
                raise KeyboardInterrupt
            else:
                self._forget(event.host)
                if event.status != 0:
                    return event
        return None

    def _forget(self, host: str) -> None:
        del self._running[host]
        self._watch()

    def _watch(self) -> None:
        self._lifeline.watch(process.pid for process in self._running.values())

    def _next(self, deadline: float) -> Line | Ended | Interrupted | None:
        """Return the next event; None after the deadline, even if there are more."""
        left = deadline - time.monotonic()
        try:
            return self.events.get(timeout=left) if left > 0 else None
        except queue.Empty:
            return None

    def stop(self) -> None:
        """End what still runs, gently for `GRACE_SECONDS`, or until a second Ctrl-C."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in self._running.values():
                _signal_group(process, number)
            self._drain(time.monotonic() + GRACE_SECONDS)

    def _drain(self, deadline: float) -> None:
        while self._running:
            event = self._next(deadline)
            if event is None or isinstance(event, Interrupted):
                return
            if isinstance(event, Ended):
                self._forget(event.host)


def _thread(work: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # macOS answers EPERM for a group of which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def shown(text: str) -> str:
    """Return a line of a process for the terminal: with its colours, which end at its end.

    Other control characters are escaped. Of a line that a process has written over again and again,
    as progress bars do, the last state is shown, as on a terminal.
    """
    *_, last = text.rstrip("\r").split("\r")
    pieces = [
        piece if _COLOUR.fullmatch(piece) else harmless(piece) for piece in _COLOUR.split(last)
    ]
    line = "".join(pieces)
    return line + _NO_COLOUR if len(pieces) > 1 and not line.endswith(_NO_COLOUR) else line


def _without(message: str, held: str) -> str:
    """Return the held lines without the message; after a message that was cut, nothing."""
    if not message:
        return held
    is_cut = len(message.encode()) >= MESSAGE_BYTES - 3  # it may end before a split character
    if is_cut:
        return held.partition(message)[0]
    before, found, after = held.rpartition(message)
    return before if found and not after.strip() else held


def _cause(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name
    hint = ", perhaps for want of memory," if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"
