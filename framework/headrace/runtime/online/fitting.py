"""The chain that a single row goes through: the job's, without what only a whole job has."""

from __future__ import annotations

from dataclasses import replace

from headrace.runtime.chain import chain
from headrace.runtime.chain.chain import ChainError, Link
from headrace.runtime.chain.columns import Columns
from headrace.runtime.chain.new_rows import steps_for_new_rows
from headrace.runtime.errors import DataError, HeadraceError
from headrace.runtime.learning.files import restored
from headrace.runtime.online.run_folder import RunFolder
from headrace.runtime.plugins.transforms import load
from headrace.runtime.transform import FEATURES, Role

NEITHER = "a single row has neither label nor id"


def fitted(run: RunFolder) -> tuple[Columns, tuple[Link, ...]]:
    """Return the feature columns, and the steps that they go through.

    A step that gives rows their channels is left out; the label and the id are not there.

    Raises:
        HeadraceError: The rest cannot work on a single row, or what it learned cannot be read.
    """
    steps = load(run.steps, own_first=True)
    run.warn_of_skew()
    try:
        columns = Columns.of(run.columns, run.dataset, "input_columns")
        kept = steps_for_new_rows(steps, columns)
        features = replace(columns, roles=_features(columns), time=None)
        bound = chain.bind(kept, features.schema)
    except (ChainError, DataError) as error:
        raise HeadraceError(f"{run.place}: {error} ({NEITHER})") from error
    links = restored(bound, run.path, run.states)
    for link in links:
        _refuse_wanting(run, link, columns)
    return features, links


def _refuse_wanting(run: RunFolder, link: Link, columns: Columns) -> None:
    if wanted := chain.wants_of(link.transform, columns.schema):
        what = f"transform.steps.{link.label}: wants the {wanted[0]} of each row"
        raise HeadraceError(f"{run.place}: {what} ({NEITHER})")


def _features(columns: Columns) -> dict[str, Role]:
    return {name: role for name, role in columns.roles.items() if role in FEATURES}
