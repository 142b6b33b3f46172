"""One attempt at a run: what a person sees if it fails, and what a sweep's summary learns of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from framework.errors import HeadraceError
from framework.records import RUN
from framework.whole_files import json_text, write_whole


class Outcome(Protocol):
    """What came out of a run."""

    @property
    def output(self) -> str:
        """Where it is."""


T = TypeVar("T", bound=Outcome)

INTERRUPTED = 130
BUG = 1


def attempt(work: Callable[[], T | None]) -> T | None:
    """Do the work; tell a user's mistake, and let the other runs of a sweep have their turn.

    Returns:
        What came out; nothing if it failed.

    Raises:
        SystemExit: It failed, and it is no run of a sweep; the message is on stderr.
    """
    try:
        result = work()
    except HeadraceError as error:
        status = tell(error)
        if not _in_sweep():
            raise SystemExit(status) from error
        _note("", str(error), status)
        return None
    except KeyboardInterrupt:
        _note("", "interrupted", INTERRUPTED)
        raise
    except Exception as error:
        _note("", f"{type(error).__name__}: {error}", BUG)
        raise
    _note("" if result is None else result.output, "", 0)
    return result


def tell(error: HeadraceError) -> int:
    """Print an error where errors go; the exit status that it stands for."""
    sys.stdout.flush()
    print(error, file=sys.stderr, flush=True)
    return error.exit_status


def _note(output: str, failure: str, status: int) -> None:
    """Leave a note of how the run ended, if it is one of a sweep."""
    if _in_sweep():
        note = {"output": output, "failure": failure, "exit_status": status}
        write_whole(Path(HydraConfig.get().runtime.output_dir, RUN), json_text(note).encode())


def _in_sweep() -> bool:
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)
