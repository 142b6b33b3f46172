"""The signals that ask a process to end, and how the process that does the work obeys them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from headrace.runtime.process.messages import tell

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Ctrl-C, `kill`, a terminal that is closed, Ctrl-\\."""
SIGNALLED = 128
"""A shell adds this to a signal's number for an exit status."""

Handler = Callable[[int, FrameType | None], object]


def obeyed() -> list[signal.Signals]:
    """Return those that this process has to obey.

    One that whoever started it ignores (`nohup`, `command &` in a script) stays ignored, and one
    that a program around Python handles (None) could not be given back.
    """
    return [each for each in SIGNALS if signal.getsignal(each) not in (signal.SIG_IGN, None)]


def handle(handler: Handler) -> None:
    """Have a function called for each of them, in the main thread."""
    for each in obeyed():
        signal.signal(each, handler)


def end_on_signals(root: Path) -> None:
    """Have this process leave a message and end at once, with the status that shells give.

    Nothing needs to be tidied up: a part has its name only when it is whole. The default would not
    do: the kernel keeps it from the first process of a container.

    Args:
        root: What stands in for ``/opt/ml``.
    """

    def end(number: int, _: FrameType | None) -> None:
        message = f"the job was stopped by {signal.Signals(number).name}"
        try:
            tell(root, message)
            print(message, file=sys.stderr, flush=True)
        finally:
            os._exit(SIGNALLED + number)

    handle(end)
