"""NumPy arrays for embedding models: a file of ids, one of numbers, one of labels for each part.

``categorical`` holds int32 ids, ``numeric`` float32 numbers, NaN for null; each row of both is a
row, each column a field, in the order of ``report/feature_map.json``. ``label`` is float32, ``id``
bytes of one width. A file that would have no column is not there. ``numpy.load(mmap_mode="r")``
reads them without pickle.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import IO, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.chain.dictionaries import by_value, plain
from headrace.runtime.kernels.row_calls import ByValue
from headrace.runtime.output.writers.arrays import Pieces, fixed_width, header
from headrace.runtime.output.writers.base import Layout, Write
from headrace.runtime.output.writers.fields import (
    Field,
    fields_of,
    ids_of,
    matrices,
    refuse_text,
)
from headrace.runtime.output.writers.reading import Known
from headrace.runtime.transform import Role

CATEGORICAL, NUMERIC, LABEL, ID = (
    f".{name}.npy" for name in ("categorical", "numeric", "label", "id")
)
"""Suffixes of the files of a part."""
Batches = Sequence[pa.RecordBatch]


class NpyWriter:
    """Parts for DLRM, torchrec and everything else that has a table of vectors for each field."""

    maps_features: ClassVar[bool] = True
    takes_dictionaries: ClassVar[bool] = True

    def check(self, schema: pa.Schema) -> None:
        """Refuse hashed rows, which have no fields, and text."""
        if Layout.of(schema).indices is not None:
            raise ValueError(
                "npy has a column for each field, but the chain hashes all of them into one sparse "
                "row; use the step vocabulary in place of the hasher, or output.format=npz"
            )
        refuse_text(schema, "npy", takes_hashed=False)

    def knowing(self, batches: Batches, schema: pa.Schema) -> NpyWriter:
        """Return this writer: nothing is laid out before."""
        return self

    def files(self, schema: pa.Schema) -> Mapping[str, Write]:
        """Return what writes each file of a part, by the end of its name."""
        fields, layout = fields_of(schema), Layout.of(schema)
        made: dict[str, Write] = {}
        if ids := [field for field in fields if field.encoding is not None]:
            made[CATEGORICAL] = partial(_write_ids, ids)
        if numbers := [field for field in fields if field.encoding is None]:
            made[NUMERIC] = partial(_write_numbers, numbers)
        if layout.label is not None:
            made[LABEL] = partial(_write_labels, layout.label)
        if layout.id is not None:
            made[ID] = partial(_write_row_ids, layout.id, schema.field(layout.id).name)
        return made

    def is_exact(self, known: Known) -> bool:
        """Return false: numbers and labels are rounded, and a null may be an id."""
        return False

    def read(self, files: Mapping[str, bytes], known: Known) -> pa.RecordBatch:
        """Return the rows of a part; a null among ids is the id that stands for it."""
        arrays = {suffix: np.load(io.BytesIO(content)) for suffix, content in files.items()}
        columns: dict[str, pa.Array] = {}
        for name, each in known.features.items():
            array = arrays[NUMERIC if each["kind"] == Role.NUMERIC else CATEGORICAL]
            columns[name] = pa.array(array[:, each["index"]], from_pandas=True)
        if known.label is not None and LABEL in arrays:
            columns[known.label] = pa.array(arrays[LABEL])
        if known.id is not None and ID in arrays:
            columns[known.id] = pa.array(arrays[ID]).cast(pa.string())
        return known.batch(columns)


def _write_ids(fields: Sequence[Field], batches: Batches, file: IO[bytes]) -> None:
    def of(batch: pa.RecordBatch) -> list[ByValue]:
        return [ids_of(batch.column(place), kind) for _, place, kind in fields if kind is not None]

    _write_matrix(of, len(fields), np.int32, batches, file)


def _write_numbers(fields: Sequence[Field], batches: Batches, file: IO[bytes]) -> None:
    def of(batch: pa.RecordBatch) -> list[ByValue]:
        return [_numbers(batch.column(each.column_index)) for each in fields]

    _write_matrix(of, len(fields), np.float32, batches, file)


def _write_matrix(
    columns_of: Callable[[pa.RecordBatch], list[ByValue]],
    width: int,
    dtype: npt.DTypeLike,
    batches: Batches,
    file: IO[bytes],
) -> None:
    rows = sum(batch.num_rows for batch in batches)
    file.write(header((rows, width), np.dtype(dtype)))
    for batch in batches:
        for matrix in matrices(columns_of(batch), batch.num_rows, dtype):
            file.write(matrix.data)


def _write_labels(place: int, batches: Batches, file: IO[bytes]) -> None:
    Pieces.of([_float32(plain(batch.column(place))) for batch in batches], np.float32).write(file)


def _write_row_ids(place: int, name: str, batches: Batches, file: IO[bytes]) -> None:
    fixed_width([batch.column(place) for batch in batches], name, "npy").write(file)


def _numbers(column: pa.Array) -> ByValue:
    if pa.types.is_dictionary(column.type):
        return by_value(column, _float32(column.dictionary), np.nan)
    return ByValue(_float32(column))


def _float32(column: pa.Array) -> npt.NDArray[np.float32]:
    """Round to float32 as Arrow does: what is too large for the type becomes infinite."""
    numbers: npt.NDArray[np.float32] = column.cast(pa.float32()).to_numpy(zero_copy_only=False)
    return numbers
