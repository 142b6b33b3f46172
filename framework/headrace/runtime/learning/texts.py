"""Counts of each text of each column, as a state: one row for each text, with the text itself.

Texts are told apart by 64 bits, as in `headrace.runtime.learning.counts`, which is several times as
fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ctypes import CDLL
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.chain import typed
from headrace.runtime.chain.typed import bytes_of_text
from headrace.runtime.hashing.hash64 import hash64, key_of
from headrace.runtime.hashing.tokens import I32, U64, Encoded
from headrace.runtime.hashing.words import Cells
from headrace.runtime.kernels import dense_calls, row_calls
from headrace.runtime.kernels.arrays import MOST
from headrace.runtime.kernels.library import library
from headrace.runtime.learning.counts import refuse_more
from headrace.runtime.learning.states import order_of, rows_of

HASH, COLUMN, TEXT, ROWS = "hash", "column", "value", "rows"
_BYTES_EACH = 160
_MOST_ROWS = 1 << 40
"""More than a text may stand in."""


def texts_of(columns: Mapping[str, pa.Array]) -> pa.Table:
    """Count in how many rows each text of some columns stands; nulls do not count.

    Args:
        columns: Text, or dictionaries of it; a value that stands in no row counts 0.
    """
    hashes, texts, counts = [np.empty(0, np.uint64)], [_no_texts()], [np.empty(0, np.int64)]
    for name, column in columns.items():
        cells = Encoded.of(column)
        hashes.append(hash64(cells.values, key_of(name)))
        texts.append(cells.values)
        counts.append(cells.rows())
    sizes = [len(each) for each in texts[1:]]
    codes = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    names = pa.DictionaryArray.from_arrays(codes, pa.array(list(columns), pa.string()))
    made = [np.concatenate(hashes), names, pa.concat_arrays(texts), np.concatenate(counts)]
    return pa.table(made, [HASH, COLUMN, TEXT, ROWS])


def added_up_texts(states: Sequence[pa.Table], max_values: int) -> pa.Table:
    """Add up counts, those of equal texts of a column.

    Args:
        states: At least one.
        max_values: Largest number of different texts, of all columns together.

    Raises:
        ValueError: There are more, or they are too long.
    """
    together = pa.concat_tables(states)
    first, rows = _added_up(together[HASH].to_numpy(), together[ROWS].to_numpy())
    if not rows.all():
        first, rows = first[rows > 0], rows[rows > 0]
    names = together[COLUMN].unify_dictionaries()
    merged = [_chosen(each, first) for each in (together[HASH], names, together[TEXT])]
    state = pa.table([*merged, rows], [HASH, COLUMN, TEXT, ROWS])
    refuse_more(state.num_rows, max_values, _BYTES_EACH)
    _refuse_longer(bytes_of_text(state[TEXT]))
    return state


class TextsGatherer:
    """Adds up counts as `added_up_texts` does, one state after the other.

    Args:
        kernels: The library.
        max_values: As there.
    """

    def __init__(self, kernels: CDLL, max_values: int) -> None:
        self._tally = dense_calls.Tally(kernels)
        self._names: list[pa.DictionaryArray] = []
        self._texts: list[pa.StringArray] = []
        self._bytes = 0
        self._max_values = max_values

    def add(self, state: pa.Table) -> None:
        """Take in a state.

        Raises:
            ValueError: There are more different texts, or they are too long.
        """
        rows = self._tally.add(state[HASH].to_numpy(), state[ROWS].to_numpy())
        names, texts = state[COLUMN].combine_chunks(), _together(state[TEXT])
        if len(rows) < len(texts):
            names, texts = names.take(pa.array(rows)), _taken(texts, rows)
        self._names.append(names)
        self._texts.append(texts)
        self._bytes += bytes_of_text(texts)
        refuse_more(len(self._tally.known), self._max_values, _BYTES_EACH)
        _refuse_longer(self._bytes)

    def merged(self) -> pa.Table:
        """Return the state of all that have come."""
        names, texts = pa.chunked_array(self._names), pa.chunked_array(self._texts)
        made = [self._tally.known, names.unify_dictionaries(), texts, self._tally.sums]
        return pa.table(made, [HASH, COLUMN, TEXT, ROWS])


def _chosen(column: pa.ChunkedArray, rows: npt.NDArray[np.integer[Any]]) -> pa.ChunkedArray:
    """Return some rows, in ascending order; a chunk of which all stay is not copied."""
    starts = np.cumsum([0, *map(len, column.chunks)])
    places = np.searchsorted(rows, starts).tolist()
    made = []
    for chunk, start, low, high in zip(column.chunks, starts, places, places[1:], strict=False):
        if high - low == len(chunk):
            made.append(chunk)
        elif high > low:
            made.append(chunk.take(pa.array(rows[low:high] - start)))
    return pa.chunked_array(made, column.type)


def _refuse_longer(size: int) -> None:
    """Refuse texts that are too long together for what is done with them at the end."""
    if size > typed.MOST_TEXT:
        raise ValueError(
            f"the different values of the columns have more than {typed.MOST_TEXT:,} bytes of text "
            "together; name columns with fewer or shorter values in 'columns'"
        )


def _added_up(
    hashes: U64, counts: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.integer[Any]], npt.NDArray[np.int64]]:
    """Return where each different hash first stands, ascending, and the sum of its counts."""
    kernels = library()
    if kernels is not None and len(hashes) <= MOST:
        codes, first = dense_calls.group(kernels, hashes)
        return first, dense_calls.add_up(kernels, codes, counts, len(first))
    order = np.argsort(hashes, kind="stable")
    starts = np.flatnonzero(np.diff(hashes[order], prepend=~hashes[order[:1]]))
    if not len(starts):
        return order, np.empty(0, np.int64)
    places, sums = order[starts], np.add.reduceat(counts[order], starts)
    again = np.argsort(places)
    return places[again], sums[again]


def _no_texts() -> pa.StringArray:
    return pa.array([], pa.string())


def by_count(state: pa.Table) -> pa.Table:
    """Return the texts column by column, the most frequent first, equals in their order."""
    texts = _together(state[TEXT])
    if not len(texts):
        return state.select([COLUMN, TEXT])
    # Texts are compared by their first 8 bytes, and in full only where these agree.
    rows, (columns, names) = state[ROWS].to_numpy(), _in_order(state[COLUMN])
    groups = (columns + np.int64(1)) * _MOST_ROWS - rows
    keys = [_begins(texts), groups.view(np.uint64)]
    order = order_of(*keys).astype(np.int32, copy=False)
    agree = np.logical_and(*(each[1:] == each[:-1] for each in rows_of(keys, order)))
    if agree.any():
        tied = np.flatnonzero(np.append(agree, False) | np.append(False, agree))
        runs = np.cumsum(~np.append(False, agree))[tied]
        together = pa.table({"run": runs, TEXT: texts.take(pa.array(order[tied]))})
        sort_keys = [("run", "ascending"), (TEXT, "ascending")]
        order[tied] = order[tied][pc.sort_indices(together, sort_keys=sort_keys).to_numpy()]
    sizes = np.bincount(columns, minlength=len(names))
    codes = np.repeat(np.arange(len(names), dtype=np.int32), sizes)
    ordered = pa.DictionaryArray.from_arrays(codes, names)
    return pa.table([ordered, _taken(texts, order)], [COLUMN, TEXT])


def _together(texts: pa.ChunkedArray) -> pa.StringArray:
    chunks = texts.chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays([_no_texts(), *chunks])


def _begins(texts: pa.StringArray) -> U64:
    if (kernels := library()) is not None:
        return dense_calls.begins(kernels, texts)
    return Cells.of(texts).word(0).byteswap()


def _taken(texts: pa.StringArray, rows: I32) -> pa.StringArray:
    kernels = library()
    made = None if kernels is None else row_calls.take_texts(kernels, texts, rows)
    return texts.take(pa.array(rows)) if made is None else made


def _in_order(names: pa.ChunkedArray) -> tuple[npt.NDArray[np.int32], pa.StringArray]:
    """Return the place of each name among all different ones in their order, and these."""
    coded = names.unify_dictionaries().combine_chunks()
    known = coded.dictionary.to_pylist()
    place = {name: number for number, name in enumerate(sorted(known))}
    places = np.array([place[name] for name in known], np.int32)
    return places[coded.indices.to_numpy()], pa.array(sorted(known))


def runs_of(state: pa.Table) -> Iterator[tuple[str, slice]]:
    """Yield the column and the place of the rows that stand together and are of one column."""
    names = state[COLUMN].combine_chunks()
    coded = names if pa.types.is_dictionary(names.type) else names.dictionary_encode()
    codes = coded.indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1)).tolist()
    for start, end in zip(starts, [*starts[1:], len(codes)], strict=False):
        yield coded.dictionary[codes[start]].as_py(), slice(start, end)


def known_by(state: pa.Table) -> U64:
    """Return what each text is known by, shape (texts,), where the state has lost that."""
    hashes, texts = np.empty(state.num_rows, np.uint64), _together(state[TEXT])
    for name, rows in runs_of(state):
        hashes[rows] = hash64(texts[rows], key_of(name))
    return hashes
