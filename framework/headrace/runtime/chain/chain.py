"""A chain of transforms: what goes in, what comes out, and that each step keeps its word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pyarrow as pa

from headrace.runtime.errors import HeadraceError, PluginError
from headrace.runtime.transform import Learner, Role, Transform, learner


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
    """One step with the columns that it gets and the columns that it promises.

    Attributes:
        state: What the step learned; None if it has not, or need not.
    """

    label: str
    transform: Transform
    before: pa.Schema
    after: pa.Schema
    state: pa.Table | None = None

    @property
    def learner(self) -> Learner | None:
        """Return the step, if it has yet to learn."""
        return learner(self.transform) if self.state is None else None

    def with_state(self, state: pa.Table) -> Link:
        """Return the step that knows what it learned.

        Raises:
            ChainError: It cannot work with that.
            PluginError: It makes other columns than were promised before.
        """
        if self.learner is None:
            raise TypeError(f"transform.steps.{self.label} has nothing to learn")
        with refused(self.label):
            fitted = self.learner.with_state(state)
        after = fitted.output_schema(self.before)
        if not after.equals(self.after, check_metadata=True):
            raise PluginError(
                f"transform.steps.{self.label}: with_state gave the columns {_described(after)}, "
                f"but output_schema promised {_described(self.after)}"
            )
        return replace(self, transform=fitted, state=state)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Run the step and hold it to its promise."""
        return self.checked(self.transform.apply(batch))

    def checked(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the step's batch under the promised schema, roles included.

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
        with refused(label):
            after = transform.output_schema(before)
        links.append(Link(label, transform, before, after))
    return links


@contextmanager
def refused(label: str) -> Iterator[None]:
    """Say which step it is that cannot work so; a step says that by a `ValueError`."""
    try:
        yield
    except (ValueError, KeyError) as error:
        message = error.args[0] if error.args else error
        raise ChainError(f"transform.steps.{label}", str(message)) from error


def wanted_of(transforms: Sequence[object], source: pa.Schema) -> tuple[Role, ...]:
    """Return what the reader has to add for these steps."""
    wanted = {role for step in transforms for role in _wants(step)(source)}
    return tuple(sorted(wanted))


def _wants(step: object) -> Callable[[pa.Schema], Sequence[Role]]:
    return getattr(step, "wants", lambda _: ())


def _described(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)
