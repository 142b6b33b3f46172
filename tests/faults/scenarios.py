"""The jobs that faults meet: tiny ones, each of another shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROWS = 12
FILES = ("a.csv", "b.csv", "c.csv")
PLAIN = (
    *("dataset=csv", "dataset.label=click", "dataset.id=id", "dataset.numeric=[price]"),
    *("transform.n_features=32", "output.rows_per_part=8", "job.name=faults"),
)
OWN = {
    "train/notes.txt": b"mine\n",
    "report/seen.md": b"also mine\n",
    "mine.csv": b"id,click\n1,0\n",
    ".keep": b"",
}
"""Files of the user's own that lie among those of an earlier result."""


@dataclass(frozen=True)
class Scenario:
    """A job and what lies where its result goes.

    Attributes:
        name: Also in the names of the tests.
        overrides: Beside `PLAIN`.
        data: A file below the folder of inputs, or `.` for all of them.
        earlier: Name of the scenario whose result lies there already.
        own: Whether `OWN` lies there too.
        place: The setting that names the folder of the result.
    """

    name: str
    overrides: tuple[str, ...] = ()
    data: str = "a.csv"
    earlier: str = ""
    own: bool = False
    place: str = "output.path"

    def arguments(self, inputs: Path, output: Path) -> list[str]:
        """What comes behind ``run.py``."""
        places = [f"dataset.path={inputs / self.data}", f"{self.place}={output}"]
        return [*PLAIN, *places, *self.overrides]

    @property
    def leaves_a_plan(self) -> bool:
        """Whether there is no result in the end but a plan."""
        return "action=plan" in self.overrides


SAMPLED = (
    Scenario("fresh"),
    Scenario("overwrite", ("output.overwrite=true",), earlier="before", own=True),
    Scenario("logistic", ("evaluation=logistic",)),
    Scenario("overwrite", ("output.overwrite=true",), earlier="before", own=True),
    Scenario("hosts", ("resources.instance_count=2",), data="."),
    Scenario("plan", ("action=plan",)),
    Scenario("planned", earlier="plan"),
    Scenario("folder", data="."),
    Scenario("passes", ("transform=standard_hashing",)),
    Scenario("default", place="hydra.run.dir"),
)
"""Faults are dealt out to these, one after the other; to the one that can lose most twice."""
# More channels, more parts, another format: nothing of it may stay beside the new result.
BEFORE = Scenario(
    "before",
    (
        *("transform.steps.split.test_fraction=0.2", "transform.steps.split.train_fraction=0.4"),
        *("output.format=parquet", "output.rows_per_part=2"),
    ),
)
ALL = {scenario.name: scenario for scenario in (*SAMPLED, BEFORE)}


def write_inputs(folder: Path) -> None:
    """Write the files that all scenarios read from."""
    folder.mkdir()
    for number, name in enumerate(FILES):
        lines = _rows(number * ROWS)
        (folder / name).write_text("\n".join(("id,click,site,price", *lines, "")))


def _rows(first: int) -> Iterator[str]:
    for number in range(first, first + ROWS):
        yield f"{1000 + number},{number * 7 % 3 % 2},site{number % 5},{number % 4}.5"
