"""SageMaker's RecordIO-protobuf, sparse: what its built-in algorithms read.

A record is a magic number, the length of the message, the message, and zeros up to a multiple of
four bytes. The message is an ``aialgs.data.Record``::

    features {key: "values" value {float32_tensor {values: …, keys: …, shape: n_features}}}
    label {key: "values" value {float32_tensor {values: …}}}
    uid: …

These are the bytes that the SageMaker SDK's ``write_spmatrix_to_sparse_tensor`` made, but for rows
without entries: a tensor without keys is dense by definition, so they get a zero at index 0.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html (``record.proto``),
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.output.writers.base import (
    Entries,
    Layout,
    refuse_left_over,
    refuse_unhashed,
    slices,
)
from headrace.runtime.output.writers.byte_strings import (
    I64,
    U8,
    Short,
    Strings,
    packed,
    strings_at,
)
from headrace.runtime.output.writers.reading import ID, LABEL, Known, lists

_ROWS_AT_ONCE = 16_384
_MAGIC = 0xCED7230A
_ALIGNMENT = 4
_FLOAT = 4
_LENGTH_DELIMITED = 2
"""Protobuf's wire type of strings, messages and packed arrays."""
_KEY = b"values"
_KEY_FIELD = bytes([1 << 3 | _LENGTH_DELIMITED, len(_KEY)]) + _KEY
_HEAD = struct.Struct("<II")
_LONGEST_VARINT = 5
"""Bytes of the largest index, and of the largest length of a message."""
_NOT_OURS = "is not made as headrace makes them"


