"""One attempt at a run: what a person sees if it fails, and what a sweep's summary learns of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from headrace.cli.startup import INTERRUPTED
from headrace.errors import HeadraceError, JobFailed
from headrace.results.records import FAILED, RUN, UNFINISHED, Note
from headrace.runtime.process.shortage import shortage
from headrace.runtime.shown import harmless


class Outcome(Protocol):
    """What came out of a run."""

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
    _note(UNFINISHED, FAILED)  # unless it lives to say more
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
        if not _in_sweep():
            raise SystemExit(status) from error
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
    print(harmless(str(error)), file=sys.stderr, flush=True)
    return error.exit_status


def _note(failure: str, status: int, output: str = "") -> None:
    """Leave a note of how the run stands, if it is one of a sweep."""
    if _in_sweep():
        hydra = HydraConfig.get()
        note = Note(hydra.job.num, [*hydra.overrides.task], output, failure, status)
        try:
            note.write(Path(hydra.runtime.output_dir))
        except OSError as error:  # the run's own outcome is worth more
            print(f"note: {RUN} was not written ({error.strerror})", file=sys.stderr, flush=True)


def _in_sweep() -> bool:
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)
