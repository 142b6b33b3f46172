"""The chain for rows that a run did not have: without what is for its own rows alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from headrace.runtime.chain import chain
from headrace.runtime.chain.chain import ChainError, Link
from headrace.runtime.chain.columns import Columns
from headrace.runtime.errors import DataError
from headrace.runtime.shown import quoted
from headrace.runtime.sources import cells_of, columns_of
from headrace.runtime.sources.files import name_of
from headrace.runtime.spec import DatasetSpec, LearnedSpec
from headrace.runtime.transform import FEATURES, Role, Transform, role_of

_SHOWN = 5
_WHERE, _UNLIKE = "transform.learned", "the rows do not fit the run: "

Steps = Sequence[tuple[str, Transform]]


def steps_for_new_rows(steps: Steps, columns: Columns) -> list[tuple[str, Transform]]:
    """Return the steps that new rows go through: none that gives channels or leaves out rows.

    Args:
        steps: The chain of a run, before it has learned.
        columns: The columns of the run's input.

    Raises:
        ChainError: The chain does not fit the columns, or a step that gives channels does more.
    """
    wanted = chain.wanted_of([transform for _, transform in steps], columns.schema)
    links = chain.bind(steps, replace(columns, wanted=wanted).schema)
    kept = [(link.label, _for_new_rows(link)) for link in links]
    return [(label, transform) for label, transform in kept if transform is not None]


def fitted(
    steps: Steps, run: LearnedSpec, first: Path, dataset: DatasetSpec, below: str | None
) -> tuple[list[tuple[str, Transform]], Columns]:
    """Fit the chain of a run to new rows, which may have no label.

    Args:
        steps: The run's chain, before it has learned.
        run: The run.
        first: The first file of the new rows.
        dataset: What they look like.
        below: As for `headrace.runtime.chain.preflight.preflight`.

    Returns:
        The steps for new rows, and the new rows' columns in the run's order.

    Raises:
        ChainError: The file has not the columns that the configuration names, or the features are
            not those of the run.
    """
    theirs = Columns.of(run.columns, run.dataset, "the run's input")
    try:
        cells = _cells(first, dataset, run.dataset.label)
        names = dataset.columns if cells is None else cells
        columns = _columns(first, replace(dataset, columns=names), below, run.dataset.label)
    except DataError as error:
        raise ChainError(_WHERE, f"{_UNLIKE}{error}") from error
    if differences := list(_differences(columns, theirs)):
        more = f"; {len(differences) - _SHOWN} more differ" if len(differences) > _SHOWN else ""
        raise ChainError(_WHERE, f"{_UNLIKE}{'; '.join(differences[:_SHOWN])}{more}")
    columns = replace(columns, cells=cells)
    return steps_for_new_rows(steps, theirs), columns.in_order(run.columns)


def _cells(first: Path, dataset: DatasetSpec, label: str | None) -> tuple[str, ...] | None:
    """Return the names of the cells of files without a header that have no label either.

    Returns:
        None if the names in the dataset are right.
    """
    names, count = dataset.columns, cells_of(first, dataset)
    if names is None or count is None or count == len(names):
        return None
    without = tuple(name for name in names if name != (dataset.label or label))
    if count == len(without):
        return without
    if dataset.skips_bad_rows:
        return None
    what = f"the first row has {count} cells, but dataset.columns names {len(names)} columns"
    raise DataError(f"{name_of(first)}: {what}")


def _columns(first: Path, dataset: DatasetSpec, below: str | None, label: str | None) -> Columns:
    """Return the columns of new rows, which may have no label, or one that nobody asks for."""
    named = (dataset.id, dataset.time, *dataset.numeric, *(dataset.categorical or ()))
    if dataset.label is None and label is not None and label not in named:
        with suppress(DataError):  # the file does not have it
            return columns_of(first, replace(dataset, drop=(*dataset.drop, label)), below)
    try:
        return columns_of(first, dataset, below)
    except DataError:
        if dataset.label is None and label is None:
            raise
    expected = dataset.columns_expected
    if expected is not None:
        expected = tuple(name for name in expected if name != (dataset.label or label))
    return columns_of(first, replace(dataset, label=None, columns_expected=expected), below)


def _differences(ours: Columns, theirs: Columns) -> Iterator[str]:
    """Yield what keeps the features of two inputs from being the same."""
    for name, role in theirs.roles.items():
        if role in FEATURES and (found := ours.roles.get(name)) is not role:
            if found is not None:
                yield f"column {quoted(name)} is {found} here and {role} there"
            elif name in ours.known:
                yield f"column {quoted(name)} is not used here and {role} there"
            else:
                yield f"there is no column {quoted(name)} here, which is {role} there"
    for name, role in ours.roles.items():
        if role in FEATURES and (found := theirs.roles.get(name)) not in FEATURES:
            said = "is not used" if found is None else f"is the {found}"
            said = said if name in theirs.known else "does not exist"
            yield f"column {quoted(name)} is {role} here and {said} there"


def _for_new_rows(link: Link) -> Transform | None:
    if _gives_channels(link):
        return None
    asked = getattr(link.transform, "for_new_rows", None)
    transform: Transform | None = link.transform if asked is None else asked()
    return transform


def _gives_channels(link: Link) -> bool:
    """Return whether a step gives rows their channels; it may do nothing else, to be left out."""
    if not hasattr(link.transform, "channels"):
        return False
    others = [field for field in link.after if role_of(field) is not Role.CHANNEL]
    if pa.schema(others).equals(link.before.remove_metadata(), check_metadata=True):
        return True
    raise ChainError(f"transform.steps.{link.label}", "does more than to give rows their channels")
