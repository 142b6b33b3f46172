"""The summary of a sweep: a table for the terminal, and ``summary.csv`` with everything."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from headrace.results.records import SweepRecord, SweepRun
from headrace.results.reports import is_number
from headrace.results.result import bytes_of
from headrace.results.stored import RunRecord
from headrace.results.whole_files import write_whole
from headrace.runtime.shown import plain
from headrace.terminal.colours import GREEN, RED, YELLOW, Stream, coloured, is_terminal
from headrace.terminal.tables import aligned, fitted, width_of
from headrace.terminal.units import size

CSV = "summary.csv"
BEST = "best"
ABSENT = "-"
_FIRST_TO_GO = ("distinct_tokens", "peak_memory_mb", "bytes", "collision_rate", "auc")
"""Figures that a narrow terminal has no room for, the first one first; the CSV has them all."""
_MOST_WARNINGS = 10
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class Figure:
    """One column of the summary."""

    key: str
    """In the CSV."""
    head: str
    """On the terminal; nothing if it is not shown there."""
    of: Callable[[RunRecord], float | None]
    show: Callable[[Any], str]


def counted(run: RunRecord, metric: str) -> float | None:
    """Return a figure of ``metrics.json``, if the rows were hashed."""
    value: float | None = run.metrics.get(metric)
    return value


def judged(run: RunRecord, metric: str) -> float | None:
    """Return a figure of the evaluation, if there was one."""
    if run.evaluation is None:
        return None
    value: float | None = run.evaluation["channels"][run.evaluation["judged_on"]].get(metric)
    return value


def share(fraction: float) -> str:
    """Return a share with three digits, so that small ones can be told apart: ``13.7 %``."""
    return f"{fraction * 100:.3g} %"


FIGURES = (
    Figure("rows", "rows", lambda run: run.manifest.get("rows", {}).get("written"), "{:,}".format),
    Figure("rejected", "", lambda run: run.manifest.get("rows", {}).get("rejected"), "{:,}".format),
    Figure("seconds", "seconds", lambda run: run.timings.get("seconds"), "{:,.2f}".format),
    Figure("peak_memory_mb", "MB", lambda run: run.timings.get("peak_memory_mb"), "{:,.0f}".format),
    Figure("bytes", "size", lambda run: _bytes(run), size),
    Figure("distinct_tokens", "tokens", lambda run: counted(run, "distinct_tokens"), "{:,}".format),
    Figure("colliding_tokens", "", lambda run: counted(run, "colliding_tokens"), "{:,}".format),
    Figure("collision_rate", "colliding", lambda run: counted(run, "collision_rate"), share),
    Figure("log_loss", "log loss", lambda run: judged(run, "log_loss"), "{:.4f}".format),
    Figure("auc", "AUC", lambda run: judged(run, "auc"), "{:.4f}".format),
    Figure("rmse", "RMSE", lambda run: judged(run, "rmse"), "{:.6g}".format),
)


def _loss(run: RunRecord) -> float | None:
    """Return the log loss, or the error of a linear regression, if a model was judged."""
    loss = judged(run, "log_loss")
    return judged(run, "rmse") if loss is None else loss


def best(sweep: SweepRecord) -> int | None:
    """Return the number of the run with the least loss; nothing if none was evaluated."""
    losses = {
        run.number: loss
        for run in sweep.runs
        if run.record and (loss := _loss(run.record)) is not None
    }
    return min(losses, key=lambda number: (losses[number], number)) if losses else None


def show(sweep: SweepRecord) -> Path | None:
    """Print the table and write ``summary.csv`` into the sweep's folder.

    Returns:
        That file, if it could be written.
    """
    sys.stderr.flush()
    width = get_terminal_size().columns if is_terminal(sys.stdout) else None
    print(as_text(sweep, width, sys.stdout), flush=True)
    path = sweep.folder / CSV
    try:
        write_whole(path, as_csv(sweep).encode())
    except OSError as error:  # what the runs left is there all the same
        print(f"note: {path} was not written ({error.strerror})", file=sys.stderr, flush=True)
        return None
    return path


def as_csv(sweep: SweepRecord) -> str:
    """Return a line for each run, a column for each swept key and figure, numbers as they are."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        ["run", *sweep.swept, *(figure.key for figure in FIGURES), BEST, "output", "failure"]
    )
    champion = best(sweep)
    for run in sweep.runs:
        figures = ["" if value is None else value for value in _values(run)]
        chosen = [run.settings.get(key, "") for key in sweep.swept]
        mark = "yes" if run.number == champion else ""
        cells = [run.number, *chosen, *figures, mark, run.output, run.failure]
        table.writerow([_harmless(cell) for cell in cells])
    return text.getvalue()


