"""The chain that a single row goes through: the job's, without what only a whole job has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from headrace.runtime.chain import chain
from headrace.runtime.chain.chain import ChainError, Link
from headrace.runtime.chain.columns import Columns
from headrace.runtime.errors import DataError, HeadraceError
from headrace.runtime.learning.files import restored
from headrace.runtime.online.run_folder import RunFolder
from headrace.runtime.plugins.transforms import load
from headrace.runtime.transform import FEATURES, Role, Transform, positions, role_of

NEITHER = "a single row has neither label nor id"


def fitted(run: RunFolder) -> tuple[Columns, tuple[Link, ...]]:
    """Return the feature columns, and the steps that they go through.

    A step that gives rows their channels is left out; the label and the id are not there.

    Raises:
        HeadraceError: The rest cannot work on a single row, or hashes nothing, or what it learned
            cannot be read.
    """
    steps = load(run.steps, own_first=True)
    run.warn_of_skew()
    try:
        columns = Columns.of(run.columns, run.dataset, "input_columns")
        kept = _kept(steps, columns)
        features = replace(columns, roles=_features(columns), time=None)
        bound = chain.bind(kept, features.schema)
    except (ChainError, DataError) as error:
        raise HeadraceError(f"{run.path}: {error} ({NEITHER})") from error
    links = restored(bound, run.path, run.states)
    made = links[-1].after if links else features.schema
    if not all(positions(made, role) for role in (Role.INDICES, Role.VALUES)):
        raise HeadraceError(f"{run.path}: its rows are not hashed; there is nothing to load")
    return features, tuple(links)


def _kept(steps: Sequence[tuple[str, Transform]], columns: Columns) -> list[tuple[str, Transform]]:
    wanted = chain.wanted_of([transform for _, transform in steps], columns.schema)
    whole = chain.bind(steps, replace(columns, wanted=wanted).schema)
    kept = [link for link in whole if not _gives_channels(link)]
    for link in kept:
        if extra := chain.wanted_of([link.transform], columns.schema):
            raise ChainError(f"transform.steps.{link.label}", f"wants the {extra[0]} of each row")
    return [(link.label, link.transform) for link in kept]


def _features(columns: Columns) -> dict[str, Role]:
    return {name: role for name, role in columns.roles.items() if role in FEATURES}


def _gives_channels(link: Link) -> bool:
    """Return whether a step gives rows their channels; it may do nothing else, to be left out."""
    if not hasattr(link.transform, "channels"):
        return False
    others = [field for field in link.after if role_of(field) is not Role.CHANNEL]
    if pa.schema(others).equals(link.before.remove_metadata(), check_metadata=True):
        return True
    raise ChainError(f"transform.steps.{link.label}", "does more than to give rows their channels")
