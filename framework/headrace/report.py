"""``python -m headrace.report PLACE``: make the page of a run or of a sweep again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from headrace.errors import HeadraceError
from headrace.results.layout import MANIFEST
from headrace.results.pages import (
    RUN_PAGE,
    SWEEP_PAGE,
    own_page,
    write_run_page,
    write_sweep_page,
)
from headrace.results.records import RecordError, SweepRecord
from headrace.results.stored import StoredResult, UnreadableError
from headrace.runtime.shown import plain
from headrace.uris import S3


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the page, say where it is, open nothing.

    Args:
        arguments: Of the command line; default: those of this process.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m headrace.report",
        description=f"Makes {RUN_PAGE} of a run's folder, or {SWEEP_PAGE} of a sweep's, again; of "
        "a result on S3, a page here.",
    )
    parser.add_argument(
        "place", help="output.path of a run, here or on s3://, or multirun/<date>/<time>"
    )
    parser.add_argument(
        "--html", type=Path, metavar="PAGE", help="the page to make; on s3://: NAME.html by default"
    )
    given = parser.parse_args(arguments)
    try:
        print(page_of(given.place, given.html))
    except HeadraceError as exc:
        print(exc, file=sys.stderr)
        return 1
    except OSError as exc:
        where = "" if exc.filename is None else f"{plain(str(exc.filename))}: "
        print(f"{where}{exc.strerror or exc}", file=sys.stderr)
        return 1
    return 0


def page_of(place: str, page: Path | None = None) -> Path:
    """Make the page of whatever a place holds.

    Args:
        place: The folder of a run or a sweep, or the ``s3://…`` of a run.
        page: The file; default: in the folder or, of a result on S3, in the current one, called
            like the last part of the place.

    Returns:
        Where it is.

    Raises:
        HeadraceError: It holds neither a run nor a sweep, or cannot be read.
        OSError: The page cannot be written.
    """
    if place.startswith(S3):
        run = StoredResult(place).record()
        name = PurePosixPath(place).name
        return write_run_page(run, page=own_page(page or Path(f"{name}.html")))
    folder = Path(place)
    if not folder.is_dir():
        raise RecordError(f"{folder}: there is no such folder")
    try:
        run = StoredResult(place).record()
    except UnreadableError as no_run:
        if (folder / MANIFEST).exists():
            raise
        try:
            sweep = SweepRecord.read(folder)
        except RecordError:
            raise RecordError(f"{no_run}, and no runs of a sweep either") from None
        if page is not None:
            what = "a sweep's page is made in its folder; leave out --html"
            raise RecordError(f"{folder}: {what}") from no_run
        return write_sweep_page(sweep)
    return write_run_page(run, page=None if page is None else own_page(page))


if __name__ == "__main__":
    sys.exit(main())
