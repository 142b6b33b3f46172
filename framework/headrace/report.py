"""``python -m headrace.report FOLDER``: makes the page of a run or of a sweep again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from headrace.errors import HeadraceError
from headrace.results.pages import RUN_PAGE, SWEEP_PAGE, write_run_page, write_sweep_page
from headrace.results.records import RecordError, RunRecord, SweepRecord


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the page, say where it is, open nothing.

    Args:
        arguments: Of the command line; default: those of this process.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m headrace.report",
        description=f"Makes {RUN_PAGE} of a run's folder, or {SWEEP_PAGE} of a sweep's, again.",
    )
    parser.add_argument("folder", type=Path, help="output.path of a run, or multirun/<date>/<time>")
    folder = parser.parse_args(arguments).folder
    try:
        print(page_of(folder))
    except (HeadraceError, OSError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


def page_of(folder: Path) -> Path:
    """Make the page of whatever a folder holds.

    Returns:
        Where it is.

    Raises:
        RecordError: It holds neither a run nor a sweep.
        OSError: The page cannot be written.
    """
    if not folder.is_dir():
        raise RecordError(f"{folder}: there is no such folder")
    try:
        run = RunRecord.read(folder)
    except RecordError as no_run:
        try:
            sweep = SweepRecord.read(folder)
        except RecordError:
            raise RecordError(f"{no_run}, and no runs of a sweep either") from None
        return write_sweep_page(sweep)
    return write_run_page(run)


if __name__ == "__main__":
    sys.exit(main())
