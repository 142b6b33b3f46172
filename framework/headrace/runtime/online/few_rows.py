"""A hashing step on a few rows: the job's own hashes and sparse rows, without its preparations.

A block of a job has so many rows that it pays to look for the distinct values of every column; for
a single row that would take longer than everything else.
"""

from __future__ import annotations

import pyarrow as pa

from headrace.runtime.chain.chain import Link
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.hashing.tokens import ColumnTokens, RowTokens, cell_tokens, in_type
from headrace.runtime.transform import features, role_of


class FewRows:
    """Does what `headrace.runtime.chain.pipeline` does with the step.

    Args:
        link: The step, whose transform is a hasher.
        hasher: The same.
    """

    def __init__(self, link: Link, hasher: Hasher) -> None:
        self._hasher = hasher
        self._after = link.after
        fields = [(place, link.before.field(place)) for place in features(link.before)]
        self._features = [(place, field.name, role_of(field)) for place, field in fields]
        chosen = {place for place, _ in fields}
        self._kept = [place for place in range(len(link.before)) if place not in chosen]

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Hash the features of every row."""
        kept = [batch.column(place) for place in self._kept]
        columns = [*kept, *self._hasher.entries(RowTokens(self._tokens(batch)))]
        return pa.RecordBatch.from_arrays(columns, schema=self._after)

    def _tokens(self, batch: pa.RecordBatch) -> list[ColumnTokens]:
        if type(self._hasher).tokens is not Hasher.tokens:
            return self._hasher.tokens(batch)
        columns = [
            (name, in_type(batch.column(place), role)) for place, name, role in self._features
        ]
        return cell_tokens(columns, *self._hasher.hash_function())
