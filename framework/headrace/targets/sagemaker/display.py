"""What a user sees of a job that runs on SageMaker: its states, its log lines, how far it is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from headrace.targets.sagemaker.log_tail import LogLine
from headrace.targets.sagemaker.record import JobRecord
from headrace.terminal.progress import Progress, WithView, default_view
from headrace.terminal.units import duration


@dataclass(frozen=True)
class _Phase:
    """What the bar shows as long as nobody says how far the job is."""

    status: str
    seconds: float
    bytes: int = 0
    of: int | None = None

    def __str__(self) -> str:
        return f"{self.status}, {duration(self.seconds)}"


class Display(WithView):
    """Log lines go to stdout, all else to stderr: plain lines, and on a terminal a bar."""

    def __init__(self) -> None:
        super().__init__(default_view())
        self._has_bar = sys.stderr.isatty()
        self._status = ""
        self._hosts = 1
        self._progress: Progress | None = None
        self._is_measured = False
        self._time = 0.0

    def status(self, record: JobRecord) -> None:
        """The job is in that state; said once."""
        self._hosts = record.request.instance_count
        age = (record.ended or datetime.now(UTC)) - record.created
        seconds = max(0.0, age.total_seconds())  # this machine's clock may be slow
        if record.status != self._status:
            self._status = record.status
            after = f" after {duration(seconds)}" if record.has_ended else ""
            self.note(f"{record.name}: {record.status}{after}")
        if self._has_bar and not self._is_measured:
            self._view.show(_Phase(record.status, seconds))

    def lines(self, lines: Sequence[LogLine]) -> None:
        """These lines are new. The runtime's own progress lines move the bar instead."""
        for line in lines:
            self._time = line.milliseconds / 1000
            if not self._is_progress(line):
                prefix = f"{line.host}: " if self._hosts > 1 else ""
                print(f"{prefix}{line.text}", flush=True)

    def note(self, text: str) -> None:
        """Something else that the user should know."""
        print(text, file=sys.stderr, flush=True)

    def _is_progress(self, line: LogLine) -> bool:
        if self._progress is None:
            # The lines' own times tell the speed: they may be seen long after they were written.
            self._progress = Progress(self._hosts, self._view, lambda: self._time)
        is_progress = self._progress.heard(line.host, line.text)
        self._is_measured |= is_progress
        return is_progress
