"""The base of the writers: what each format of the parts gives, and needs of the columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, ClassVar, Protocol, TypeAlias, Union, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.shown import quoted
from headrace.runtime.transform import N_FEATURES, Role, features, positions, roles_of

_NOT_WRITTEN = (
    *(Role.CHANNEL, Role.ROW_TEXT, Role.UNLABELED_TEXT, Role.ROW_NUMBER, Role.TIME),
    Role.BY_COLUMN,
)

Floats = npt.NDArray[np.floating[Any]]
Write = Callable[[Sequence[pa.RecordBatch], IO[bytes]], None]
"""Writes one file of a part."""
AnyWriter: TypeAlias = Union["Writer", "SeveralFiles"]


class Writer(Protocol):
    """One file format.

    Optional further attributes, looked up by name:

    * ``settings``: the keys of ``output`` that the format takes; ``of(output)`` makes the writer.
    * ``maps_features``: the rows mean nothing without ``report/feature_map.json``.
    * ``columns_of(schema)``: name → kind of the columns, for the manifest, if files do not say it.
    * ``takes_dictionaries``: columns may be Arrow dictionaries of what the schema says, their codes
      uint8, uint16 or int32. A class below that has a `write`, `files` or `knowing` of its own and
      does not say it gets plain columns.
    * ``keeps_columns``: hashed rows are to say which column each of their entries comes from.
    * ``read(files, known) -> pa.RecordBatch``: the rows of a part, given its files, end of the name
      → content; raises `ValueError` if it is none. ``is_exact(known) -> bool``: whether they are
      all that the job wrote, to the last bit. `known` is a `reading.Known`.
    """

    suffix: ClassVar[str]

    def check(self, schema: pa.Schema) -> None:
        """Raise `ValueError` if rows of these columns cannot be written in this format."""

    def knowing(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> Writer:
        """Return a writer for these rows alone, with everything ready that no width changes."""

    def write(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
        """Write one part; the same rows always give the same bytes."""


@runtime_checkable
class SeveralFiles(Protocol):
    """A file format whose parts are several files each."""

    def check(self, schema: pa.Schema) -> None:
        """Raise `ValueError` if rows of these columns cannot be written in this format."""

    def knowing(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> SeveralFiles:
        """Return a writer for these rows alone, with everything ready that no width changes."""

    def files(self, schema: pa.Schema) -> Mapping[str, Write]:
        """Return what writes each file of a part, by the end of its name."""


def files_of(writer: AnyWriter, schema: pa.Schema) -> Mapping[str, Write]:
    """Return what writes each file of a part, by the end of its name; mostly there is one."""
    if isinstance(writer, SeveralFiles):
        return writer.files(schema)
    one = writer
    return {one.suffix: lambda batches, file: one.write(batches, schema, file)}


class SettingError(ValueError):
    """A setting of a format that does not fit the columns.

    Attributes:
        key: Of ``output``.
    """

    def __init__(self, key: str, what: str) -> None:
        super().__init__(what)
        self.key = key


@dataclass(frozen=True)
class Layout:
    """The places of the columns that every format treats alike; None for what is not there."""

    label: int | None
    id: int | None
    indices: int | None
    values: int | None
    n_features: int | None

    @classmethod
    def of(cls, schema: pa.Schema) -> Layout:
        """Find the columns by their roles."""
        label, id_, indices, values = (
            next(iter(positions(schema, role)), None)
            for role in (Role.LABEL, Role.ID, Role.INDICES, Role.VALUES)
        )
        width = None if indices is None else int(schema.field(indices).metadata[N_FEATURES])
        return cls(label, id_, indices, values, width)


@dataclass(frozen=True)
class Entries:
    """The sparse rows of a batch.

    Attributes:
        offsets: Where each row starts in the next two, shape (rows + 1,).
        indices: Column of each entry, ascending within a row.
        values: The entries.
        n_features: Width of the matrix.
    """

    offsets: npt.NDArray[np.int64]
    indices: npt.NDArray[np.uint32]
    values: Floats
    n_features: int

    @classmethod
    def of(cls, rows: pa.RecordBatch, layout: Layout) -> Entries:
        """Return the entries of rows that `refuse_unhashed` lets pass."""
        if layout.indices is None or layout.values is None or layout.n_features is None:
            raise ValueError("there is no sparse row to write")
        indices, values = rows.column(layout.indices), rows.column(layout.values)
        offsets = indices.offsets.to_numpy().astype(np.int64)
        flat = indices.flatten().to_numpy().view(np.uint32)
        return cls(offsets - offsets[0], flat, values.flatten().to_numpy(), layout.n_features)


def named_columns(schema: pa.Schema) -> dict[str, int]:
    """Return what is written: name of a column → where it stands.

    Hashed rows have ``indices``, ``values``, ``label`` and ``id``; others the names of the schema.
    """
    layout = Layout.of(schema)
    if layout.indices is None:
        named = zip(schema.names, roles_of(schema), strict=True)
        return {name: i for i, (name, role) in enumerate(named) if role not in _NOT_WRITTEN}
    places = {
        "indices": layout.indices,
        "values": layout.values,
        "label": layout.label,
        "id": layout.id,
    }
    return {name: place for name, place in places.items() if place is not None}


def slices(batches: Sequence[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield at most so many rows at a time, for work that goes best on what fits into a cache."""
    for batch in batches:
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)


def refuse_unhashed(schema: pa.Schema, format_name: str) -> None:
    """Raise `ValueError` if there is no sparse row, and the format holds nothing else."""
    if Layout.of(schema).indices is None:
        raise ValueError(
            f"{format_name} holds hashed rows, but no step hashes; use output.format=csv or parquet"
        )


def refuse_unlabelled(schema: pa.Schema, format_name: str) -> None:
    """Raise `ValueError` if there is no label, with which each line of the format begins."""
    if Layout.of(schema).label is None:
        raise ValueError(
            f"{format_name} begins each line with the label, but there is none; "
            "set dataset.label or use output.format=npz"
        )


def refuse_left_over(schema: pa.Schema) -> None:
    """Raise `ValueError` for a feature that a step added beside the hashed rows: it got lost."""
    left = [schema.field(place).name for place in features(schema)]
    if left and Layout.of(schema).indices is not None:
        raise ValueError(
            f"column {quoted(left[0])} comes after the step that hashes and would be lost; "
            "put its step before"
        )
