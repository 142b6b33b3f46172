"""Checks before any row is read: columns, the chain's schemas, the output format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from headrace.runtime.chain import chain, new_rows
from headrace.runtime.chain.chain import ChainError, Link
from headrace.runtime.chain.columns import Columns
from headrace.runtime.chain.tables import Files, with_tables
from headrace.runtime.errors import DataError
from headrace.runtime.evaluation import needs
from headrace.runtime.hashing.by_column import ByColumn
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.output.writers import in_vain, writer_of
from headrace.runtime.output.writers.base import SettingError
from headrace.runtime.plugins.formats import AUTO
from headrace.runtime.plugins.transforms import channels_of, load
from headrace.runtime.sources import columns_of, first_file
from headrace.runtime.sources.files import format_of, name_of
from headrace.runtime.sources.meaning import meaningless
from headrace.runtime.sources.readers import reader_of
from headrace.runtime.spec import NO_TOKENS, ROWS, JobSpec, OutputSpec
from headrace.runtime.transform import N_FEATURES, Role, Transform, positions

Steps = Sequence[tuple[str, Transform]]


@dataclass(frozen=True)
class Prepared:
    """A job that fits its input: the columns and the bound chain."""

    columns: Columns
    links: tuple[Link, ...]
    is_of_new_rows: bool = False
    """True if the chain is another run's, whose rows these are not."""

    @property
    def schema(self) -> pa.Schema:
        """Return the rows that are written."""
        return self.links[-1].after if self.links else self.columns.schema

    @property
    def channels(self) -> tuple[str, ...]:
        """Return the output channels, in the order of their indices."""
        if self.is_of_new_rows:
            return (ROWS,)
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


def preflight(
    spec: JobSpec, files: Sequence[Path], below: str | None = None, tables: Files | None = None
) -> Prepared:
    """Read the header of the first file that is not empty, and hand its columns through the chain.

    Args:
        spec: The job.
        files: The input, at least one file.
        below: Path of the only file below ``dataset.path``, if it is not read where a job reads it.
        tables: The tables in which steps look things up; None not to read them.

    Raises:
        DataError: The file has not the columns that the configuration names.
        ChainError: A step, the output format or the evaluation cannot work with the columns that
            reach it; or columns are named that the files name themselves.
    """
    refuse_named(files, spec)
    steps = load(spec.steps)
    first = first_file(files, spec.dataset)
    if spec.learned is None:
        columns = columns_of(first, spec.dataset, below)
        if spec.column_order:
            columns = columns.in_order(spec.column_order)
        for label, transform in steps:
            chain.refuse_absent(label, transform, columns.schema)
    else:
        steps, columns = new_rows.fitted(steps, spec.learned, first, spec.dataset, below)
    columns = replace(columns, wanted=_wanted(steps, columns))
    links = tuple(chain.bind(_as_written(steps, spec.output), columns.schema))
    if spec.learned is not None and not spec.learned.is_to_come:
        chain.refuse_forgotten(links, spec.learned.states)
    if tables is not None and spec.learned is None:
        links = with_tables(links, tables)
    prepared = Prepared(columns, links, spec.learned is not None)
    refuse_unwritable(spec.output, prepared.schema)
    if spec.output.tokens and prepared.hasher is None:
        raise ChainError("output.tokens", NO_TOKENS)
    if spec.evaluation is not None:
        needs.check(prepared.schema, prepared.channels)
    return prepared


def refuse_unwritable(output: OutputSpec, schema: pa.Schema) -> None:
    """Check the rows that a chain makes; once more when its steps have learned what they make.

    Raises:
        ChainError: The output format cannot hold them, or has no such setting.
    """
    for key, what in in_vain(output):
        raise ChainError(f"output.{key}", what)
    try:
        writer_of(output).check(schema)
    except ValueError as error:
        key = error.key if isinstance(error, SettingError) else "format"
        raise ChainError(f"output.{key}", str(error)) from error


def _as_written(steps: Steps, output: OutputSpec) -> Steps:
    """Return the steps, the hasher keeping the columns apart if the format asks for that."""
    if not getattr(writer_of(output), "keeps_columns", False):
        return steps
    return [(label, ByColumn(step) if isinstance(step, Hasher) else step) for label, step in steps]


def refuse_named(files: Sequence[Path], spec: JobSpec) -> None:
    """Refuse settings that mean nothing for a file, as far as file names tell.

    Those that are another run's may: its files need not have the format of these.

    Raises:
        ChainError: There is such a file.
    """
    dataset = spec.dataset
    if spec.learned is not None:
        dataset = dataset.without_settings_of(spec.learned.dataset)
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


def _wanted(steps: Steps, columns: Columns) -> tuple[Role, ...]:
    by_steps = chain.wanted_of([transform for _, transform in steps], columns.schema)
    return (*by_steps, Role.TIME) if columns.has_time else by_steps
