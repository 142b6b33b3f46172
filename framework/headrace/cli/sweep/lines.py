"""The lines that the runs of a sweep print: one for each run, or none below a live table.

The process of the sweep says by an environment variable how its runs are shown, so the worker
processes of a launcher know it too.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from headrace.results.records import as_typed
from headrace.runtime.shown import masked_override, plain
from headrace.terminal.colours import GREEN, RED, coloured

VARIABLE = "HEADRACE_SWEEP"
_LONGEST = 200


def begin(swept: Sequence[str] | None, *, is_live: bool) -> None:
    """Have this process and those that it starts show the runs of a sweep in this way.

    Args:
        swept: Keys whose values differ; None if that is not known yet.
        is_live: A table shows the runs, so they print nothing.
    """
    told = {"process": os.getpid(), "swept": swept, "live": is_live}
    os.environ[VARIABLE] = json.dumps(told)


def end() -> None:
    """Forget what `begin` said."""
    os.environ.pop(VARIABLE, None)


def in_sweep() -> bool:
    """Return whether this process works on a run of a sweep."""
    try:
        return bool(HydraConfig.get().mode == RunMode.MULTIRUN)
    except ValueError:  # nothing of Hydra's: a test, a notebook
        return False


def number() -> int:
    """Return the number of the run that this process works on."""
    return int(HydraConfig.get().job.num)


def is_live() -> bool:
    """Return whether the process of the sweep draws a table of its runs."""
    return bool(_told().get("live"))


def done(what: str) -> None:
    """Print that the current run is done; nothing below a live table.

    Args:
        what: What came out.
    """
    if not is_live():
        print(f"{_run()}: {coloured(what, GREEN, sys.stdout)}", flush=True)


def failed() -> None:
    """Print that the current run has failed, whose message is on stderr."""
    if not is_live():
        print(f"{_run()}: {coloured('failed', RED, sys.stdout)}", flush=True)


def _run() -> str:
    swept = _told().get("swept")
    overrides = [
        masked_override(as_typed(each))
        for each in HydraConfig.get().overrides.task
        if swept is None or each.partition("=")[0].lstrip("+") in swept
    ]
    settings = plain(", ".join(overrides), _LONGEST)
    return f"run {number()}{settings and f' ({settings})'}"


def _told() -> dict[str, Any]:
    """Return what the process of this sweep has said; nothing if another sweep started this one."""
    told: dict[str, Any] = json.loads(os.environ.get(VARIABLE, "{}"))
    return told if told.get("process") in (os.getpid(), os.getppid()) else {}
