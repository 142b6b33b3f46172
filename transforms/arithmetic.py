"""Operations on numbers, one after the other: ``log1p``, ``clip``, ``scale``.

    before  price        after  price       (operations=[{clip: [0, 100]}, log1p, {scale: 10}])
            9.0                 23.02585092994046
            (null)              (null)

``log1p`` is the natural logarithm of 1 + x, ``clip`` brings what lies outside of two bounds to the
nearer one (null: no bound), ``scale`` multiplies. NumPy has them as ``log1p``, ``clip`` and ``*``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from annotated_types import Len

from headrace.runtime.chain.choice import chosen, on_numbers, replaced
from headrace.runtime.chain.dictionaries import plain
from headrace.runtime.chain.logarithm import log1p
from headrace.runtime.errors import BadRows
from headrace.runtime.transform import Role, RowStep

Bounds = tuple[float | None, float | None]
Operation = Literal["log1p"] | dict[Literal["clip"], Bounds] | dict[Literal["scale"], float]


@dataclass(frozen=True)
class Arithmetic:
    """Do the same operations with each number of some columns.

    Attributes:
        operations: What is done, in this order: log1p, {clip: [lowest, highest]}, {scale: factor}.
        columns: Names of the columns; null for all numeric ones.
    """

    operations: Annotated[tuple[Operation, ...], Len(1)] = ("log1p",)
    columns: Annotated[tuple[str, ...], Len(1)] | None = None

    takes_dictionaries: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for each in self.operations:
            if not isinstance(each, str) and len(each) != 1:
                raise ValueError(f"an operation is one of log1p, clip, scale (got {dict(each)})")
            low, high = _bounds(each)
            if low is not None and high is not None and low > high:
                raise ValueError(f"clip should have its lower bound first (got [{low}, {high}])")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the same columns, these as float64."""
        names = frozenset(chosen(schema, Role.NUMERIC, names=self.columns))
        kind = pa.float64()
        return pa.schema([each.with_type(kind) if each.name in names else each for each in schema])

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Do the operations, column by column."""
        names = chosen(batch.schema, Role.NUMERIC, names=self.columns)
        made = {name: self._made(name, plain(batch.column(name))) for name in names}
        return replaced(batch, made, self.output_schema(batch.schema))

    def on_a_row(self, schema: pa.Schema) -> RowStep | None:
        """Return what does the operations with the numbers of a row."""
        names = chosen(schema, Role.NUMERIC, names=self.columns)
        if any(not pa.types.is_float64(schema.field(name).type) for name in names):
            return None
        return on_numbers(names, self._all_done)

    def _made(self, name: str, cells: pa.Array) -> pa.Array:
        missing = cells.is_null().to_numpy(zero_copy_only=False)
        numbers = cells.cast(pa.float64()).fill_null(0.0).to_numpy()
        try:
            return pa.array(self._all_done(numbers, missing), mask=missing)
        except _Bad as bad:
            raise BadRows(name, *bad.args) from None

    def _all_done(
        self, numbers: npt.NDArray[np.float64], missing: npt.NDArray[np.bool_] | None = None
    ) -> npt.NDArray[np.float64]:
        for operation in self.operations:
            with np.errstate(over="ignore"):
                numbers, bad, expected = _done(operation, numbers)
            bad = bad if missing is None else bad & ~missing
            if bad.any():
                raise _Bad(bad, expected)
        return numbers


class _Bad(ValueError):
    """The numbers without a result, and what these should be."""


def _bounds(operation: Any) -> Bounds:
    low, high = (None, None) if isinstance(operation, str) else operation.get("clip", (None, None))
    return low, high


def _done(
    operation: Any, numbers: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], str]:
    """Return the result, which cells have none, and what these should be."""
    if operation == "log1p":
        bad = ~(numbers > -1)
        return log1p(np.where(bad, 0.0, numbers)), bad, "a number greater than -1, for log1p"
    if "clip" in operation:
        low, high = _bounds(operation)
        made = np.clip(numbers, -np.inf if low is None else low, np.inf if high is None else high)
        return made, np.isnan(made), "a number"
    made = numbers * operation["scale"]
    return made, ~np.isfinite(made), "a number that is finite once it is scaled"