def as_text(sweep: SweepRecord, width: int | None = None, stream: Stream | None = None) -> str:
    """Return the table of the runs that ended well, and the others with their reasons.

    Args:
        sweep: The sweep.
        width: Columns of the terminal that it is for; None if there is none.
        stream: That terminal, which may have colours.
    """
    done = [run for run in sweep.runs if not run.failure]
    lines = _table(sweep, done, width, stream) if done else []
    lines += [_painted(line, RED, stream) for line in _failures(sweep)]
    lines += _notes(done)
    lines += [_painted(line, YELLOW, stream) for line in _warnings(done)]
    return "\n".join(lines)


def _painted(line: str, colour: str, stream: Stream | None) -> str:
    return line if stream is None else coloured(line, colour, stream)


def _table(
    sweep: SweepRecord, done: Sequence[SweepRun], width: int | None, stream: Stream | None
) -> list[str]:
    figures = [
        figure
        for place, figure in enumerate(FIGURES)
        if figure.head and any(_values(run)[place] is not None for run in done)
    ]
    rows = _rows(sweep, done, figures)
    for key in _FIRST_TO_GO:
        if width and max(map(width_of, aligned(rows))) > width:
            figures = [figure for figure in figures if figure.key != key]
            rows = _rows(sweep, done, figures)
    if width:
        rows = fitted(rows, width, range(1, 1 + len(sweep.swept)))
    last = len(rows[0]) - 1

    def paint(_: int, column: int, cell: str) -> str:
        return _painted(cell, GREEN, stream) if column == last else cell

    return aligned(rows, range(last), paint)


def _rows(
    sweep: SweepRecord, done: Sequence[SweepRun], figures: Sequence[Figure]
) -> list[list[str]]:
    champion = best(sweep)
    rows = [["run", *short_keys(sweep.swept), *(figure.head for figure in figures), ""]]
    for run in done:
        chosen = [run.settings.get(key, ABSENT) for key in sweep.swept]
        cells = [shown(figure, run) for figure in figures]
        rows.append([str(run.number), *chosen, *cells, BEST if run.number == champion else ""])
    return rows


def shown(figure: Figure, run: SweepRun | None) -> str:
    """Return a figure of a run as the table shows it."""
    value = figure.of(run.record) if run and run.record else None
    return ABSENT if value is None else figure.show(value)


def _values(run: SweepRun) -> list[float | None]:
    return [figure.of(run.record) if run.record else None for figure in FIGURES]


def _failures(sweep: SweepRecord) -> list[str]:
    """Return each reason once, with the runs that failed for it."""
    failed: dict[str, list[SweepRun]] = {}
    for run in sweep.runs:
        if run.failure:
            failed.setdefault(run.failure, []).append(run)
    return [
        failure_of(runs[0], sweep.swept)
        if len(runs) == 1
        else f"{_named([run.number for run in runs])} failed: {_short(reason)}"
        for reason, runs in failed.items()
    ]


def failure_of(run: SweepRun, swept: Sequence[str]) -> str:
    """Return a line with the reason why a run failed.

    Args:
        run: The run.
        swept: Keys whose values are shown.
    """
    settings = ", ".join(f"{key}={run.settings.get(key, ABSENT)}" for key in swept)
    chosen = plain(settings, _SHOWN_CHARACTERS)
    return f"run {run.number}{chosen and f' ({chosen})'} failed: {_short(run.failure)}"


def _short(failure: str) -> str:
    reason = " ".join(failure.split())
    return reason if len(reason) <= _SHOWN_CHARACTERS else f"{reason[:_SHOWN_CHARACTERS]} …"


def _notes(done: Sequence[SweepRun]) -> list[str]:
    fused = [run.number for run in done if run.record and "fused_runs" in run.record.timings]
    if not fused:
        return []
    return [
        f"{_named(fused)} were done in one go; seconds and MB are those of all of them together"
    ]


def _warnings(done: Sequence[SweepRun]) -> list[str]:
    """Return each warning once, with the runs that it is about."""
    found: dict[str, list[int]] = {}
    for run in done:
        for warning in run.record.manifest.get("warnings", ()) if run.record else ():
            found.setdefault(warning["text"], []).append(run.number)
    lines = [
        f"warning: {text}" + ("" if len(numbers) == len(done) else f" ({_named(numbers)})")
        for text, numbers in found.items()
    ]
    if len(lines) > _MOST_WARNINGS:
        more = f"{len(lines) - _MOST_WARNINGS} more warnings: report/manifest.json of each run"
        return [*lines[:_MOST_WARNINGS], more]
    return lines


def _named(numbers: Sequence[int]) -> str:
    """Return runs by their numbers: ``run 0``, ``runs 0, 1``."""
    return f"run{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def short_keys(keys: Sequence[str]) -> list[str]:
    """Return the keys without the groups they are in, where that leaves no doubt."""
    last = [key.rpartition(".")[2] for key in keys]
    return last if len(set(last)) == len(last) else list(keys)


def _bytes(run: RunRecord) -> int:
    return bytes_of(run.manifest)


def _harmless(cell: object) -> object:
    """Return a text that a spreadsheet would take for a formula, marked as a text."""
    is_formula = isinstance(cell, str) and cell.startswith(_FORMULA) and not is_number(cell)
    return f"'{cell}" if is_formula else cell
