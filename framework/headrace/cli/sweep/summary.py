"""The summary of a sweep: a table for the terminal, and ``summary.csv`` with everything."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.results.records import RunRecord, SweepRecord, SweepRun
from headrace.results.result import bytes_of
from headrace.results.whole_files import write_whole
from headrace.terminal.tables import aligned
from headrace.terminal.units import size

CSV = "summary.csv"
BEST = "best"
_ABSENT = "-"
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


def show(sweep: SweepRecord) -> None:
    """Print the table and write ``summary.csv`` into the sweep's folder."""
    sys.stderr.flush()
    print(as_text(sweep), flush=True)
    path = sweep.folder / CSV
    try:
        write_whole(path, as_csv(sweep).encode())
    except OSError as error:  # what the runs left is there all the same
        print(f"note: {path} was not written ({error.strerror})", file=sys.stderr, flush=True)
    else:
        print(path, flush=True)


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


def as_text(sweep: SweepRecord) -> str:
    """Return the table of the runs that ended well, and the others with their reasons."""
    done = [run for run in sweep.runs if not run.failure]
    lines = _table(sweep, done) if done else []
    lines += [_failure(sweep, run) for run in sweep.runs if run.failure]
    lines += _notes(done)
    return "\n".join(lines)


def _table(sweep: SweepRecord, done: Sequence[SweepRun]) -> list[str]:
    shown = [
        (place, figure)
        for place, figure in enumerate(FIGURES)
        if figure.head and any(_values(run)[place] is not None for run in done)
    ]
    champion = best(sweep)
    heads = ["run", *_short(sweep.swept), *(figure.head for _, figure in shown)]
    rows = [[*heads, ""]]
    for run in done:
        values = _values(run)
        cells = [_shown(figure, values[place]) for place, figure in shown]
        chosen = [run.settings.get(key, _ABSENT) for key in sweep.swept]
        mark = BEST if run.number == champion else ""
        rows.append([str(run.number), *chosen, *cells, mark])
    return aligned(rows, right=range(len(heads)))


def _values(run: SweepRun) -> list[float | None]:
    return [figure.of(run.record) if run.record else None for figure in FIGURES]


def _shown(figure: Figure, value: float | None) -> str:
    return _ABSENT if value is None else figure.show(value)


def _failure(sweep: SweepRecord, run: SweepRun) -> str:
    chosen = ", ".join(f"{key}={run.settings.get(key, _ABSENT)}" for key in sweep.swept)
    reason = " ".join(run.failure.split())
    cut = reason if len(reason) <= _SHOWN_CHARACTERS else f"{reason[:_SHOWN_CHARACTERS]} …"
    return f"run {run.number}{chosen and f' ({chosen})'} failed: {cut}"


def _notes(done: Sequence[SweepRun]) -> list[str]:
    fused = [run.number for run in done if run.record and "fused_runs" in run.record.timings]
    if not fused:
        return []
    numbers = ", ".join(map(str, fused))
    return [f"runs {numbers} were done in one go; seconds and MB are those of all of them together"]


def _short(keys: Sequence[str]) -> list[str]:
    """Return the keys without the groups they are in, where that leaves no doubt."""
    last = [key.rpartition(".")[2] for key in keys]
    return last if len(set(last)) == len(last) else list(keys)


def _bytes(run: RunRecord) -> int:
    return bytes_of(run.manifest)


def _harmless(cell: object) -> object:
    """Return a text that a spreadsheet would take for a formula, marked as a text."""
    is_formula = isinstance(cell, str) and cell.startswith(_FORMULA) and not _is_number(cell)
    return f"'{cell}" if is_formula else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
