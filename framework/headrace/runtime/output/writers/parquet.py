"""Parquet: hashed rows as ``indices``, ``values``, ``label``, ``id``; others under their names."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import IO, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from headrace.runtime.output.writers.base import named_columns, refuse_left_over
from headrace.runtime.output.writers.reading import Known
from headrace.runtime.transform import Role, role_of


class ParquetWriter:
    """Parts for whoever reads columns."""

    suffix: ClassVar[str] = ".parquet"

    def check(self, schema: pa.Schema) -> None:
        """Refuse columns that would get lost; everything else can be written."""
        refuse_left_over(schema)

    def knowing(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> ParquetWriter:
        """Return this writer: nothing is laid out before."""
        return self

    def write(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
        """Write one part."""
        table = pa.Table.from_batches(batches, schema)
        columns = named_columns(schema)
        fields = [pa.field(name, _type(schema.field(place))) for name, place in columns.items()]
        chosen = table.select(list(columns.values())).replace_schema_metadata(None)
        renamed = chosen.rename_columns(list(columns)).cast(pa.schema(fields))
        # Where a page ends, and a dictionary is given up, depends on the chunks, which are blocks.
        pq.write_table(renamed.combine_chunks(), file, compression="zstd")

    def is_exact(self, known: Known) -> bool:
        """Return whether no number was rounded: those of hashed rows are."""
        return known.n_features is None or not known.has_numbers

    def read(self, files: Mapping[str, bytes], known: Known) -> pa.RecordBatch:
        """Return the rows of a part."""
        table = pq.ParquetFile(io.BytesIO(files[self.suffix])).read()
        columns = {name: table.column(name).combine_chunks() for name in table.column_names}
        return known.batch(columns)


def _type(field: pa.Field) -> pa.DataType:
    """Return the type in the file: sparse values are ``list<float>`` there."""
    return pa.list_(pa.float32()) if role_of(field) is Role.VALUES else field.type
