"""The connection to the watchdog, which ends a job's processes if the client is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from headrace.targets.shutdown import watchdog

PREFIX = "HEADRACE_LIFELINE_"
PATIENCE_SECONDS = 5.0
"""The watchdog of a job that has ended takes milliseconds."""


def new_mark(kind: str) -> dict[str, str]:
    """Return a variable that no other process has in its environment.

    Args:
        kind: ``JOB`` or ``SWEEP``: the processes that end with this one.
    """
    return {PREFIX + kind: os.urandom(8).hex()}


class Lifeline:
    """A pipe to a watchdog process. The system closes it when this process ends for any reason.

    Args:
        kind: ``JOB`` or ``SWEEP``: the processes that end with this one.
        grace: Seconds that they get between SIGTERM and SIGKILL; 0: no SIGTERM.
        command: A command that the watchdog runs afterwards if this process was killed.
        mark: The variable in the environment of these processes; default: a new one.

    Attributes:
        mark: Variables for the environment of all processes that are to end with this one.
    """

    def __init__(
        self,
        kind: str,
        grace: float = 0.0,
        command: Sequence[str] = (),
        mark: dict[str, str] | None = None,
    ) -> None:
        self.mark = mark or new_mark(kind)
        ((name, value),) = self.mark.items()
        self.text = f"{name}={value}"
        program = (sys.executable, "-I", "-S", watchdog.__file__)
        self._watchdog = subprocess.Popen(  # noqa: S603 - our own file
            [*program, self.text, str(grace), *command],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # else a reader of our stdout would wait for it
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={key: value for key, value in os.environ.items() if not key.startswith(PREFIX)},
            start_new_session=True,
        )

    def watch(self, groups: Iterable[int]) -> None:
        """Tell the watchdog which process groups are running now."""
        self._send(" ".join(map(str, groups)))

    def end(self, number: int) -> None:
        """Send a signal to every process that has the mark."""
        watchdog.end(watchdog.marked(self.text), number)

    def wait(self, seconds: float) -> None:
        """Wait until all that obey SIGTERM have ended, but not longer than `seconds`."""
        watchdog.wait_for(self.text, seconds)

    def _send(self, words: str) -> None:
        if self._watchdog.stdin is not None:
            with suppress(OSError):  # somebody has killed the watchdog
                self._watchdog.stdin.write(words.encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every process that has the mark."""
        self.end(signal.SIGKILL)
        self.close()

    def close(self) -> None:
        """Stop watching: processes that have the mark may go on."""
        self._send(watchdog.GOODBYE)
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
        try:
            self._watchdog.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._watchdog.kill()
            self._watchdog.wait()
