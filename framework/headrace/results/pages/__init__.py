"""HTML pages: ``report/report.html`` of a run, ``summary.html`` of a sweep, ``flow.html``.

In: the records of finished runs (`headrace.results.records`). Out: one HTML file for each, which
needs no network: charts are SVG in the page, styled by its own style sheet. The libraries for
templates and charts are imported only when a page is made.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.results.pages.story import Made
from headrace.results.program_manifest import parts_of
from headrace.runtime.spec import REPORT_PAGE

if TYPE_CHECKING:
    from headrace.results.pages.flow_page import Shown
    from headrace.results.records import SweepRecord
    from headrace.results.stored import RunRecord

RUN_PAGE = Path(REPORT_PAGE)
SWEEP_PAGE = Path("summary.html")
FLOW_PAGE = Path("flow.html")

_GENERATOR = b'<meta name="generator" content="headrace '
_BEGINNING = 4096
"""Bytes of a page that say whose it is."""


def get_ready(template: str = "run.html") -> None:
    """Import the modules that make the page of a run, while the job's processes start.

    Args:
        template: Its template, which is prepared as well.
    """
    with suppress(ImportError):  # reported when the page is to be made
        from headrace.results import reports
        from headrace.results.pages import run_page  # noqa: F401
        from headrace.results.pages.document import get_ready

        get_ready(template)
        reports.get_ready()


def begin_run_page(folder: Path) -> None:
    """Draw what takes longest on the page of a run, if its result is there: the page then has it.

    Args:
        folder: Where the run writes, which need not be the place of its result.
    """
    from headrace.results.stored import RunRecord

    with suppress(Exception):  # reported when the page is made
        from headrace.results.pages.run_page import draw_timeline

        draw_timeline(RunRecord.read(folder))


def get_ready_for_sweep() -> None:
    """Import the modules that make the page of a sweep, while its runs go on."""
    with suppress(ImportError):  # reported when the page is to be made
        from headrace.results.pages.document import get_ready
        from headrace.results.pages.sweep import page  # noqa: F401

        get_ready("sweep.html")


def write_run_page(record: RunRecord, made: Made | None = None, page: Path | None = None) -> Path:
    """Make the page of a run.

    Args:
        record: The result.
        made: How it was made; default: what an earlier page of it keeps, or else its request tells.
        page: The file; default: in the folder of the result.

    Returns:
        The page.

    Raises:
        UnreadableError: The manifest does not tell all that the page needs.
        OSError: It cannot be written.
    """
    from headrace.results.pages.document import write
    from headrace.results.pages.run_page import run_page
    from headrace.results.pages.script_page import script_page

    record.refuse_incomplete()
    own = record.folder / RUN_PAGE
    made = made or Made.of(record)
    if record.is_program:
        if page is None and any(part["file"] == REPORT_PAGE for part in parts_of(record.manifest)):
            raise FileExistsError("the program has written a file of that name")
        return write(page or own, "script.html", script_page(record, made))
    return write(page or own, "run.html", run_page(record, made))


def write_compare_page(
    page: Path,
    records: tuple[RunRecord, RunRecord],
    settings: Sequence[tuple[str, str, str]],
    differences: Sequence[str],
) -> Path:
    """Make the page that compares two results.

    Args:
        page: The file.
        records: The results, of one kind.
        settings: Those that differ, with both values.
        differences: What differs in the rows or the files.

    Returns:
        The page.

    Raises:
        OSError: It cannot be written.
    """
    from headrace.results.pages.compare_page import compare_page
    from headrace.results.pages.document import write

    for record in records:
        record.refuse_incomplete()
    return write(own_page(page), "compare.html", compare_page(records, settings, differences))


def own_page(page: Path) -> Path:
    """Return the path of a page that is to be made.

    Raises:
        FileExistsError: A file is there, and it is no page of ours.
        OSError: It cannot be read.
    """
    try:
        with page.open("rb") as file:
            is_ours = _GENERATOR in file.read(_BEGINNING)
    except FileNotFoundError:
        return page
    if not is_ours:
        what = "is there, and is no page that headrace has made; give another name"
        raise FileExistsError(errno.EEXIST, what, str(page))
    return page


def write_sweep_page(record: SweepRecord) -> Path:
    """Make the page of a sweep, in its folder.

    Returns:
        The page.

    Raises:
        OSError: It cannot be written.
    """
    from headrace.results.pages.document import write
    from headrace.results.pages.sweep.page import sweep_page

    return write(record.folder / SWEEP_PAGE, "sweep.html", sweep_page(record))


def try_run_page(folder: Path, made: Made | None = None) -> Path | None:
    """Make the page of a run that has just ended; the run is none the worse if that fails.

    Args:
        folder: ``output.path``.
        made: How it was made, if it is known.

    Returns:
        The page, if it was made.
    """
    from headrace.results.stored import RunRecord

    return _try(RUN_PAGE, lambda: write_run_page(RunRecord.read(folder), made))


def try_sweep_page(record: SweepRecord) -> Path | None:
    """Make the page of a sweep that has just ended; a failure is told, and no more.

    Returns:
        The page, if it was made.
    """
    return _try(SWEEP_PAGE, lambda: write_sweep_page(record))


def try_flow_page(
    folder: Path,
    name: str,
    jobs: Sequence[Shown],
    links: Mapping[str, str],
    facts: Mapping[str, Any],
) -> Path | None:
    """Make the page of a flow; a failure is told, and no more.

    Args:
        folder: Where it goes.
        name: Of the flow.
        jobs: Each behind all that it needs.
        links: Label → address of its page, for those that have one.
        facts: What else is told: name → value.

    Returns:
        The page, if it was made.
    """

    def write_flow_page() -> Path:
        from headrace.results.pages.document import write
        from headrace.results.pages.flow_page import flow_page

        return write(folder / FLOW_PAGE, "flow.html", flow_page(name, jobs, links, facts))

    return _try(FLOW_PAGE, write_flow_page)


def _try(page: Path, write: Callable[[], Path]) -> Path | None:
    try:
        return write()
    except Exception as exc:  # whatever it is, the results are there
        what = " ".join(f"{type(exc).__name__}: {exc}".split())
        print(f"note: {page} was not made ({what})", file=sys.stderr, flush=True)
        return None
