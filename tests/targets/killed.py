"""A program whose children deliver into folders and are killed, for good, before their n-th step.

It reads a JSON list of folder, step, failing step; for each it starts a child, one after the other,
and prints how they ended. The steps are the moves of files, the writing of the journal and the
removal of the old files. At the failing step the disk fails, so that files go back.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from headrace.results.destination import replaceable
from headrace.results.layout import MANIFEST
from headrace.targets.local import moves
from headrace.targets.local.scratch import scratch
from tests.targets.results import contents


def main() -> None:
    print(json.dumps([_status(*each) for each in json.load(sys.stdin)]))


def _status(folder: str, at: int, failing: int) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _deliver(folder, at, failing)
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _deliver(folder: str, at: int, failing: int) -> None:
    count = 0

    def step(work: Callable[..., object]) -> Callable[..., object]:
        def stepping(*arguments: object, **named: object) -> object:
            nonlocal count
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)
            if count == failing:
                raise OSError(errno.EIO, os.strerror(errno.EIO), "somewhere")
            return work(*arguments, **named)

        return stepping

    moves.move = step(moves.move)  # type: ignore[assignment]
    moves.remove = step(moves.remove)  # type: ignore[assignment]
    moves.write_whole = step(moves.write_whole)  # type: ignore[assignment,attr-defined]
    with scratch(folder, "job-2") as root:
        new = contents("new")
        files = {name: root / name for name in sorted(new, key=lambda name: name == MANIFEST)}
        for name, path in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(new[name])
        old = replaceable(Path(folder), overwrite=True, is_run_folder=False)
        moves.Replacement.of(Path(folder), root.parent, old, files).carry_out(lambda: None)


if __name__ == "__main__":
    main()
