"""Checks before any row is read: columns, the chain's schemas, the output format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from headrace.runtime.chain import chain
from headrace.runtime.chain.chain import ChainError, Link
from headrace.runtime.chain.columns import Columns
from headrace.runtime.errors import DataError
from headrace.runtime.evaluation import needs
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.output.writers import writer_of
from headrace.runtime.plugins.formats import AUTO
from headrace.runtime.plugins.transforms import channels_of, load
from headrace.runtime.sources import columns_of, first_file
from headrace.runtime.sources.files import format_of, name_of
from headrace.runtime.sources.meaning import meaningless
from headrace.runtime.sources.readers import reader_of
from headrace.runtime.spec import DatasetSpec, JobSpec
from headrace.runtime.transform import N_FEATURES, Role, Transform, positions


@dataclass(frozen=True)
class Prepared:
    """A job that fits its input: the columns and the bound chain."""

    columns: Columns
    links: tuple[Link, ...]

    @property
    def schema(self) -> pa.Schema:
        """Return the rows that are written."""
        return self.links[-1].after

    @property
    def channels(self) -> tuple[str, ...]:
        """Return the output channels, in the order of their indices."""
        return channels_of([link.transform for link in self.links])

    @property
    def n_features(self) -> int | None:
        """Return the width of the hashed matrix; None if nothing is hashed."""
        for place in positions(self.schema, Role.INDICES):
            return int(self.schema.field(place).metadata[N_FEATURES])
        return None

    @property
    def hasher(self) -> Hasher | None:
        """Return the step that hashes; None if none does."""
        transforms = (link.transform for link in self.links)
        return next((each for each in transforms if isinstance(each, Hasher)), None)

    @property
    def is_numbered(self) -> bool:
        """Return whether a step wants the rows numbered, which costs a pass over the data."""
        return Role.ROW_NUMBER in self.columns.wanted

    @property
    def until_hashed(self) -> int:
        """Return the number of steps before the one that hashes; of all steps if none does."""
        hashes = [isinstance(link.transform, Hasher) for link in self.links]
        return hashes.index(True) if any(hashes) else len(hashes)

    def with_states(self, states: Mapping[str, pa.Table]) -> Prepared:
        """Return the same job, some of its steps, by their labels, knowing what they learned."""
        return replace(self, links=chain.with_states(self.links, states))


def preflight(spec: JobSpec, files: Sequence[Path], below: str | None = None) -> Prepared:
    """Read the header of the first file that is not empty, and hand its columns through the chain.

    Args:
        spec: The job.
        files: The input, at least one file.
        below: Path of the only file below ``dataset.path``, if it is not read where a job reads it.

    Raises:
        DataError: The file has not the columns that the configuration names.
        ChainError: A step, the output format or the evaluation cannot work with the columns that
            reach it; or columns are named that the files name themselves.
    """
    refuse_named(files, spec.dataset)
    steps = load(spec.steps)
    columns = columns_of(first_file(files, spec.dataset), spec.dataset, below)
    if spec.column_order:
        columns = columns.in_order(spec.column_order)
    columns = replace(columns, wanted=_wanted(steps, columns))
    for label, transform in steps:
        chain.refuse_absent(label, transform, columns.schema)
    links = chain.bind(steps, columns.schema)
    try:
        writer_of(spec.output.format).check(links[-1].after)
    except ValueError as error:
        raise ChainError("output.format", str(error)) from error
    prepared = Prepared(columns, tuple(links))
    if spec.evaluation is not None:
        needs.check(prepared.schema, prepared.channels)
    return prepared


def refuse_named(files: Sequence[Path], dataset: DatasetSpec) -> None:
    """Refuse settings that mean nothing for a file, as far as file names tell.

    Raises:
        ChainError: There is such a file.
    """
    if dataset.columns is not None:
        for file in files:
            if reader_of(kind := format_of(file, dataset.format)).delimiter is None:
                raise ChainError(
                    "dataset.columns",
                    f"names the columns of CSV and TSV files without a header; {name_of(file)} "
                    f"is read as {kind}, which names its own: leave it out",
                )
    formats: dict[str, Path] = {}
    for file in files if dataset.format == AUTO else ():
        with suppress(DataError):  # told when the file is read
            formats.setdefault(format_of(file, AUTO), file)
    for kind, file in formats.items():
        for key, what in meaningless(dataset, kind):
            example = f"{name_of(file)} is read as {kind}"
            raise ChainError(f"dataset.{key}", f"{what}, and {example}: leave it out")


def _wanted(steps: Sequence[tuple[str, Transform]], columns: Columns) -> tuple[Role, ...]:
    by_steps = chain.wanted_of([transform for _, transform in steps], columns.schema)
    return (*by_steps, Role.TIME) if columns.has_time else by_steps
