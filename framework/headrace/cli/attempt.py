"""One attempt at a run: what a person sees if it fails, and what a sweep's summary learns of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from headrace.cli.startup import INTERRUPTED
from headrace.cli.sweep import lines
from headrace.errors import HeadraceError, JobFailed
from headrace.results.records import FAILED, RUN, UNFINISHED, Note
from headrace.runtime.process.shortage import shortage
from headrace.runtime.shown import harmless
from headrace.terminal.colours import RED, first_line_coloured
from headrace.terminal.progress import RUN as CURRENT_RUN


class Outcome(Protocol):
    """The outcome of a run."""

    @property
    def output(self) -> str:
        """Return where the result is."""


T = TypeVar("T", bound=Outcome)


def attempt(work: Callable[[], T | None]) -> T | None:
    """Do the work; tell a user's mistake, and let the other runs of a sweep have their turn.

    Returns:
        What came out; nothing if it failed.

    Raises:
        SystemExit: It failed, and it is no run of a sweep; the message is on stderr.
    """
    if lines.in_sweep():
        note_start(HydraConfig.get())
    CURRENT_RUN.set(lines.number() if lines.in_sweep() and lines.is_live() else None)
    try:
        result = work()
    except KeyboardInterrupt:
        _note("interrupted", INTERRUPTED)
        raise
    except Exception as error:
        known = mendable(error)
        if known is None:
            _note(harmless(f"{type(error).__name__}: {error}"), FAILED)
            raise
        status = tell(known)
        if not lines.in_sweep():
            raise SystemExit(status) from error
        lines.failed()
        _note(harmless(str(known)), status)
        return None
    _note("", 0, "" if result is None else result.output)
    return result


def mendable(error: Exception) -> HeadraceError | None:
    """Return an error that the user can mend, None for a bug, which keeps its traceback."""
    if isinstance(error, HeadraceError):
        return error
    lacking = shortage(error)
    return None if lacking is None else JobFailed(lacking)


def tell(error: HeadraceError) -> int:
    """Print an error where errors go; the exit status that it stands for."""
    sys.stdout.flush()
    message = first_line_coloured(harmless(str(error)), RED, sys.stderr)
    print(message, file=sys.stderr, flush=True)
    return error.exit_status


def note_start(hydra: HydraConf | DictConfig) -> None:
    """Leave a note that a run of a sweep has begun, and has not lived to say more.

    Args:
        hydra: Hydra's own node of the run's configuration.
    """
    _leave(hydra, UNFINISHED, FAILED)


def _note(failure: str, status: int, output: str = "") -> None:
    """Leave a note of how the run stands, if it is one of a sweep."""
    if lines.in_sweep():
        _leave(HydraConfig.get(), failure, status, output)


def _leave(hydra: HydraConf | DictConfig, failure: str, status: int, output: str = "") -> None:
    note = Note(hydra.job.num, [*hydra.overrides.task], output, failure, status)
    folder = Path(hydra.runtime.output_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        note.write(folder)
    except OSError as error:  # the run's own outcome is worth more
        print(f"note: {RUN} was not written ({error.strerror})", file=sys.stderr, flush=True)
