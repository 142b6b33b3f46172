"""Splits, which one task reads each: small files together, large ones in several pieces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from pathlib import Path

from headrace.runtime.sources import Portion
from headrace.runtime.sources.files import format_of
from headrace.runtime.sources.readers import reader_of
from headrace.runtime.spark.scan import Seen, cut, end_of, windows
from headrace.runtime.spec import JobSpec

Piece = tuple[Portion, int]
"""With its bytes."""
MOST = 512
"""Pieces in a split: opening a file takes about as long as reading 64 KB of one."""
EVENLY = 4
"""The splits of one large file are a multiple of this: few cores then end at the same time."""
LEAST = 4 << 20
"""Bytes of a split, below which none is made smaller for that."""


@dataclass(frozen=True)
class Split:
    """The work of one task.

    Attributes:
        number: Its place among all splits, which are in the input's order.
        portions: What it reads, in order.
        bytes: How much that is, about.
        mark: What keeps the names of its parts apart from the others'; nothing if it is alone.
        first_rows: Position in the whole input of the first row of each group of blocks, where
            rows are numbered.
    """

    number: int
    portions: tuple[Portion, ...]
    bytes: int
    mark: str = ""
    first_rows: tuple[int, ...] | None = None

    def to_json(self) -> str:
        """Return the split as text, which is what travels."""
        pieces = [[str(each.path), each.start, each.end] for each in self.portions]
        return json.dumps([self.number, pieces, self.bytes, self.mark, self.first_rows])

    @classmethod
    def from_json(cls, text: str) -> Split:
        """Return what `to_json` has written."""
        number, pieces, size, mark, first_rows = json.loads(text)
        portions = tuple(Portion(Path(path), start, end) for path, start, end in pieces)
        first = None if first_rows is None else tuple(first_rows)
        return cls(number, portions, size, mark, first)


def splits_to_json(splits: Iterable[Split]) -> str:
    """Return several splits as text."""
    return json.dumps([split.to_json() for split in splits])


def splits_from_json(text: str) -> list[Split]:
    """Return what `splits_to_json` has written."""
    return [Split.from_json(each) for each in json.loads(text)]


def shared_out(splits: Sequence[Split], cores: int) -> list[Sequence[Split]]:
    """Put splits together that one task writes; no file depends on that.

    Args:
        splits: All of them.
        cores: Tasks that run at a time.

    Returns:
        Two in each, if every core has a single task then, else one: a task begins and ends for
        the time in which it reads a few MB, and what it saw has to be merged.
    """
    each = 2 if cores < len(splits) <= 2 * cores else 1
    return [splits[start : start + each] for start in range(0, len(splits), each)]


def splits_of(
    files: Sequence[Path], spec: JobSpec, look: Callable[[Sequence[Portion]], Sequence[Seen]]
) -> list[Split]:
    """Cut an input.

    Args:
        files: The input.
        spec: Says how files are read, and how large a split is.
        look: Looks at windows of files, for where these can be cut.

    Raises:
        DataError: A file cannot be read.
    """
    size = split_size(sum(file.stat().st_size for file in files), spec.runtime.split_bytes)
    found = [windows(file, spec.dataset, size) for file in files]
    large = [window for each in found if len(each) > 1 for window in each]
    seen = iter(look(large) if large else ())
    pieces: list[Piece] = []
    for file, each in zip(files, found, strict=True):
        if own := _own_pieces(file, spec, size):
            pieces += own
        elif len(each) > 1:
            found_here = list(islice(seen, len(each)))
            pieces += _with_bytes(cut(each, found_here, spec.dataset.max_line_bytes))
        else:
            pieces += _with_bytes(each)
    return packed(pieces, size)


def split_size(total: int, most: int) -> int:
    """Return the bytes of a split, about.

    It follows from the input alone, not from the cores, as the names and the rows of parts do.

    Args:
        total: Bytes of the whole input.
        most: Of a split, but for a few of what would be left over at the end.
    """
    count = -(-total // most)
    count = max(count + -count % EVENLY, 1)
    even = max(-(-total // count), min(most, LEAST))
    return even + even // 16


def _own_pieces(file: Path, spec: JobSpec, size: int) -> list[Piece] | None:
    """Return the pieces of a file whose format has pieces of its own."""
    if not file.stat().st_size:
        return None
    return reader_of(format_of(file, spec.dataset.format)).cut(file, size)


def _with_bytes(portions: Iterable[Portion]) -> list[Piece]:
    return [(portion, end_of(portion) - portion.start) for portion in portions]


def packed(pieces: Iterable[Piece], size: int) -> list[Split]:
    """Put neighbours together as long as they are no larger than one split.

    Args:
        pieces: All of the input, in order.
        size: Bytes of a split, about.
    """
    found = list(_together(pieces, size))
    return [
        Split(
            number,
            tuple(portion for portion, _ in together),
            sum(own for _, own in together),
            f"{number:05d}" if len(found) > 1 else "",
        )
        for number, together in enumerate(found)
    ]


def numbered(splits: Sequence[Split], rows: Sequence[Sequence[int]]) -> list[Split]:
    """Return the splits with the position of each group's first row.

    Args:
        splits: All of them.
        rows: Number of rows of each group of each split.
    """
    made, before = [], 0
    for split, counts in zip(splits, rows, strict=True):
        *first_rows, before = accumulate(counts, initial=before)
        made.append(replace(split, first_rows=tuple(first_rows)))
    return made


def _together(pieces: Iterable[Piece], size: int) -> Iterator[list[Piece]]:
    waiting: list[Piece] = []
    bytes_waiting = 0
    for portion, own in pieces:
        if waiting and (bytes_waiting + own > size or len(waiting) == MOST):
            yield waiting
            waiting, bytes_waiting = [], 0
        waiting.append((portion, own))
        bytes_waiting += own
    if waiting:
        yield waiting
