"""The processes of a local job: one for each instance, each the leader of its own session."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Literal, Protocol

from headrace.errors import JobFailed
from headrace.runtime.process.shortage import require_memory_for_threads
from headrace.targets.local.command import Command
from headrace.targets.shutdown.interrupts import Interrupts
from headrace.targets.shutdown.lifeline import Lifeline

Stream = Literal["stdout", "stderr"]
GRACE_SECONDS = 5.0
"""From SIGTERM to SIGKILL."""


class TimeLimitError(Exception):
    """The stopping condition came true."""


@dataclass(frozen=True)
class Line:
    """Something that a process printed."""

    host: str
    stream: Stream
    text: str


@dataclass(frozen=True)
class Ended:
    """A process is gone, and all its lines have been heard."""

    host: str
    status: int
    """As in `subprocess`: negative for the signal that killed it."""


@dataclass(frozen=True)
class Interrupted:
    """The user wants an end."""


class Listener(Protocol):
    """Somebody who wants to know what happens."""

    def started(self) -> None:
        """All processes have been started; there is time while they get up."""

    def heard(self, line: Line) -> None:
        """A process printed a line."""


def run(
    commands: Sequence[Command],
    limit_seconds: float,
    listener: Listener,
    interrupts: Interrupts,
    at_last: Sequence[str] = (),
) -> Ended | None:
    """Run the processes side by side until all have ended or one has failed.

    Whatever happens, none of them is alive when this returns, nor soon after this process itself
    has been killed.

    Args:
        commands: What to run.
        limit_seconds: The stopping condition.
        listener: Hears each line as soon as it is printed, in this thread.
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
            listener.started()
            return processes.wait(deadline, listener)
        finally:
            processes.stop()


class _Processes:
    """Those that run. A thread for each pipe and each process turns them into one queue."""

    def __init__(self, lifeline: Lifeline) -> None:
        self.events: queue.SimpleQueue[Line | Ended | Interrupted] = queue.SimpleQueue()
        self._lifeline = lifeline
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, command: Command) -> None:
        require_memory_for_threads(3)  # those below
        try:
            process = subprocess.Popen(  # noqa: S603 - running the request is what we are for
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

    def wait(self, deadline: float, listener: Listener) -> Ended | None:
        while self._running:
            event = self._next(deadline)
            if event is None:
                raise TimeLimitError
            if isinstance(event, Line):
                listener.heard(event)
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
        """The next event, or nothing once it is too late, even if they never pause."""
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
