"""Measures how long headrace takes to start: the sample's 5,000 rows leave little else to do.

    python -m benchmarks.startup --runs 10

What it cannot do without is Hydra composing the configuration, and an interpreter that imports
NumPy and pyarrow. The commands take turns, so that whatever else the machine does falls on all.
CPU seconds are of all processes of a command; seconds of the clock need two cores that are free.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import machine, spread, times
from benchmarks.measure import measure
from benchmarks.run import ROOT

RUN, BARE, IMPORTS = "`run.py` on the sample", "bare Hydra, composing", "NumPy and pyarrow imported"
COMMANDS: Mapping[str, Sequence[str]] = {
    RUN: (str(ROOT / "run.py"), "output.path=out"),
    BARE: (str(ROOT / "benchmarks" / "bare_hydra.py"), "~hydra.callbacks.summary"),
    IMPORTS: ("-c", "import numpy, pyarrow"),
}


Seconds = tuple[float, float]
"""Of the clock, and of the CPU."""


def measured(runs: int, folder: Path) -> dict[str, list[Seconds]]:
    """Run all commands in turn, after a round that fills the caches.

    Returns:
        What each run took.

    Raises:
        RuntimeError: One of them failed.
    """
    seconds: dict[str, list[Seconds]] = {name: [] for name in COMMANDS}
    for turn in range(runs + 1):
        for name, argv in COMMANDS.items():
            shutil.rmtree(folder / "out", ignore_errors=True)
            result = measure((sys.executable, *argv), cwd=folder, memory=False)
            if result.returncode:
                raise RuntimeError(f"{name}: status {result.returncode}\n{result.stderr}")
            if turn:
                seconds[name].append((result.wall_seconds, result.cpu_seconds))
    return seconds


def report(seconds: Mapping[str, Sequence[Seconds]]) -> str:
    """Return the table, in Markdown."""
    wall, cpu = ({name: [run[k] for run in runs] for name, runs in seconds.items()} for k in (0, 1))
    lines = ["| command | wall, s | CPU s |", "|---|---|---|"]
    lines += [f"| {name} | {spread(wall[name])} | {spread(cpu[name])} |" for name in seconds]
    clock, work = (
        times(each[RUN], [sum(pair) for pair in zip(each[BARE], each[IMPORTS], strict=True)])
        for each in (wall, cpu)
    )
    lines += ["", f"* {clock} times what the other two take together; CPU seconds: {work} times"]
    return "\n".join((*lines, "", machine()))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=10, help="runs of each command (%(default)s)")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        print(report(measured(arguments.runs, Path(folder))))


if __name__ == "__main__":
    main()
