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
from headrace.runtime.spark.scan import Seen, cut, windows
from headrace.runtime.spec import JobSpec

Piece = tuple[Portion, int]
"""With its bytes."""
MOST = 512
"""Pieces in a split: opening a file takes about as long as reading 64 KB of one."""


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
    size = spec.runtime.split_bytes
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


def _own_pieces(file: Path, spec: JobSpec, size: int) -> list[Piece] | None:
    """Return the pieces of a file whose format has pieces of its own."""
    if not file.stat().st_size:
        return None
    return reader_of(format_of(file, spec.dataset.format)).cut(file, size)


def _with_bytes(portions: Iterable[Portion]) -> list[Piece]:
    return [(portion, _end(portion) - portion.start) for portion in portions]


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


def _end(portion: Portion) -> int:
    return portion.path.stat().st_size if portion.end is None else portion.end
