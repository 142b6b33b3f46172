"""Learning as a job does it, for tests of steps that learn."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from headrace.runtime.chain.chain import Link, bind, with_states
from headrace.runtime.learning.states import from_bytes, in_their_order, to_bytes
from headrace.runtime.transform import Learner


def learned(step: Learner, *batches: pa.RecordBatch) -> Link:
    """The step once it has learned from some rows, what it learned having been kept and read."""
    state = step.merge([step.accumulate(batch) for batch in batches])
    kept = from_bytes(to_bytes(step.finish(in_their_order(state))))
    links = bind([("step", step)], batches[0].schema)
    return with_states(links, {"step": kept})[0]


def column(link: Link, batch: pa.RecordBatch, name: str) -> list[Any]:
    """The cells of a column that the step makes."""
    cells: list[Any] = link.apply(batch).column(name).to_pylist()
    return cells
