"""The processes that share the work of a sweep, joblib's: none of them outlives it."""

from __future__ import annotations

import atexit
import os
import signal
from types import FrameType

from headrace.cli import startup
from headrace.targets.shutdown.lifeline import Lifeline

_GRACE_SECONDS = 5.0
"""For workers to end their jobs and to tidy up, after a signal to the process of the sweep."""
_KILLED_GRACE_SECONDS = 0.6
"""For the same if that process has been killed."""


def watch() -> None:
    """Have all processes that are started from now on end with this one, whatever ends it."""
    if not startup.is_prepared():  # another program's process
        return
    lifeline = Lifeline("SWEEP", _KILLED_GRACE_SECONDS)
    os.environ.update(lifeline.mark)
    atexit.register(lifeline.close)  # after the pool's own, which is registered later

    def end(number: int, frame: FrameType | None) -> None:
        """End the workers before joblib kills them: they have something to tidy up."""
        signal.signal(number, signal.default_int_handler)  # a second one does not wait
        lifeline.end(signal.SIGTERM)
        lifeline.wait(_GRACE_SECONDS)
        raise KeyboardInterrupt

    startup.begin(end)
