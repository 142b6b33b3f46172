"""States: what steps learn from rows, as tables that are added up, sent elsewhere and kept.

A state is a bag of rows: plain columns (numbers, text), no nulls, and no order that would mean
anything. Arrow's file format carries it, which holds no code and is read by many languages.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa


def added_up(states: Sequence[pa.Table], *keys: str) -> pa.Table:
    """Add up states: rows that agree in their keys become one, their other columns summed.

    Args:
        states: At least one, all with the same columns; those that are no keys are int64.
        keys: Names of columns.
    """
    together = pa.concat_tables(states)
    summed = [name for name in together.column_names if name not in keys]
    grouped = together.group_by(list(keys), use_threads=False)
    made = grouped.aggregate([(name, "sum") for name in summed])
    found = [f"{name}_sum" if name in summed else name for name in together.column_names]
    return pa.table([made[name] for name in found], schema=together.schema)


def in_their_order(state: pa.Table) -> pa.Table:
    """Return the same rows by the values of their columns, the first column first."""
    return state.sort_by([(name, "ascending") for name in state.column_names]).combine_chunks()


def to_bytes(state: pa.Table) -> bytes:
    """Return a state as a file of Arrow's; the same rows in the same order give the same bytes."""
    plain = state.replace_schema_metadata(None).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, plain.schema) as file:
        file.write_table(plain)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def from_bytes(content: bytes) -> pa.Table:
    """Return what `to_bytes` has written.

    Raises:
        ValueError: These are no such bytes.
    """
    return pa.ipc.open_file(pa.py_buffer(content)).read_all()
