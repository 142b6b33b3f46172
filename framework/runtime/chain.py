"""A chain of transforms: what goes in, what comes out, and that each step keeps its word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pyarrow as pa

from framework.runtime.errors import HeadraceError, PluginError
from framework.runtime.transform import Learner, Role, Transform, learner


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
        """The step, if it has yet to learn."""
        return learner(self.transform) if self.state is None else None

    @contextmanager
def refused(label: str) -> Iterator[None]:
    """Say which step it is that cannot work so; a step says that by a `ValueError`."""
    try:
        yield
    except (ValueError, KeyError) as error:
        message = error.args[0] if error.args else error
        raise ChainError(f"transform.steps.{label}", str(message)) from error


def wanted_of(transforms: Sequence[object], source: pa.Schema) -> tuple[Role, ...]:
    """What the reader has to add for these steps."""
    wanted = {role for step in transforms for role in _wants(step)(source)}
    return tuple(sorted(wanted))


def _wants(step: object) -> Callable[[pa.Schema], Sequence[Role]]:
    return getattr(step, "wants", lambda _: ())


def _described(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)
