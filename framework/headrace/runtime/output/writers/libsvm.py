"""libsvm, also called svmlight: a line for each row, ``label index:value index:value …``.

Indices count from 0, as in the other formats. A number is the shortest text that reads back as the
same number. The format has no place for an id, nor for the width of the matrix.

Source: https://xgboost.readthedocs.io/en/stable/tutorials/input_format.html,
https://scikit-learn.org/stable/datasets/loading_other_datasets.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, ClassVar

import pyarrow as pa

from headrace.runtime.output.writers.base import (
    Entries,
    Layout,
    refuse_left_over,
    refuse_unhashed,
    slices,
)
from headrace.runtime.output.writers.byte_strings import joined, strings_at
from headrace.runtime.output.writers.numerals import index_texts, number_strings, number_texts
from headrace.runtime.output.writers.reading import Known, text_rows
from headrace.runtime.output.writers.texts import packed

_ROWS_AT_ONCE = 8192
_NEWLINE = pa.scalar(b"\n", pa.large_binary())


class LibsvmWriter:
    """Parts for XGBoost, LightGBM and everything else that reads such lines."""

    suffix: ClassVar[str] = ".libsvm"

    def check(self, schema: pa.Schema) -> None:
        """Refuse rows without entries or label: a line needs both."""
        refuse_unhashed(schema, "libsvm")
        refuse_left_over(schema)
        if Layout.of(schema).label is None:
            raise ValueError(
                "libsvm begins each line with the label, but there is none; "
                "set dataset.label or use output.format=npz"
            )

    def knowing(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> LibsvmWriter:
        """Return this writer: nothing is laid out before."""
        return self

    def write(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
        """Write one part."""
        layout = Layout.of(schema)
        for rows in slices(batches, _ROWS_AT_ONCE):
            file.write(_lines(rows, layout))

    def is_exact(self, known: Known) -> bool:
        """Return whether the lines hold all: an id has no place there."""
        return known.n_features is not None and known.id is None

    def read(self, files: Mapping[str, bytes], known: Known) -> pa.RecordBatch:
        """Return the rows of a part."""
        columns = text_rows(files[self.suffix], 2, is_double=known.has_numbers)
        return known.batch(columns)


def _lines(rows: pa.RecordBatch, layout: Layout) -> memoryview:
    entries = Entries.of(rows, layout)
    indices = index_texts(entries.indices, entries.n_features)
    values = number_texts(entries.values, before=":")
    data, starts = packed([*indices, *values])
    labels = number_strings(rows.column(layout.label).to_numpy())
    return joined([labels, strings_at(data, starts[entries.offsets]), _NEWLINE])
