"""The passes over the data before rows are written, and the steps that learn in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from headrace.runtime.chain.chain import Link, wanted_of
from headrace.runtime.chain.preflight import Prepared
from headrace.runtime.transform import Learner, Role, Transform


@dataclass(frozen=True)
class Pass:
    """One pass over the data.

    Attributes:
        place: Number of steps that rows go through before they are looked at.
        labels: The steps that learn from them.
        numbers: Whether it is the one that numbers the rows, all of them, as they are read.
    """

    place: int
    labels: tuple[str, ...]
    numbers: bool = False

    def learners(self, job: Prepared) -> list[tuple[Link, Learner]]:
        """Return the steps that learn in it."""
        links = [link for link in job.links if link.label in self.labels]
        return [(link, link.learner) for link in links if link.learner is not None]


def passes(job: Prepared) -> tuple[Pass, ...]:
    """Return what has to be done before rows are written, in this order.

    A step learns from what the steps before it make, so those have to have learned already;
    neighbours that touch different columns, all of them declared, learn in one pass.
    """
    learning = [place for place, link in enumerate(job.links) if link.learner is not None]
    numbered = [place for place in learning if _wants_numbers(job, place)]
    labels = [link.label for link in job.links]
    made = [
        Pass(run[0], tuple(labels[place] for place in run))
        for run in _runs(job.links, [place for place in learning if place not in numbered])
    ]
    if not job.is_numbered:
        return tuple(made)
    return (Pass(0, tuple(labels[place] for place in numbered), numbers=True), *made)


def _wants_numbers(job: Prepared, place: int) -> bool:
    wanted = wanted_of([job.links[place].transform], job.columns.schema)
    return Role.ROW_NUMBER in wanted


def _runs(links: Sequence[Link], places: Sequence[int]) -> Iterator[list[int]]:
    """Return the places, those together that learn in one pass."""
    run: list[int] = []
    for place in places:
        if run and (run[-1] + 1 < place or not _are_apart(links[run[0] : place + 1])):
            yield run
            run = []
        run.append(place)
    if run:
        yield run


def _are_apart(neighbours: Sequence[Link]) -> bool:
    """Return whether the last one gets the same in its columns as the first one does."""
    first, last = neighbours[0].before, neighbours[-1]
    touched = [_touched(link.transform, link.before) for link in neighbours]
    if None in touched or touched[-1] != _touched(last.transform, first):
        return False
    names = [name for each in touched for name in each or ()]
    same = all(
        first.field(name).equals(last.before.field(name), check_metadata=True)
        for name in touched[-1] or ()
    )
    return same and len(set(names)) == len(names)


def _touched(transform: Transform, schema: pa.Schema) -> set[str] | None:
    """Return the columns that a step touches; None if it does not say, or could not work there."""
    touches = getattr(transform, "touches", None)
    try:
        return None if touches is None else set(touches(schema))
    except ValueError:
        return None
