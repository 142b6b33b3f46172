"""Ask SageMaker again and again, in a thread for each source, and ever less often if it refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from headrace.targets.sagemaker.record import JobRecord
from headrace.targets.sagemaker.watch.source import Source, in_a_line

POLL_SECONDS = 10.0
MOST_SECONDS = 160.0
"""Between two questions, where the service goes on refusing."""


@dataclass(frozen=True)
class Snapshot:
    """The jobs of a source at one moment."""

    source: Source
    jobs: tuple[JobRecord, ...] = ()
    """Newest first; those of the last answer, if the service has refused since."""
    at: datetime | None = None
    """Time of SageMaker's last answer; None if it has not answered yet."""
    error: str = ""
    """Why there is no newer answer; empty if there is one."""
    has_more: bool = False
    """There are older jobs."""


class Feed(threading.Thread):
    """Tells how the jobs of a source stand, until it is stopped. It keeps no program from ending.

    Args:
        source: The source.
        part: A text that the names of its jobs contain; None for any.
        told: Gets each snapshot, in this thread.
    """

    def __init__(
        self, source: Source, part: str | None, told: Callable[[Snapshot], object]
    ) -> None:
        super().__init__(name=f"jobs of {source}", daemon=True)
        self._part = part
        self._told = told
        self._snapshot = Snapshot(source)
        self._wake = threading.Event()
        self._has_ended = False

    def run(self) -> None:
        """Ask, tell, wait."""
        pause = POLL_SECONDS
        while not self._has_ended:
            self._ask()
            pause = min(2 * pause, MOST_SECONDS) if self._snapshot.error else POLL_SECONDS
            if self._snapshot.error:
                again = f"{self._snapshot.error}; asked again in {pause:.0f} s"
                self._snapshot = replace(self._snapshot, error=again)
            if not self._has_ended:
                self._told(self._snapshot)
            self._wake.wait(pause)
            self._wake.clear()

    def refresh(self) -> None:
        """Ask at once."""
        self._wake.set()

    def stop(self) -> None:
        """Ask and tell no more; an answer that is under way is not waited for."""
        self._has_ended = True
        self._wake.set()

    def _ask(self) -> None:
        known = {job.name: job for job in self._snapshot.jobs}
        source = self._snapshot.source
        try:
            listing = source.newest(self._part, known)
        except Exception as error:  # a view that goes on tells it, whatever it is
            self._snapshot = replace(self._snapshot, error=in_a_line(error))
        else:
            now = datetime.now(UTC)
            self._snapshot = Snapshot(source, listing.jobs, now, has_more=listing.has_more)
