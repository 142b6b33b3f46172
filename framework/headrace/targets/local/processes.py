"""The processes of a job on this machine: started, watched, ended, and what they print.

There is one for each instance, and each leads a session of its own. What they print goes to the
progress bar, to the terminal, or into the error at the end.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Literal, Protocol

from headrace.errors import HeadraceError, JobFailed, PluginError
from headrace.results import pages as report
from headrace.runtime.process.shortage import MEMORY, require_memory_for_threads, tells_of_memory
from headrace.runtime.spec import OUTPUT, PACKAGES_INPUT, under
from headrace.targets.local import early
from headrace.targets.local.command import Command
from headrace.targets.local.early import EarlyInterpreter
from headrace.targets.local.sandbox import MESSAGE_BYTES, Host
from headrace.targets.shutdown.interrupts import Interrupts
from headrace.targets.shutdown.lifeline import Lifeline
from headrace.terminal.lines import shown
from headrace.terminal.progress import Progress

Stream = Literal["stdout", "stderr"]
GRACE_SECONDS = 5.0
"""The time from SIGTERM to SIGKILL."""
KEPT_LINES = 200
"""Lines of a process's stderr that are held back at most: enough for any traceback."""
WAITING_LINES = 256
"""Lines that have been read and not yet shown."""
LINE_BYTES = 1 << 16
"""A longer line comes in pieces, as from a program that never ends one."""


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


class Listener(Protocol):
    """Gets to know what happens."""

    def started(self) -> None:
        """Take note that the processes run."""

    def heard(self, line: Line) -> None:
        """Take a line."""


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
            if self._progress.heard(line.host, line.text):
                report.begin_run_page(under(self._hosts[line.host].ml, OUTPUT))
            elif self._logs:
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
        return f"{ended.host} {cause(ended.status)} and left no message{said}"

    def _show(self, line: Line) -> None:
        prefix = f"{line.host}: " if len(self._hosts) > 1 else ""
        stream = sys.stdout if line.stream == "stdout" else sys.stderr
        print(f"{prefix}{shown(line.text)}", file=stream, flush=True)


def run(
    commands: Sequence[Command],
    limit_seconds: float,
    output: Listener,
    interrupts: Interrupts,
    at_last: Sequence[str] = (),
) -> Ended | None:
    """Run the processes side by side until all have ended or one has failed.

    None of them is alive when this returns or raises, nor soon after this process has been killed.

    Args:
        commands: The processes to start.
        limit_seconds: The stopping condition.
        output: Gets each line as soon as it is printed, in this thread.
        interrupts: Signals to obey.
        at_last: A command that is run if this process is killed, to stop what is no process of
            this machine.

    Returns:
        The first process that failed, if one did.

    Raises:
        TimeLimitError: They took too long.
        KeyboardInterrupt: A signal came in.
        JobFailed: One of them could not even be started.
    """
    interpreter = early.taken()
    mark = interpreter.mark if interpreter else None
    with Lifeline("JOB", command=at_last, mark=mark) as lifeline:
        processes = _Processes(lifeline, interpreter)
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

    def __init__(self, lifeline: Lifeline, interpreter: EarlyInterpreter | None = None) -> None:
        self.events: queue.SimpleQueue[Line | Ended | Interrupted] = queue.SimpleQueue()
        self._lifeline = lifeline
        self._interpreter = interpreter
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._room = threading.Semaphore(WAITING_LINES)

    def start(self, command: Command) -> None:
        require_memory_for_threads(3)  # those below
        process = self._waiting(command) or self._started(command)
        name = command.host.name
        self._running[name] = process
        self._watch()
        readers = [
            _Reader(name, "stdout", process.stdout, self.events, self._room),
            _Reader(name, "stderr", process.stderr, self.events, self._room),
        ]
        for reader in readers:
            reader.start()
        threading.Thread(target=self._await, args=(name, process, readers), daemon=True).start()

    def _waiting(self, command: Command) -> subprocess.Popen[bytes] | None:
        """Return the interpreter that has been waiting, if it takes the command."""
        interpreter, self._interpreter = self._interpreter, None
        if interpreter is None:
            return None
        brings_packages = under(command.host.ml, PACKAGES_INPUT).exists()  # NumPy among them
        if not brings_packages and interpreter.takes(
            command.argv, command.environment, command.host.ml
        ):
            return interpreter.process
        interpreter.end()
        return None

    def _started(self, command: Command) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - the request's own command
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

    def _await(self, host: str, process: subprocess.Popen[bytes], readers: list[_Reader]) -> None:
        status = process.wait()
        _signal_group(process, signal.SIGKILL)  # a container dies with its entrypoint
        for reader in readers:
            reader.finish()
        self.events.put(Ended(host, status))

    def wait(self, deadline: float, output: Listener) -> Ended | None:
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
            event = self.events.get(timeout=left) if left > 0 else None
        except queue.Empty:
            return None
        if isinstance(event, Line):
            self._room.release()
        return event

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


class _Reader(threading.Thread):
    """Puts the lines of one pipe into the queue; who prints faster than they are shown waits."""

    def __init__(
        self,
        host: str,
        stream: Stream,
        pipe: IO[bytes] | None,
        events: queue.SimpleQueue[Line | Ended | Interrupted],
        room: threading.Semaphore,
    ) -> None:
        super().__init__(daemon=True)
        self._host, self._stream, self._pipe = host, stream, pipe
        self._events, self._room = events, room
        self._count = 0
        self._is_waiting = False

    def run(self) -> None:
        assert self._pipe is not None  # noqa: S101 - as it was opened
        with self._pipe:
            while raw := self._pipe.readline(LINE_BYTES):
                text = raw.decode(errors="replace").rstrip("\r\n")
                self._is_waiting = True
                self._room.acquire()
                self._is_waiting = False
                self._events.put(Line(self._host, self._stream, text))
                self._count += 1

    def finish(self) -> None:
        """Wait for the last line; not for a grandchild in its own session that holds the pipe."""
        count = -1
        while self.is_alive() and (self._is_waiting or count != self._count):
            count = self._count
            self.join(timeout=1)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # macOS answers EPERM for a group of which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _without(message: str, held: str) -> str:
    """Return the held lines without the message; after a message that was cut, nothing."""
    if not message:
        return held
    is_cut = len(message.encode()) >= MESSAGE_BYTES - 3  # it may end before a split character
    if is_cut:
        return held.partition(message)[0]
    before, found, after = held.rpartition(message)
    return before if found and not after.strip() else held


def cause(status: int) -> str:
    """Return how a process ended; a negative status is the signal that killed it."""
    if status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name
    hint = ", perhaps for want of memory," if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"