class RecordioWriter:
    """Parts for Linear Learner, Factorization Machines, XGBoost and others of SageMaker's."""

    suffix: ClassVar[str] = ".recordio"

    def check(self, schema: pa.Schema) -> None:
        """Refuse rows that are not hashed, which are no sparse tensors."""
        refuse_unhashed(schema, "recordio")
        refuse_left_over(schema)

    def knowing(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> RecordioWriter:
        """Return this writer: nothing is laid out before."""
        return self

    def write(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
        """Write one part."""
        layout = Layout.of(schema)
        for rows in slices(batches, _ROWS_AT_ONCE):
            file.write(_records(rows, layout))

    def is_exact(self, known: Known) -> bool:
        """Return false: numbers are rounded, and rows without entries have got one."""
        return False

    def read(self, files: Mapping[str, bytes], known: Known) -> pa.RecordBatch:
        """Return the rows of a part; one that has nothing but a zero at index 0 has no entries."""
        messages = _Messages.of(files[self.suffix])
        columns = _entries_read(messages, known.n_features)
        if known.label is not None:
            columns[LABEL] = _labels_read(messages)
        if known.id is not None:
            data, offsets = messages.content(messages.skipped(3))
            columns[ID] = strings_at(data, offsets).cast(pa.string())
        messages.refuse_more()
        return known.batch(columns)


def _records(rows: pa.RecordBatch, layout: Layout) -> memoryview:
    message = _message(rows, layout)
    head = np.empty((rows.num_rows, 2), "<u4")
    head[:, 0], head[:, 1] = _MAGIC, message.lengths
    zeros = np.zeros((1, _ALIGNMENT - 1), np.uint8)
    padding = Strings.short(zeros, (-message.lengths % _ALIGNMENT).astype(np.uint8))
    record = Strings.short(head.view(np.uint8)) + message + padding
    return record.joined(rows.num_rows)


def _message(rows: pa.RecordBatch, layout: Layout) -> Strings:
    message = _in_map(1, _sparse_tensor(_without_empty_rows(Entries.of(rows, layout))))
    if layout.label is not None:
        label = _float32(rows.column(layout.label)).reshape(-1, 1).view(np.uint8)
        message += _in_map(2, _field(1, Strings.short(label)))
    if layout.id is not None:
        message += _field(3, Strings.long(rows.column(layout.id).cast(pa.large_binary())))
    return message


def _sparse_tensor(entries: Entries) -> Strings:
    values = strings_at(_float32(pa.array(entries.values)), entries.offsets * _FLOAT)
    data, starts = packed([_varints(entries.indices)], len(entries.indices))
    keys = strings_at(data, starts[entries.offsets])
    shape = _varints(np.array([entries.n_features]))
    tensor = _field(1, Strings.long(values)) + _field(2, Strings.long(keys))
    return tensor + _field(3, Strings.short(shape.cells))


def _without_empty_rows(entries: Entries) -> Entries:
    is_empty = np.diff(entries.offsets) == 0
    if not is_empty.any():
        return entries
    places = entries.offsets[:-1][is_empty]
    offsets = entries.offsets.copy()
    offsets[1:] += np.cumsum(is_empty)
    indices, values = np.insert(entries.indices, places, 0), np.insert(entries.values, places, 0)
    return Entries(offsets, indices, values, entries.n_features)


def _float32(column: pa.Array) -> npt.NDArray[np.float32]:
    """Round to float32 as Arrow does: what is too large for the type becomes infinite."""
    numbers: npt.NDArray[np.float32] = column.cast(pa.float32()).to_numpy()
    return numbers


def _in_map(number: int, tensor: Strings) -> Strings:
    """Return the entry "values" of the map in this field; a ``float32_tensor``, field 2."""
    value = _field(2, _field(2, tensor))
    return _field(number, Strings.same(_KEY_FIELD) + value)


def _field(number: int, content: Strings) -> Strings:
    tag = Strings.same(bytes([number << 3 | _LENGTH_DELIMITED]))
    length = _varints(np.atleast_1d(content.lengths))
    return tag + Strings.short(length.cells, length.lengths) + content


def _varints(numbers: npt.NDArray[np.integer[Any]]) -> Short:
    """Encode seven bits a byte, the lowest first; a byte's highest bit says that one follows."""
    width = max(1, -(-int(numbers.max(initial=0)).bit_length() // 7))
    cells = np.empty((len(numbers), width), np.uint8)
    lengths = np.ones(len(numbers), np.uint8)
    rest = numbers
    for place in range(width):
        lowest = rest.astype(np.uint8)
        rest = rest >> 7
        goes_on = (rest != 0).view(np.uint8)
        cells[:, place] = lowest | goes_on << 7
        lengths += goes_on
    return Short(cells, lengths)


@dataclass(frozen=True)
class _Spans:
    """A piece of each message: where it begins in the file and where it ends, shape (records,)."""

    starts: I64
    ends: I64


class _Messages:
    """The messages of a part, read field by field, each field in all of them at once."""

    def __init__(self, data: U8, messages: _Spans) -> None:
        # What looks for the end of a number may go beyond the last message, but not by more.
        self._data = np.concatenate([data, np.zeros(_LONGEST_VARINT, np.uint8)])
        self._messages = messages
        self._at = messages.starts

    @classmethod
    def of(cls, content: bytes) -> _Messages:
        """Find the messages in a file.

        Raises:
            ValueError: It is no sequence of records.
        """
        starts, ends, at = [], [], 0
        while at < len(content):
            magic, length = _HEAD.unpack(content[at : at + _HEAD.size].ljust(_HEAD.size, b"\0"))
            if magic != _MAGIC:
                raise ValueError(f"no record begins at byte {at}, as one should")
            start = at + _HEAD.size
            following = start + length + -length % _ALIGNMENT
            if following > len(content):
                raise ValueError(f"it ends within the record that begins at byte {at}")
            starts.append(start)
            ends.append(start + length)
            at = following
        spans = _Spans(np.array(starts, np.int64), np.array(ends, np.int64))
        return cls(np.frombuffer(content, np.uint8), spans)

    def check(self, is_right: npt.NDArray[np.bool_], what: str = _NOT_OURS) -> None:
        """Raise `ValueError` if messages, shape (records,), are not right; it names the first."""
        if not is_right.all():
            at = self._messages.starts[np.argmin(is_right)] - _HEAD.size
            raise ValueError(f"the record that begins at byte {at} {what}")

    def entered(self, number: int) -> _Spans:
        """Return where the content of the next field is, and go to its beginning."""
        self._pass(bytes([number << 3 | _LENGTH_DELIMITED]))
        lengths = self.number()
        spans = _Spans(self._at, self._at + lengths)
        self.check(spans.ends <= self._messages.ends)
        return spans

    def skipped(self, number: int) -> _Spans:
        """Return where the content of the next field is, and go behind it."""
        spans = self.entered(number)
        self._at = spans.ends
        return spans

    def tensor(self, number: int) -> list[_Spans]:
        """Go into the tensor under "values" of the map in this field; return what ends with it."""
        entry = self.entered(number)
        self._pass(_KEY_FIELD)
        return [entry, self.entered(2), self.entered(2)]

    def leave(self, *fields: _Spans) -> None:
        """Raise `ValueError` if fields do not end here."""
        for each in fields:
            self.check(self._at == each.ends)

    def number(self) -> I64:
        """Read a varint; `_varints` says what it is."""
        numbers = np.zeros(len(self._at), np.int64)
        goes_on = np.ones(len(self._at), np.bool_)
        for place in range(_LONGEST_VARINT):
            cells = np.where(goes_on, self._data[self._at], 0).astype(np.int64)
            numbers |= (cells & 0x7F) << 7 * place
            self._at = self._at + goes_on
            goes_on = cells > 0x7F
        self.check(~goes_on)
        return numbers

    def content(self, spans: _Spans, size: int = 1) -> tuple[U8, I64]:
        """Return what stands there.

        Args:
            spans: The pieces.
            size: Bytes of an item.

        Returns:
            The bytes of all messages' items, shape (items * size,), and where each message's items
            begin, shape (records + 1,).
        """
        lengths = spans.ends - spans.starts
        self.check(lengths % size == 0)
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths // size, out=offsets[1:])
        places = np.repeat(spans.starts - size * offsets[:-1], lengths // size)
        places += size * np.arange(offsets[-1])
        items = np.lib.stride_tricks.sliding_window_view(self._data, size)[places]
        return items.reshape(-1), offsets

    def refuse_more(self) -> None:
        """Raise `ValueError` if there is more in a message, or something else than zeros behind."""
        self.leave(self._messages)
        for _ in range(_ALIGNMENT - 1):
            is_padding = self._at % _ALIGNMENT != 0
            self.check(~is_padding | (self._data[self._at] == 0))
            self._at = self._at + is_padding

    def _pass(self, expected: bytes) -> None:
        """Go behind bytes that stand in all messages."""
        for byte in expected:
            self.check((self._data[self._at] == byte) & (self._at < self._messages.ends))
            self._at = self._at + 1


def _entries_read(messages: _Messages, n_features: int | None) -> dict[str, pa.Array]:
    fields = messages.tensor(1)
    values, keys, shape = messages.skipped(1), messages.skipped(2), messages.entered(3)
    widths = messages.number()
    messages.leave(shape, *fields)
    messages.check(widths == n_features, f"has not the width of the result, which is {n_features}")
    data, offsets = messages.content(values, _FLOAT)
    numbers, counts = data.view("<f4"), np.diff(offsets)
    messages.check(counts > 0)
    indices = _indices_read(messages, keys, offsets)
    firsts = offsets[:-1]
    is_ascending = np.ones(len(indices), np.bool_)
    is_ascending[1:] = np.diff(indices) > 0
    is_ascending[firsts] = True
    is_right = is_ascending & (indices < (n_features or 0))
    messages.check(np.logical_and.reduceat(is_right, firsts))
    is_empty = (counts == 1) & (indices[firsts] == 0) & (numbers.view("<u4")[firsts] == 0)
    left_out, before = firsts[is_empty], np.concatenate([[0], np.cumsum(is_empty)])
    return lists(offsets - before, np.delete(indices, left_out), np.delete(numbers, left_out))


def _indices_read(messages: _Messages, keys: _Spans, offsets: I64) -> I64:
    """Return the numbers of packed varints, of which `offsets` says how many a message has."""
    cells, starts = messages.content(keys)
    ends = np.flatnonzero(cells <= 0x7F) + 1
    messages.check(np.isin(starts[1:], ends))
    messages.check(np.diff(np.searchsorted(ends, starts, side="right")) == np.diff(offsets))
    begins = np.concatenate([np.zeros(min(1, len(ends)), np.int64), ends[:-1]])
    lengths = ends - begins
    messages.check(np.maximum.reduceat(lengths, offsets[:-1]) <= _LONGEST_VARINT)
    numbers = np.zeros(len(ends), np.int64)
    for place in range(_LONGEST_VARINT):
        goes_on = lengths > place
        numbers[goes_on] |= (cells[begins[goes_on] + place].astype(np.int64) & 0x7F) << 7 * place
    return numbers


def _labels_read(messages: _Messages) -> pa.Array:
    fields = messages.tensor(2)
    values = messages.skipped(1)
    messages.leave(*fields)
    messages.check(values.ends - values.starts == _FLOAT)
    data, _ = messages.content(values, _FLOAT)
    return pa.array(data.view("<f4").astype(np.float64))
