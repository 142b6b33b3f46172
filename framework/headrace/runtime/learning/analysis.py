"""Learning in a pass over the data, before rows are written.

What is learned does not depend on how rows are divided: any groups of them can be looked at
anywhere (`analysed`), and what came of it is put together in any order (`concluded`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from headrace.runtime.chain.bad_rows import Steps
from headrace.runtime.chain.chain import Link, refused
from headrace.runtime.chain.dictionaries import encoded, packed
from headrace.runtime.chain.kept import Kept, KeptRows
from headrace.runtime.chain.pipeline import Process, are_of_channel, blamed, of_channel
from headrace.runtime.chain.preflight import Prepared
from headrace.runtime.learning import states
from headrace.runtime.learning.passes import Pass
from headrace.runtime.learning.states import Gatherer, Merging
from headrace.runtime.plugins.promises import check_state
from headrace.runtime.sources import Group
from headrace.runtime.transform import Learner, Role, positions, speaks_for, takes_dictionaries


@dataclass(frozen=True)
class Seen:
    """The states of one group of rows.

    Attributes:
        done: Bytes of the input read so far.
        rows: Number of rows that were looked at.
        states: What each step learned from them, by its label.
        kept: The rows that reached the steps, for the next pass; None if they are not kept.
    """

    done: int
    rows: int
    states: dict[str, pa.Table]
    kept: KeptRows | None = None


class Analysis:
    """Looks at groups of rows; safe to call from several threads.

    Args:
        job: Its steps before the pass's place know what they learned.
        process: Runs these steps.
        this: The pass.
        kept: Says whether there is room for the rows, to be kept; None if they are not to be.
    """

    def __init__(
        self, job: Prepared, process: Process, this: Pass, kept: Kept | None = None
    ) -> None:
        self._process = process
        self._kept = kept
        self._pass = this
        self._learners = this.learners(job)
        self._hidden = this.hidden(job)

    def __call__(self, group: Group | KeptRows, first_row: int = 0) -> Seen:
        """Let the steps learn from some rows.

        Raises:
            DataError: A row is bad, and bad rows are not to be skipped.
            ReadAgain: A row that was kept is bad.
        """
        steps, batch = self._process.until(self._pass.place, group, first_row)
        kept = None
        if self._keeps(group) and not steps.rejected:
            batch = encoded(batch)
            kept = KeptRows(group.done, self._pass.place, steps.left_out, packed(batch))
        for link, learner in self._learners:
            if takes_dictionaries(learner):  # codes are chosen sooner than texts
                batch = link.suited(batch)
        states = self._learned(steps, self._chosen(steps, batch))
        return Seen(group.done, batch.num_rows, states, None if steps.rejected else kept)

    def _keeps(self, group: Group | KeptRows) -> bool:
        if self._kept is None:
            return False
        return self._kept.has_room or isinstance(group, KeptRows)

    def _chosen(self, steps: Steps, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self._pass.numbers:
            return _unnumbered(batch)
        chosen = of_channel(batch, 0)
        if chosen.num_rows != batch.num_rows:
            steps.stay(chosen.num_rows, partial(are_of_channel, batch, 0))
        return chosen

    def _learned(self, steps: Steps, batch: pa.RecordBatch) -> dict[str, pa.Table]:
        learned: dict[str, pa.Table] = {}
        for link, learner in self._learners:
            hidden = self._hidden[link.label]
            batch = steps.run(batch, partial(_accumulated, link, learner, hidden, learned))
        return learned


class Gathering:
    """Puts together what the steps of one pass learn, as it comes."""

    def __init__(self, job: Prepared, this: Pass) -> None:
        self._states = {
            link.label: _State(link, learner, _empty(job, link, learner, this))
            for link, learner in this.learners(job)
        }

    def add(self, learned: Mapping[str, pa.Table]) -> None:
        """Take in what was learned from further rows."""
        for label, state in learned.items():
            self._states[label].add(state)

    def merged(self) -> dict[str, pa.Table]:
        """Return the state of all rows so far, by the step's label."""
        return {label: state.merged() for label, state in self._states.items()}

    def finished(self) -> dict[str, pa.Table]:
        """Return what the steps have to know of it.

        Raises:
            ChainError: A step cannot work with what it learned.
        """
        return {label: state.finished() for label, state in self._states.items()}


