"""Values as the mean label of the training rows that have them, drawn to the mean of all.

    before  site_id    after  site_id    (smooth=2, folds=0; the training rows: a 1, b 0, b 0, b 1)
            a                 0.666...
            (null)            (null)
            c                 0.5

``(sum of the labels + smooth * mean of all) / (rows + smooth)``, as scikit-learn's
``TargetEncoder`` with that `smooth`. A training row does not see its own label: its value is that
of the rows in the other folds, and a hash of its id says in which fold it is. Without an id that is
the row's text but for the label, which would tell it otherwise. Sums are exact, so
that it makes no difference how rows are divided. Each different value takes 8 bytes of memory for
each fold and about 30 besides, and about 120 for each fold while sums are added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from annotated_types import Ge, Le, Len

from headrace.runtime.hashing.functions import hash_cells
from headrace.runtime.learning.columns import CellStep, ColumnLearner
from headrace.runtime.learning.counts import VALUE, Values, with_nulls_of
from headrace.runtime.learning.targets import (
    FOLD,
    Sums,
    added_up_targets,
    of_all_rows,
    target_sums,
)
from headrace.runtime.transform import Role, RowStep, key_roles, positions, row_keys, with_role

_TEXT = Role.UNLABELED_TEXT


@dataclass(frozen=True)
class TargetEncode(ColumnLearner):
    """Replace values of categorical columns by smoothed means of the label.

    Attributes:
        smooth: Number of rows of the overall mean that are added to the rows of each value.
        folds: Number of folds of the training rows, murmur3_32(id, seed) % folds; without an id
            the row's text but for the label is hashed. 0 gives training rows what all others get,
            their own labels in it.
        seed: Seed of that hash.
        columns: Names of the columns; null for all categorical ones.
        max_values: Different values, of all columns together and counted once in each fold, whose
            labels may be added up; with more of them the job fails instead of filling the memory.
    """

    smooth: Annotated[float, Ge(0)] = 10.0
    folds: Annotated[int, Ge(0), Le(1000)] = 5
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0
    columns: Annotated[tuple[str, ...], Len(1)] | None = None
    max_values: Annotated[int, Ge(1)] = 50_000_000

    role: ClassVar[Role] = Role.CATEGORICAL
    takes_dictionaries: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.folds == 1:
            raise ValueError("folds should be 0 or at least 2: one fold has no others")

    def wants(self, schema: pa.Schema) -> tuple[Role, ...]:
        """Return the label, and the row's text as the key of its fold where there is no id."""
        return (Role.LABEL, *(key_roles(schema, _TEXT) if self.folds else ()))

    def for_new_rows(self) -> TargetEncode:
        """Return the step for rows that are not among those it learned from."""
        return replace(self, folds=0)

    def made(self, field: pa.Field) -> pa.Field:
        """Return a column of numbers."""
        return with_role(field.with_type(pa.float64()), Role.NUMERIC)

    def accumulate(self, batch: pa.RecordBatch) -> pa.Table:
        """Add up the labels of each value, fold by fold."""
        (label,) = positions(batch.schema, Role.LABEL)
        labels, count = batch.column(label).to_numpy(zero_copy_only=False), max(self.folds, 1)
        return target_sums(self.cells(batch), labels, self._folds(batch), count)

    def merge(self, states: Sequence[pa.Table]) -> pa.Table:
        """Add up all of it."""
        return added_up_targets(states, self.max_values)

    def finish(self, state: pa.Table) -> pa.Table:
        """Return the sums: they are all that there is to know."""
        return state

    def with_state(self, state: pa.Table) -> TargetEncode:
        """Return the step that knows the mean of each value."""
        return _Fitted(**asdict(self), learned=self._means(state))

    def _means(self, state: pa.Table) -> Any:
        """Return the values and their means, shape (values + 1, folds + 1).

        Of each value there is, for each fold, the mean of the rows in all others, and at the end
        that of all rows. Behind the values stands what others get.
        """
        known, codes = np.unique(state[VALUE].to_numpy(), return_inverse=True)
        folds = state[FOLD].to_numpy()
        overall = np.flatnonzero(known == of_all_rows())
        every = Sums.of(state, codes, len(known))
        mean = every.take(overall).means() if len(overall) else np.zeros(1)
        means = np.append(every.smoothed(self.smooth, np.repeat(mean, len(known))), mean)
        apart = np.tile(mean, (len(known) + 1, self.folds + 1))
        apart[:, -1] = means
        for fold in range(self.folds):
            chosen = folds == fold
            inside = Sums.of(state.filter(pa.array(chosen)), codes[chosen], len(known))
            others = every.without(inside)
            if others.rows[overall].any():
                apart[-1, fold] = others.take(overall).means()[0]
            apart[:-1, fold] = others.smoothed(self.smooth, np.repeat(apart[-1, fold], len(known)))
        return Values(known), apart

    def _folds(self, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
        if not self.folds:
            return np.zeros(batch.num_rows, np.int64)
        return hash_cells(row_keys(batch, _TEXT), seed=self.seed).astype(np.int64) % self.folds


@dataclass(frozen=True)
class _Fitted(TargetEncode):
    takes_dictionaries: ClassVar[bool] = True
    learned: Any = None

    def wants(self, schema: pa.Schema) -> tuple[Role, ...]:
        return tuple(role for role in super().wants(schema) if role is not Role.LABEL)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        values, means = self.learned
        width = means.shape[1]
        which = np.full(batch.num_rows, width - 1)
        if self.folds:
            which = np.where(self._trains(batch), self._folds(batch), which)
        columns = self.cells(batch)
        for name, cells in columns.items():
            places = values.places(name, cells) * width + which
            columns[name] = with_nulls_of(cells, means.ravel()[places])
        return self.changed(batch, columns)

    def on_a_cell(self, name: str, kind: pa.DataType) -> CellStep | None:
        values, means = self.learned
        place_of = values.place_in(name)
        return lambda text: None if text is None else means.item(place_of(text), -1)

    def on_a_row(self, schema: pa.Schema) -> RowStep | None:
        """Return what does the same to a single row; None where it depends on the row's fold."""
        return None if self.folds else super().on_a_row(schema)

    def _trains(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        """Return which rows it has learned from: those of the first channel, if there are any."""
        for place in positions(batch.schema, Role.CHANNEL):
            return np.asarray(batch.column(place).to_numpy() == 0)
        return np.ones(batch.num_rows, np.bool_)
