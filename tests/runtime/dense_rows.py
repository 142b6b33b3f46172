"""Rows that are not hashed, and what a format makes of them."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pytest

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.chain.preflight import refuse_unwritable
from headrace.runtime.output.writers import writer_of
from headrace.runtime.output.writers.base import files_of
from headrace.runtime.spec import OutputSpec
from headrace.runtime.transform import Role, encoded, with_role

LABEL = with_role(pa.field("y", pa.float64()), Role.LABEL)
ID = with_role(pa.field("id", pa.string()), Role.ID)
SCHEMA = pa.schema(
    [
        ID,
        pa.field("n", pa.float64()),
        encoded(pa.field("v", pa.int32()), 5, null=0, unknown=1),
        LABEL,
        encoded(pa.field("b", pa.int32()), 3),
        pa.field("m", pa.float64()),
    ]
)
ROWS = pa.record_batch(
    [
        ["a", "bb", "c"],
        [0.5, None, 0.0],
        pa.array([4, 0, 1], pa.int32()),
        [1.0, 0.0, 1.0],
        pa.array([2, None, 0], pa.int32()),
        [1e22, 3.0, -1e-7],
    ],
    schema=SCHEMA,
)


def written(rows: pa.RecordBatch = ROWS, pieces: int = 1, **output: Any) -> dict[str, bytes]:
    """Return the files of one part, by the end of their names."""
    spec = OutputSpec(**output)
    refuse_unwritable(spec, rows.schema)
    size = -(-rows.num_rows // pieces) or 1
    batches = [rows.slice(start, size) for start in range(0, rows.num_rows, size)]
    files = {}
    for suffix, write in files_of(writer_of(spec), rows.schema).items():
        file = io.BytesIO()
        write(batches, file)
        files[suffix] = file.getvalue()
    return files


def text_of(rows: pa.RecordBatch = ROWS, **output: Any) -> str:
    (content,) = written(rows, **output).values()
    return content.decode()


def refused(rows: pa.RecordBatch, **output: Any) -> str:
    with pytest.raises(ChainError) as caught:
        written(rows, **output)
    return str(caught.value)
