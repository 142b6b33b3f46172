"""The start of a process of the command line: signals, standard streams, errors that end it.

Imports nothing heavy: it is at work while Hydra is still being imported.
"""

from __future__ import annotations

import gc
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import IO

from headrace.runtime.process.shortage import shortage
from headrace.runtime.process.signals import Handler, handle, obeyed

WORKER = "HEADRACE_LIFELINE_SWEEP"
"""In the environment of every process that a sweep starts to share its work."""
INTERRUPTED = 130
"""Exit status after any signal that asks for an end."""
_WORDS = "interrupted\n"
_OTHER = re.compile(r"-|[+~]*(action|target|program|from|hydra/launcher|hydra\.mode)\b")
"""Beginnings of words that ask for anything but a job of the chain on this machine."""
_BACKEND = re.compile(r"[+~]*backend(?:=|$)(.*)")


def prepare() -> None:
    """Have a process that has done nothing yet end without a traceback, whatever comes.

    It collects no garbage before `begin`: what imports make stays, and looking at it again and
    again takes a tenth of the time.
    """
    gc.disable()
    guard_streams()
    handle(_leave)
    sys.excepthook = _told


def begin(handler: Handler = signal.default_int_handler) -> None:
    """Have signals raise `KeyboardInterrupt`: from now on there may be something to tidy up.

    In a process of another program (a test, a notebook) nothing is changed.

    Args:
        handler: Does so.
    """
    if is_worker():
        guard_streams()
    elif not is_prepared():
        return
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    if threading.current_thread() is threading.main_thread():
        for each in obeyed():
            if signal.getsignal(each) in (_leave, signal.SIG_DFL):
                signal.signal(each, handler)


def begin_job(arguments: Sequence[str]) -> None:
    """Have the job's interpreter start now, before Hydra is imported, if there may be a job.

    Args:
        arguments: Of the command line.
    """
    if not any(map(_OTHER.match, arguments)):
        from headrace.targets.local import early  # takes its time, in which Ctrl-C is obeyed

        early.begin()


def leads_to_python(arguments: Sequence[str]) -> bool:
    """Return whether these arguments may lead to an entry script that Python runs here.

    Args:
        arguments: Of the command line.
    """
    if any(map(_OTHER.match, arguments)):
        return False
    backends = [found[1] for found in map(_BACKEND.match, arguments) if found]
    return all(map(_runs_python, backends))


def _runs_python(backend: str) -> bool:
    from headrace.config.models import BACKENDS  # brings in all models

    return backend in BACKENDS.shipped and BACKENDS.load(backend).way == "python"


def end() -> None:
    """Have Python end quickly: it looks for garbage in all that it has imported."""
    if is_prepared():
        gc.freeze()


def is_worker() -> bool:
    """Return whether this process works for a sweep that another one conducts."""
    return WORKER in os.environ and not is_prepared()


def is_prepared() -> bool:
    """Return whether this process is one of the command line's own, from its start."""
    return sys.excepthook is _told


def guard_streams() -> None:
    """Have stdout and stderr take whatever is printed, even if nobody does any more.

    A job is not lost because the pipe of ``| head`` has been closed, or the disk that its log goes
    to is full. Whatever else failed is told by `lost`.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:  # it was closed before this process began
            setattr(sys, name, _nowhere(number))
        elif stream is getattr(sys, f"__{name}__") and stream.fileno() == number:
            stream.flush()
            setattr(sys, name, _Guarded(number, stream))


def lost() -> str | None:
    """Return why stdout did not take all that was printed; None if it did, or nobody reads it."""
    if not isinstance(sys.stdout, _Guarded):
        return None
    sys.stdout.flush()
    return sys.stdout.error


class _Guarded(io.TextIOWrapper):
    """A standard stream that leads nowhere from the first error on.

    This layer and not the raw file below it: a signal that raises `KeyboardInterrupt` here cannot
    make the layers below write anything twice.
    """

    def __init__(self, number: int, like: io.TextIOWrapper) -> None:
        super().__init__(
            io.BufferedWriter(io.FileIO(number, "w", closefd=False)),
            encoding=like.encoding,
            errors="backslashreplace" if like.errors == "strict" else like.errors,
            line_buffering=like.line_buffering,
            write_through=like.write_through,
        )
        self._number = number
        self.error: str | None = None

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._give_up(error)
            super().flush()

    def _give_up(self, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):  # as `head` does when it has had enough
            self.error = error.strerror or str(error)
        _lead_nowhere(self._number)


def _nowhere(number: int) -> IO[str]:
    """Return a stream in the place of one that is closed, whose number no other file must get."""
    _lead_nowhere(number)
    return open(number, "w", encoding="utf-8", errors="backslashreplace", closefd=False)


def _lead_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def _leave(number: int, frame: FrameType | None) -> None:
    """End at once: there is nothing yet that would have to be tidied up."""
    try:
        os.write(2, _WORDS.encode())
    finally:
        os._exit(INTERRUPTED)


def _told(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print what ends the process: a line if the machine lacks something, else the traceback."""
    lacking = shortage(error)
    if lacking is None:
        sys.__excepthook__(kind, error, traceback)
    else:
        print(lacking, file=sys.stderr)
