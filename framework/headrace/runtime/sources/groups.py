"""Blocks that are worked on together: thousands of small files cost little more than one large."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from headrace.runtime.sources.base import BadRow, Block, Parsed
from headrace.runtime.sources.files import name_of


class Place(NamedTuple):
    """The place of a row: the block, its number in its group, and the line."""

    number: int
    block: Block
    line: int


@dataclass(frozen=True)
class Group:
    """Blocks that follow one another, as one piece of work.

    Attributes:
        blocks: At least one.
        done: Bytes on disk of the whole input that have been read when these are.
    """

    blocks: tuple[Block, ...]
    done: int

    def parse(self) -> Parsed:
        """Return the rows of all of them; called once, in any thread."""
        if len(self.blocks) == 1:
            return self.blocks[0].parse()
        parsed = [block.parse() for block in self.blocks]
        bad = tuple(row for each in parsed for row in each.bad)
        return Parsed(_together([each.batch for each in parsed]), bad)

    def place(self, row: int) -> str:
        """Return where a good row stands, for a person."""
        (found,) = self.places([row])
        return found.block.named(found.line)

    def places(self, rows: Sequence[int]) -> list[Place]:
        """Return where some good rows stand, in ascending order."""
        found: list[Place] = []
        before = 0
        if not rows:
            return found
        for index, block in enumerate(self.blocks):
            if len(found) == len(rows):
                break
            size = block.parse().batch.num_rows if len(self.blocks) > 1 else rows[-1] + 1
            own = [row - before for row in rows[len(found) :] if row < before + size]
            lines = block.lines_of(own) if own else []
            found += [Place(index, block, line) for line in lines]
            before += size
        if len(found) < len(rows):
            raise IndexError(rows[len(found)])
        return found

    @property
    def somewhere(self) -> Place:
        """Return the place of a row of which no more is known."""
        return Place(len(self.blocks) - 1, self.blocks[-1], 0)

    def place_of(self, bad: BadRow) -> Place:
        """Return where a bad row stands."""
        index = next(index for index, block in enumerate(self.blocks) if block is bad.block)
        return Place(index, bad.block, bad.line())

    @property
    def name(self) -> str:
        """Return the file that the rows are from, or the first and the last of several."""
        first, last = name_of(self.blocks[0].path), name_of(self.blocks[-1].path)
        return first if first == last else f"{first} to {last}"


def _together(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Return one batch; a column that only some of them have is null for the others."""
    if all(batch.schema.equals(batches[0].schema) for batch in batches):
        return pa.concat_batches(batches)
    tables = map(pa.Table.from_batches, ([batch] for batch in batches))
    table = pa.concat_tables(tables, promote_options="default").combine_chunks()
    return next(iter(table.to_batches()), batches[0])


def grouped(blocks: Iterable[tuple[Block, int]], size: int) -> Iterator[Group]:
    """Put blocks together as long as they are no larger than one block of full size.

    Args:
        blocks: Each with the bytes of the whole input that have been read when it is.
        size: Bytes of a block of full size.
    """
    waiting: list[Block] = []
    bytes_waiting = done = 0
    failure: Exception | None = None
    try:
        for block, read in blocks:
            if waiting and bytes_waiting + block.size > size:
                yield Group(tuple(waiting), done)
                waiting, bytes_waiting = [], 0
            waiting.append(block)
            bytes_waiting += block.size
            done = read
            if block.size > size // 2:  # hardly anything goes with it: its work begins at once
                yield Group(tuple(waiting), done)
                waiting, bytes_waiting = [], 0
    except Exception as error:  # what stands before the fault comes first
        failure = error
    if waiting:
        yield Group(tuple(waiting), done)
    if failure:
        raise failure
