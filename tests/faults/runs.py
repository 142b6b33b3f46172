"""Run ``run.py`` under the shim and keep what can be seen of its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from headrace.config import defaults
from tests import children
from tests.faults.shim import Control, Plan

LIMIT_SECONDS = 60.0
GONE_WITHIN_SECONDS = 3.0
"""A child is told of the client's end at once; a loaded machine takes its time to do it."""


@dataclass(frozen=True)
class Place:
    """The folders of one case. Faults happen below `disk` only."""

    root: Path

    @property
    def disk(self) -> Path:
        return self.root / "disk"

    @property
    def output(self) -> Path:
        return self.disk / "out"

    @property
    def temporary(self) -> Path:
        return self.disk / "tmp"

    @property
    def working(self) -> Path:
        return self.root / "working"

    def make(self) -> Place:
        """Make those that a machine always has."""
        for folder in (self.temporary, self.working):
            folder.mkdir(parents=True)
        return self


@dataclass(frozen=True)
class Moment:
    """A signal that comes from outside.

    Attributes:
        seconds: After the start of the client.
        role: Whom it is for; a child that is not there gets none.
        number: Of the signal.
        share: From 0 to 1, says which of several children gets it.
    """

    seconds: float
    role: str
    number: int
    share: float = 0.0


@dataclass(frozen=True)
class End:
    """How a run ended.

    Attributes:
        status: As `subprocess` tells it: negative for the signal that killed the client.
        out: Standard output.
        err: Standard error.
        seconds: How long it took.
        left: Processes that were still alive some time after the client's end.
        control: The counters.
    """

    status: int
    out: str
    err: str
    seconds: float
    left: tuple[int, ...]
    control: Control


class Run:
    """A run that has been started.

    Args:
        place: Its folders.
        library: The shim.
        arguments: What comes behind ``run.py``.
        plan: What goes wrong.
    """

    def __init__(
        self, place: Place, library: Path, arguments: Sequence[str], plan: Plan | None = None
    ) -> None:
        number = len(list(place.root.glob("control-*")))
        self.control = Control.new(place.root / f"control-{number}")
        # Files: an orphan that holds a pipe would keep its reader waiting.
        self._out, self._err = (place.root / f"{name}-{number}" for name in ("stdout", "stderr"))
        self._began = time.monotonic()
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = self._started(place, library, arguments, plan, out, err)

    def _started(
        self,
        place: Place,
        library: Path,
        arguments: Sequence[str],
        plan: Plan | None,
        out: IO[bytes],
        err: IO[bytes],
    ) -> subprocess.Popen[bytes]:
        return children.start(
            [sys.executable, str(defaults.PROJECT / "run.py"), *arguments],
            cwd=place.working,
            env={
                **os.environ,
                **self.control.environment(library, place.disk, plan),
                "TMPDIR": str(place.temporary),
                "OPENBLAS_NUM_THREADS": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The client's process."""
        return self._process.pid

    def signalled(self, moment: Moment) -> Run:
        """The same run, after a signal at a moment; one that has ended gets none.

        Nor does a client in the milliseconds in which Python itself gets up: it could not answer.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0, self._began + moment.seconds - time.monotonic()))
            return self
        while moment.number != signal.SIGKILL and not self._listens():
            if self._process.poll() is not None:
                return self
            time.sleep(0.01)
        found = sorted(pid for pid, role in self.control.processes().items() if role == moment.role)
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(found[int(moment.share * len(found))], moment.number)
        return self

    def _listens(self) -> bool:
        """Whether the client has a handler for SIGTERM."""
        status = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        masks = [line.split()[1] for line in status if line.startswith("SigCgt:")]
        return any(int(mask, 16) >> (signal.SIGTERM - 1) & 1 for mask in masks)

    def stopped(self) -> bool:
        """Wait until a planned SIGSTOP has hit the client; return whether it has."""
        while self._process.poll() is None and time.monotonic() < self._began + LIMIT_SECONDS:
            state = (
                Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0]
            )
            if state == "T":
                return True
            time.sleep(0.01)
        return False

    def continued(self) -> Run:
        """The same run, awake again."""
        self._process.send_signal(signal.SIGCONT)
        return self

    def end(self) -> End:
        """Wait for the end; no process is left afterwards, whatever happens.

        Raises:
            subprocess.TimeoutExpired: It hangs.
        """
        try:
            status = self._process.wait(LIMIT_SECONDS)
            seconds = time.monotonic() - self._began
            left = self._left()
        finally:
            for pid in self.control.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        out, err = (file.read_text(errors="replace") for file in (self._out, self._err))
        return End(status, out, err, seconds, left, self.control)

    def _left(self) -> tuple[int, ...]:
        deadline = time.monotonic() + GONE_WITHIN_SECONDS
        while (left := self.control.processes()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return tuple(left)
