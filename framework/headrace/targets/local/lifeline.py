"""What ends the processes of a job when the client is killed and can do nothing any more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from headrace.targets.local import watchdog

PREFIX = "HEADRACE_LIFELINE_"
PATIENCE_SECONDS = 5.0
"""The watchdog of a job that has ended takes milliseconds."""


class Lifeline:
    """A pipe to a watchdog, which sees it close when this process ends, however it does.

    Args:
        kind: What ends with this process, ``JOB`` or ``SWEEP``.
        grace: Seconds that they get between SIGTERM and SIGKILL; 0: no SIGTERM.
        command: What the watchdog runs at last if this process was killed.

    Attributes:
        mark: Variables for the environment of all processes that are to end with this one.
    """

    def __init__(self, kind: str, grace: float = 0.0, command: Sequence[str] = ()) -> None:
        self.mark = {PREFIX + kind: os.urandom(8).hex()}
        ((name, value),) = self.mark.items()
        self.text = f"{name}={value}"
        program = (sys.executable, "-I", "-S", watchdog.__file__)
        self._watchdog = subprocess.Popen(  # noqa: S603 - our own file
            [*program, self.text, str(grace), *command],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # whoever reads ours need not wait for it
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={key: value for key, value in os.environ.items() if not key.startswith(PREFIX)},
            start_new_session=True,
        )

    def watch(self, groups: Iterable[int]) -> None:
        """Say which process groups are running now."""
        self._say(" ".join(map(str, groups)))

    def end(self, number: int) -> None:
        """Send a signal to every process that has the mark."""
        watchdog.end(watchdog.marked(self.text), number)

    def wait(self, seconds: float) -> None:
        """Wait until those have ended that obey SIGTERM, but no longer than that."""
        watchdog.wait_for(self.text, seconds)

    def _say(self, words: str) -> None:
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
        """Leave nothing that has the mark."""
        self.end(signal.SIGKILL)
        self.close()

    def close(self) -> None:
        """Let go: what has the mark may live on."""
        self._say(watchdog.FAREWELL)
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
        try:
            self._watchdog.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._watchdog.kill()
            self._watchdog.wait()