def analysed(
    job: Prepared, this: Pass, groups: Iterable[tuple[Group, int]], *, skip_bad_rows: bool
) -> tuple[list[int], dict[str, bytes]]:
    """Let the steps of one pass learn from some rows, to be sent to where it is put together.

    Args:
        job: Its steps before the pass's place know what they learned.
        this: The pass.
        groups: Rows of the input, each group with the position of its first row in the whole
            input, which may be 0 where no step wants it.
        skip_bad_rows: Do not learn from bad rows, instead of raising `DataError`.

    Returns:
        Number of rows of each group, and the state of each of the steps, by its label.

    Raises:
        DataError: A row is bad, and bad rows are not to be skipped.
        ChainError: A step cannot work with what it learned.
    """
    look = Analysis(job, Process(job, skip_bad_rows=skip_bad_rows), this)
    gathering, rows = Gathering(job, this), []
    for group, first_row in groups:
        seen = look(group, first_row)
        gathering.add(seen.states)
        rows.append(seen.rows)
    return rows, _bytes_of(gathering)


def gathered(job: Prepared, this: Pass, learned: Iterable[Mapping[str, bytes]]) -> dict[str, bytes]:
    """Return what `analysed` gave for some rows, in any order, as if it had seen them all.

    Raises:
        ChainError: A step cannot work with what it learned.
    """
    return _bytes_of(_gathering(job, this, learned))


def concluded(job: Prepared, this: Pass, learned: Iterable[Mapping[str, bytes]]) -> Prepared:
    """Return the job after a pass.

    Args:
        job: The job before it.
        this: The pass.
        learned: What `analysed` gave for all rows, each of them once, in any order.

    Raises:
        ChainError: A step cannot work with what it learned.
    """
    return job.with_states(_gathering(job, this, learned).finished())


def _gathering(job: Prepared, this: Pass, learned: Iterable[Mapping[str, bytes]]) -> Gathering:
    gathering = Gathering(job, this)
    for each in learned:
        gathering.add({label: states.from_bytes(content) for label, content in each.items()})
    return gathering


def _bytes_of(gathering: Gathering) -> dict[str, bytes]:
    return {label: states.to_bytes(state) for label, state in gathering.merged().items()}


class _State:
    """The state of one step so far."""

    def __init__(self, link: Link, learner: Learner, empty: pa.Table) -> None:
        self._link = link
        self._learner = learner
        self._gatherer = _gatherer(learner)
        self.add(empty)

    def add(self, state: pa.Table) -> None:
        with refused(self._link.label), blamed(self._link):
            self._gatherer.add(state)

    def merged(self) -> pa.Table:
        with refused(self._link.label), blamed(self._link):
            return check_state(self._gatherer.merged(), "merge", self._link.place)

    def finished(self) -> pa.Table:
        state = self.merged()
        if not getattr(self._learner, "sorts", False):
            state = states.in_their_order(state)
        with refused(self._link.label), blamed(self._link):
            return check_state(self._learner.finish(state), "finish", self._link.place)


def _gatherer(learner: Learner) -> Gatherer:
    gatherer = None
    if speaks_for(type(learner), "gatherer", "merge"):
        gatherer = getattr(learner, "gatherer", lambda: None)()
    return Merging(learner.merge) if gatherer is None else gatherer


def _accumulated(
    link: Link,
    learner: Learner,
    hidden: frozenset[str],
    learned: dict[str, pa.Table],
    batch: pa.RecordBatch,
) -> pa.RecordBatch:
    seen = [place for place, name in enumerate(batch.schema.names) if name not in hidden]
    suited = link.suited(batch)
    suited = suited.select(seen) if hidden else suited
    with blamed(link), link.pointing_at(suited):
        state = learner.accumulate(suited)
        learned[link.label] = check_state(state, "accumulate", link.place)
    return batch


def _empty(job: Prepared, link: Link, learner: Learner, this: Pass) -> pa.Table:
    schema = job.columns.schema if this.numbers else link.before
    columns = [pa.array([], field.type) for field in schema]
    batch = pa.RecordBatch.from_arrays(columns, schema=schema)
    with blamed(link):
        state = learner.accumulate(_unnumbered(batch) if this.numbers else batch)
        return check_state(state, "accumulate", link.place)


def _unnumbered(batch: pa.RecordBatch) -> pa.RecordBatch:
    numbers = positions(batch.schema, Role.ROW_NUMBER)
    return batch.select([place for place in range(batch.num_columns) if place not in numbers])
