"""Tables that steps look things up in: they come as further inputs of the job, ``inputs.NAME``.

A table is small: it is read whole, and kept beside the result as what a step has learned is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from headrace.runtime.chain import typed
from headrace.runtime.chain.chain import Link, refused, with_states
from headrace.runtime.chain.typed import bytes_of_text
from headrace.runtime.data_files import files_of_input
from headrace.runtime.errors import DataError
from headrace.runtime.shown import quoted
from headrace.runtime.sources import Portion, columns_of, first_file, groups_of
from headrace.runtime.spec import DatasetSpec, JobSpec, RuntimeSpec, under
from headrace.runtime.transform import TableReader, table_reader

Files = Mapping[str, Sequence[Path]]
"""Name of an input → the files of the table."""
_DATASET = DatasetSpec(partitions=False)


def files_of_tables(spec: JobSpec, root: Path) -> Files:
    """Return the files of the tables that a job brings.

    Args:
        spec: The job.
        root: What stands in for ``/opt/ml``.

    Raises:
        DataError: There are none, or they cannot be read.
    """
    found = {}
    for name, folder in spec.inputs.items():
        try:
            found[name] = files_of_input(under(root, folder))
        except DataError as error:
            raise DataError(f"inputs.{name}: {error}") from error
    return found


def with_tables(links: Sequence[Link], files: Files) -> tuple[Link, ...]:
    """Return the same chain, its steps knowing the tables that they look things up in.

    Raises:
        ChainError: A step cannot work with its table.
        DataError: A table cannot be read.
    """
    states = {}
    for link in links:
        reader = table_reader(link.transform)
        if reader is not None and link.state is None:
            states[link.label] = _state(link.label, reader, files[reader.table_input])
    return with_states(links, states) if states else tuple(links)


def _state(label: str, reader: TableReader, files: Sequence[Path]) -> pa.Table:
    name = reader.table_input
    try:
        table = read_table(files)
    except DataError as error:
        raise DataError(f"inputs.{name}: {error}") from error
    with refused(label):
        return reader.state_of(table)


def read_table(files: Sequence[Path]) -> pa.Table:
    """Return a table, each cell as the text in the file; an empty cell is a null.

    Raises:
        DataError: It cannot be read.
    """
    columns = columns_of(first_file(files, _DATASET), _DATASET)
    portions = [Portion(file) for file in files]
    batches, sizes = [], dict.fromkeys(columns.names, 0)
    for group in groups_of(portions, _DATASET, columns, RuntimeSpec.block_bytes):
        parsed = group.parse()
        if parsed.bad:
            raise DataError(f"{parsed.bad[0].place}: {parsed.bad[0].reason}")
        batches.append(parsed.batch.select(list(columns.names)))
        for name in sizes:
            sizes[name] += bytes_of_text(parsed.batch.column(name))
            if sizes[name] > typed.MOST_TEXT:
                what = f"holds more than {typed.MOST_TEXT:,} bytes of text"
                raise DataError(f"column {quoted(name)} {what}; a table is read whole")
    schema = pa.schema([pa.field(name, pa.string()) for name in columns.names])
    return pa.Table.from_batches(batches, schema).combine_chunks()
