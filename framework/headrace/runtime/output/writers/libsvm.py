"""libsvm, also called svmlight: a line for each row, ``label index:value index:value …``.

Indices count from 0, as in the other formats. A number is the shortest text that reads back as the
same number. The format has no place for an id, nor for the width of the matrix.

Source: https://xgboost.readthedocs.io/en/stable/tutorials/input_format.html,
https://scikit-learn.org/stable/datasets/loading_other_datasets.html
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import IO, ClassVar, Self

import pyarrow as pa

from headrace.runtime.kernels import file_calls
from headrace.runtime.kernels.library import library
from headrace.runtime.output.writers.base import (
    Entries,
    Layout,
    refuse_left_over,
    refuse_unhashed,
    refuse_unlabelled,
    slices,
)
from headrace.runtime.output.writers.byte_strings import joined, strings_at
from headrace.runtime.output.writers.numerals import index_texts, number_strings, number_texts
from headrace.runtime.output.writers.reading import Known, text_rows
from headrace.runtime.output.writers.texts import I64, Texts, packed

_ROWS_AT_ONCE = 8192


class LabelledLines(ABC):
    """Parts of lines that begin with the label, the row's entries behind it."""

    suffix: ClassVar[str]
    numbers_each: ClassVar[int]
    """Numbers of an entry: an index and a value, or a field before them."""

    @abstractmethod
    def entries(self, rows: pa.RecordBatch, layout: Layout) -> tuple[I64, list[Texts]]:
        """Return where each row's entries start, and their texts in pieces, a blank first."""

    def lines(
        self, labels: pa.LargeBinaryArray, rows: pa.RecordBatch, layout: Layout
    ) -> memoryview | None:
        """Return the lines of rows with these labels; None if they are to be made of `entries`."""
        return None

    def knowing(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> Self:
        """Return this writer: nothing is laid out before."""
        return self

    def write(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
        """Write one part."""
        layout = Layout.of(schema)
        for rows in slices(batches, _ROWS_AT_ONCE):
            labels = number_strings(rows.column(layout.label).to_numpy())
            lines = self.lines(labels, rows, layout)
            if lines is None:
                offsets, texts = self.entries(rows, layout)
                data, starts = packed(texts)
                newline = pa.scalar(b"\n", pa.large_binary())
                lines = joined([labels, strings_at(data, starts[offsets]), newline])
            file.write(lines)

    def is_exact(self, known: Known) -> bool:
        """Return whether the lines hold all: an id has no place, nor a null or zero of a column."""
        return known.n_features is not None and known.id is None

    def read(self, files: Mapping[str, bytes], known: Known) -> pa.RecordBatch:
        """Return the rows of a part."""
        content = files[self.suffix]
        return known.batch(text_rows(content, self.numbers_each, is_double=known.has_numbers))


class LibsvmWriter(LabelledLines):
    """Parts for XGBoost, LightGBM and everything else that reads such lines."""

    suffix: ClassVar[str] = ".libsvm"
    numbers_each: ClassVar[int] = 2

    def check(self, schema: pa.Schema) -> None:
        """Refuse rows without entries or label: a line needs both."""
        refuse_unhashed(schema, "libsvm")
        refuse_left_over(schema)
        refuse_unlabelled(schema, "libsvm")

    def lines(
        self, labels: pa.LargeBinaryArray, rows: pa.RecordBatch, layout: Layout
    ) -> memoryview | None:
        """Return the lines at once, if the kernels are there and values are small whole numbers."""
        if (kernels := library()) is None:
            return None
        each = Entries.of(rows, layout)
        return file_calls.lines(kernels, labels, each.offsets, each.indices, each.values)

    def entries(self, rows: pa.RecordBatch, layout: Layout) -> tuple[I64, list[Texts]]:
        """Return the entries of hashed rows."""
        entries = Entries.of(rows, layout)
        indices = index_texts(entries.indices, entries.n_features)
        return entries.offsets, [*indices, *number_texts(entries.values, before=":")]
