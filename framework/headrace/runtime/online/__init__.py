"""Single rows for model servers, transformed exactly as the job transformed them.

In: the folder of a finished run, then rows as dicts. Out: indices and values of hashed rows, or the
columns of others, as NumPy arrays, equal to the bit to those of the job. Needs NumPy, pyarrow and
``annotated_types``, as the job does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from headrace.runtime.errors import HeadraceError
from headrace.runtime.online.cells import Cells
from headrace.runtime.online.fitting import fitted
from headrace.runtime.online.run_folder import RunFolder, SkewWarning
from headrace.runtime.online.transformer import ColumnTransformer, RowTransformer
from headrace.runtime.shown import plain
from headrace.runtime.sources.cleaning import Cleaning
from headrace.runtime.transform import Role, positions

__all__ = ["ColumnTransformer", "RowTransformer", "SkewWarning", "load"]

NO_FOLDER = "load() takes the folder of a finished run, which is its output.path"
MOST = 60
"""Characters of an argument that a message repeats."""


def load(
    run_folder: str | os.PathLike[str], *, absent: Literal["error", "null"] = "error"
) -> RowTransformer | ColumnTransformer:
    """Return a transformer that makes of a row exactly what the job of that folder made of it.

    Nothing of the folder is executed: the transforms are those that are installed here.

    Args:
        run_folder: ``output.path`` of a finished run. Its ``report/manifest.json`` is enough, with
            ``report/state/`` if there is one; if ``code/entry.pyz`` is there too, its transforms
            are compared with those that are here.
        absent: What a key is that a row does not have: a mistake, or an empty cell, as a key that
            is absent from a line of a JSON lines file.

    Returns:
        A `RowTransformer` if the chain hashes its rows, else a `ColumnTransformer`; `isinstance`
        tells a type checker which one it is.

    Raises:
        HeadraceError: The folder holds no result of a chain, or a step cannot work on a single row,
            or an argument is not as it has to be.
        PluginError: A transform that the job used is not installed here.

    Warns:
        SkewWarning: A transform, or the version of headrace, is not the one that made the result.
    """
    if not isinstance(run_folder, str | os.PathLike):
        raise HeadraceError(f"{NO_FOLDER} (got {plain(repr(run_folder), MOST)})")
    if absent not in ("error", "null"):
        raise HeadraceError(f"absent should be 'error' or 'null' (got {plain(repr(absent), MOST)})")
    run = RunFolder.read(Path(run_folder))
    columns, links = fitted(run)
    cleaning = Cleaning.of(run.dataset, {})
    cells = Cells(columns, cleaning, absent_is_null=absent == "null")
    made = links[-1].after if links else columns.schema
    is_hashed = bool(positions(made, Role.INDICES) and positions(made, Role.VALUES))
    transformer = RowTransformer(cells, links) if is_hashed else ColumnTransformer(cells, links)
    transformer.rows([])  # now, and not at the first request, pyarrow imports what it needs
    return transformer
