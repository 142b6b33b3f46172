"""The tasks of executors: look where files can be cut, learn from splits, write parts.

Text and bytes come in and go out. A user's mistake is a result like any other, as Spark would try a
task again that raises it.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from headrace.runtime.chain.bad_rows import MOST_REJECTED, Rejection
from headrace.runtime.chain.pipeline import Process
from headrace.runtime.chain.preflight import Prepared, preflight
from headrace.runtime.learning import states
from headrace.runtime.learning.analysis import analysed, gathered
from headrace.runtime.learning.passes import Pass
from headrace.runtime.output.parts import PartWriter
from headrace.runtime.output.writers import writer_of
from headrace.runtime.process.setup import set_up
from headrace.runtime.process.threads import Background
from headrace.runtime.sources import Group, groups_of
from headrace.runtime.spark.order import Learned, Order, Place
from headrace.runtime.spark.scan import Seen, look_at
from headrace.runtime.spark.splits import Split, splits_from_json
from headrace.runtime.spec import under
from headrace.runtime.statistics.metrics import Totals
from headrace.runtime.statistics.observed import Observed


@lru_cache(maxsize=2)
def prepared(order: Order, learned: Learned) -> Prepared:
    """Return the job, its steps knowing what they learned; worked out once in each process."""
    set_up(order.job.runtime.kernels)
    known = {label: states.from_bytes(content) for label, content in learned}
    return preflight(order.job, [Path(order.first)]).with_states(known)


Learning = tuple[dict[int, list[int]], dict[str, bytes]]
"""Rows of each group of each split, by its number; the state of each step, by its label."""
Rejected = tuple[int, Rejection]
"""The number of a split, and a row of it that was left out."""
Writing = tuple[dict[str, list[dict[str, Any]]], bytes, float, list[Rejected]]
"""The parts of each channel, what was observed of the rows, the process's peak memory in MB, and
the first rows that were left out."""


class Written(NamedTuple):
    """The results of some splits.

    Attributes:
        parts: The parts of each channel.
        observed: What was observed of the rows.
        peak_memory_mb: Of the process that had the most.
        rejected: The first rows that were left out.
    """

    parts: dict[str, list[dict[str, Any]]]
    observed: Observed
    peak_memory_mb: float
    rejected: list[Rejected]

    def to_plain(self) -> Writing:
        """Return all of it as what travels."""
        return self.parts, self.observed.to_bytes(), self.peak_memory_mb, self.rejected


def scan(order: Order, text: str) -> list[Seen]:
    """Look at some windows of files of lines."""
    set_up(order.job.runtime.kernels)
    dataset = order.job.dataset
    return [look_at(window, dataset) for window in Split.from_json(text).portions]


def learn(order: Order, learned: Learned, place: Place, text: str) -> Learning:
    """Let the steps of one pass learn from one split."""
    split, job = Split.from_json(text), prepared(order, learned)
    skip = order.job.dataset.skips_bad_rows
    groups = groups_of_split(order, job, split)
    rows, content = analysed(job, Pass(*place), groups, skip_bad_rows=skip)
    return {split.number: rows}, content


def learned_together(
    order: Order, learned: Learned, place: Place, learnings: Sequence[Learning]
) -> Learning:
    """Return what several splits told, in one."""
    rows = {number: counts for each, _ in learnings for number, counts in each.items()}
    job, contents = prepared(order, learned), [content for _, content in learnings]
    return rows, gathered(job, Pass(*place), contents)


def write(order: Order, learned: Learned, text: str) -> Writing:
    """Write the parts of some splits, on this host.

    The same split gives the same files, wherever and how often it is done, and with which others.
    """
    job, skip = prepared(order, learned), order.job.dataset.skips_bad_rows
    process = Process(job, skip_bad_rows=skip, counts_tokens=order.job.output.tokens)
    made: dict[str, list[dict[str, Any]]] = {name: [] for name in job.channels}
    totals, rejected = Totals(), list[Rejected]()
    for split in splits_from_json(text):
        with closing(Background()) as background:
            writer = part_writer(order, job, job.channels, split.mark, background)
            for group, first_row in groups_of_split(order, job, split):
                rows = process(group, first_row).rows
                totals.add(rows)
                rejected += [(split.number, each) for each in rows.rejections]
                process.lists_bad_rows &= len(rejected) < MOST_REJECTED
                for channel, batch in rows.by_channel.items():
                    writer.add(job.channels[channel], batch)
            for name, parts in writer.close(fill=False).items():
                made[name] += [part.raw for part in parts]
    observed = Observed(totals, process.statistics(), job.columns.time)
    return Written(made, observed, _peak_memory_mb(), rejected[:MOST_REJECTED]).to_plain()


def written_together(writings: Sequence[Writing]) -> Written:
    """Return what several splits left, in one."""
    first, *others = (Observed.from_bytes(observed) for _, observed, _, _ in writings)
    for other in others:
        first.merge(other)
    channels = writings[0][0]
    parts = {name: [part for made, _, _, _ in writings for part in made[name]] for name in channels}
    rejected = [each for *_, every in writings for each in every]
    rejected.sort(key=lambda each: each[0])
    peak = max(peak for _, _, peak, _ in writings)
    return Written(parts, first, peak, rejected[:MOST_REJECTED])


def part_writer(
    order: Order, job: Prepared, channels: Sequence[str], mark: str, background: Background
) -> PartWriter:
    """Return what writes the parts of a split into this host's output folders."""
    spec = order.job
    folders = {name: under(Path(order.root), spec.outputs[name]) for name in channels}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    writer, rows_per_part = writer_of(spec.output), spec.output.rows_per_part
    return PartWriter(folders, job.schema, writer, rows_per_part, background, mark)


def groups_of_split(order: Order, job: Prepared, split: Split) -> Iterator[tuple[Group, int]]:
    """Return the rows of a split, and where they stand in the whole input if that is known."""
    spec = order.job
    groups = groups_of(split.portions, spec.dataset, job.columns, spec.runtime.block_bytes)
    if split.first_rows is None:
        return ((group, 0) for group in groups)
    return zip(groups, split.first_rows, strict=True)


def _peak_memory_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)
