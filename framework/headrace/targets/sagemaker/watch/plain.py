"""The live table without Textual: drawn again on a terminal, printed again elsewhere."""

from __future__ import annotations

import os
import queue
import select
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from os import terminal_size

from headrace.targets.sagemaker.record import COLOURS
from headrace.targets.sagemaker.watch.feed import Feed, Snapshot
from headrace.targets.sagemaker.watch.rows import NUMBERS, STATE, counts, jobs_of, table
from headrace.targets.sagemaker.watch.source import Source
from headrace.terminal.block import Block
from headrace.terminal.capture import STDOUT
from headrace.terminal.colours import RED, has_colours, is_terminal, painted
from headrace.terminal.tables import aligned, cut

EXTRA = "pip install 'headrace[tui]' brings a filter, logs and keys to this view"
SECONDS_BETWEEN_DRAWINGS = 1.0
_PAPER = terminal_size((200, 10_000))
"""The width of an output that is no terminal: room for everything."""


def watch_plainly(
    sources: Sequence[Source],
    part: str | None,
    usd_per_hour: float | None,
    hint: str = "",
    is_enough: Callable[[], bool] = lambda: False,
) -> None:
    """Show the jobs until Ctrl-C, or until nobody reads stdout any more, as after ``| head``.

    On a terminal the table is drawn again and again in its place. Elsewhere it is printed at first,
    and then when a job has come up or its state has changed.

    Args:
        sources: Where to look.
        part: A text that names contain; None for any.
        usd_per_hour: Price of one instance; default: list prices.
        hint: A line for the user at a terminal.
        is_enough: Asked after each drawing; the end, if it says so.
    """
    updates: queue.SimpleQueue[Snapshot] = queue.SimpleQueue()
    feeds = [Feed(source, part, updates.put) for source in sources]
    snapshots = {source: Snapshot(source) for source in sources}
    view = _Redrawn(hint) if is_terminal(sys.stdout) else _Printed()
    out = os.dup(STDOUT)  # stdout itself leads nowhere after an error
    for feed in feeds:
        feed.start()
    try:
        while not is_enough() and _is_read(out):
            try:
                update = updates.get(timeout=SECONDS_BETWEEN_DRAWINGS)
                snapshots[update.source] = update
            except queue.Empty:
                pass
            view.show([*snapshots.values()], usd_per_hour)
    finally:
        for feed in feeds:
            feed.stop()
        os.close(out)


def _is_read(stream: int) -> bool:
    """Return whether what is written into a file descriptor still reaches somebody."""
    state = select.poll()
    state.register(stream, 0)
    return not any(event & select.POLLERR for _, event in state.poll(0))


class _Redrawn:
    """The table in its place on the terminal that stdout is; it stays there at the end."""

    def __init__(self, hint: str) -> None:
        self._hint = hint
        self._block = Block(sys.stdout.fileno())

    def show(self, snapshots: Sequence[Snapshot], usd_per_hour: float | None) -> None:
        columns, lines = self._block.size()
        hint = [cut(self._hint, columns)] if self._hint else []
        size = terminal_size((columns, lines - len(hint)))
        drawn = _lines(snapshots, usd_per_hour, size, has_colours(sys.stdout))
        self._block.draw([*drawn, *hint])


class _Printed:
    """Tables below each other, each with something new."""

    def __init__(self) -> None:
        self._last: object = None

    def show(self, snapshots: Sequence[Snapshot], usd_per_hour: float | None) -> None:
        if any(each.at is None and not each.error for each in snapshots):  # not all have answered
            return
        states = [[(job.key, job.record.status) for job in jobs_of(snapshots)]]
        news = [*states, [each.error.partition(";")[0] for each in snapshots]]
        if news != self._last:
            self._last = news
            print("\n".join(_lines(snapshots, usd_per_hour, _PAPER, False)), flush=True)


def _lines(
    snapshots: Sequence[Snapshot],
    usd_per_hour: float | None,
    size: terminal_size,
    is_coloured: bool,
) -> list[str]:
    jobs = jobs_of(snapshots)
    now = datetime.now(UTC)
    answers = [each.at for each in snapshots if each.at]
    at = f"; {max(answers):%Y-%m-%d %H:%M:%S} UTC" if answers else ""
    states = [counts(jobs) + at if answers else "asking SageMaker …"]
    errors = [f"{each.source}: {each.error}" for each in snapshots if each.error]
    said = [cut(line, size.columns) for line in (*errors, *states)]
    shown = jobs[: max(0, size.lines - 2 - len(said))]
    if len(shown) < len(jobs):
        said[-1] = cut(f"{said[-1]}; the newest {len(shown)} are shown", size.columns)
    if is_coloured:
        said[: len(errors)] = [painted(line, RED) for line in said[: len(errors)]]
    if not shown:
        return said

    def paint(row: int, column: int, cell: str) -> str:
        colour = COLOURS.get(cell.strip()) if row and column == STATE and is_coloured else None
        return painted(cell, colour) if colour else cell

    sources = [each.source for each in snapshots]
    rows = table(shown, sources, size.columns, usd_per_hour, now)
    right = [place for place, head in enumerate(rows[0]) if head in NUMBERS]
    return [*aligned(rows, right, paint), *said][: size.lines - 1]
