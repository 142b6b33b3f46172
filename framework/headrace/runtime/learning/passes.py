"""The passes over the data before rows are written, and the steps that learn in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from headrace.runtime.chain.chain import Link, wanted_of
from headrace.runtime.chain.columns import Columns
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

    def hidden(self, job: Prepared) -> dict[str, frozenset[str]]:
        """Return what each step does not see, by its label: the columns of those before it."""
        seen: frozenset[str] = frozenset()
        hidden = {}
        for link, learner in self.learners(job):
            hidden[link.label] = seen
            if len(self.labels) > 1:
                seen |= _touched(learner, link.before) or frozenset()
        return hidden

    def columns(self, job: Prepared) -> Columns | None:
        """Return the columns that it needs if these are not all, in the pass that numbers rows."""
        schema = job.columns.schema
        learners = [learner for _, learner in self.learners(job)]
        touched = [_touched(learner, schema) for learner in learners]
        wants_more = not {Role.ROW_NUMBER}.issuperset(wanted_of(learners, schema))
        if not self.numbers or None in touched or wants_more:
            return None
        return job.columns.only(frozenset(name for each in touched for name in each or ()))

    def learners(self, job: Prepared) -> list[tuple[Link, Learner]]:
        """Return the steps that learn in it."""
        links = [link for link in job.links if link.label in self.labels]
        return [(link, link.learner) for link in links if link.learner is not None]


def passes(job: Prepared) -> tuple[Pass, ...]:
    """Return what has to be done before rows are written, in this order.

    A step learns from what the steps before it make, so those have to have learned already;
    neighbours that touch different columns, all of them declared, learn in one pass. None of
    them sees the columns of those before it, which are not yet what they will be.
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
    others = [_touched(link.transform, link.before) for link in neighbours[:-1]]
    touched = _touched(last.transform, last.before)
    if touched is None or None in others:
        return False
    taken = frozenset(name for each in others for name in each or ())
    left = pa.schema([field for field in first if field.name not in taken])
    if _touched(last.transform, left) != touched:
        return False
    return all(left.field(x).equals(last.before.field(x), check_metadata=True) for x in touched)


def _touched(transform: Transform, schema: pa.Schema) -> set[str] | None:
    """Return the columns that a step touches; None if it does not say, or could not work there."""
    touches = getattr(transform, "touches", None)
    try:
        return None if touches is None else set(touches(schema))
    except ValueError:
        return None
