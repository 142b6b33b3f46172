"""A chain of transforms: what goes in, what comes out, and that each step keeps its word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from framework.runtime.errors import HeadraceError, PluginError
from framework.runtime.transform import Role, Transform


class ChainError(HeadraceError):
    """The steps do not fit each other, the input, or the output format."""

    exit_status = 2

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.what = what

    def __reduce__(self) -> tuple[type[ChainError], tuple[str, str]]:
        return type(self), (self.where, self.what)


@dataclass(frozen=True)
class Link:
    """One step with the columns that it gets and the columns that it promises."""

    label: str
    transform: Transform
    before: pa.Schema
    after: pa.Schema

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Run the step and hold it to its promise."""
        return self.checked(self.transform.apply(batch))

    def checked(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The step's batch under the promised schema, roles included.

        Raises:
            PluginError: Names or types are not the promised ones.
        """
        if batch.schema.equals(self.after, check_metadata=True):
            return batch
        if not batch.schema.equals(self.after):
            raise PluginError(
                f"transform.steps.{self.label}: apply gave the columns {_described(batch.schema)}, "
                f"but output_schema promised {_described(self.after)}"
            )
        return pa.RecordBatch.from_arrays(batch.columns, schema=self.after)


def bind(steps: Sequence[tuple[str, Transform]], source: pa.Schema) -> list[Link]:
    """Hand the schema through the chain before any data is read.

    Raises:
        ChainError: A step cannot work with the columns that reach it.
    """
    links: list[Link] = []
    for label, transform in steps:
        before = links[-1].after if links else source
        try:
            after = transform.output_schema(before)
        except (ValueError, KeyError) as error:
            message = error.args[0] if error.args else error
            raise ChainError(f"transform.steps.{label}", str(message)) from error
        links.append(Link(label, transform, before, after))
    return links


def wanted_of(transforms: Sequence[object], source: pa.Schema) -> tuple[Role, ...]:
    """What the reader has to add for these steps."""
    wanted = {role for step in transforms for role in _wants(step)(source)}
    return tuple(sorted(wanted))


def with_row_count(
    steps: Sequence[tuple[str, Transform]], rows: int
) -> list[tuple[str, Transform]]:
    """The same steps, those that asked for it knowing the number of rows.

    Raises:
        ChainError: A step cannot work with that many.
    """
    return [(label, _counted(label, transform, rows)) for label, transform in steps]


def _counted(label: str, transform: Transform, rows: int) -> Transform:
    method: Callable[[int], Transform] | None = getattr(transform, "with_row_count", None)
    try:
        return method(rows) if method else transform
    except ValueError as error:
        raise ChainError(f"transform.steps.{label}", str(error)) from error


def _wants(step: object) -> Callable[[pa.Schema], Sequence[Role]]:
    return getattr(step, "wants", lambda _: ())


def _described(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)
