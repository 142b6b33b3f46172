"""A chain of transforms: what goes in, what comes out, and that each step keeps its word."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.runtime.chain.dictionaries import decoded, decoded_schema, encoded, held
from headrace.runtime.errors import RAISED_BY, BadRows, HeadraceError, PluginError
from headrace.runtime.plugins import promises
from headrace.runtime.shown import plain, quoted
from headrace.runtime.transform import (
    Learner,
    Role,
    TableReader,
    Transform,
    is_pending,
    learner,
    positions,
    role_of,
    sampling_of,
    speaks_for,
    table_reader,
    takes_dictionaries,
)

_OF_THE_INPUT = {Role.LABEL, Role.ID}
"""The roles that a step may want and the reader does not add: they are there or not."""


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

    @property
    def stateful(self) -> Learner | TableReader | None:
        """Return the step, if it has yet to be told what it learned or looks up."""
        reader = table_reader(self.transform) if self.state is None else None
        return self.learner or reader

    def with_state(self, state: pa.Table) -> Link:
        """Return the step that knows what it learned.

        The columns that it makes may say more than was promised; see `Learner.with_state`.

        Raises:
            ChainError: It cannot work with that.
            PluginError: It makes other columns than were promised before.
        """
        if self.stateful is None:
            raise TypeError(f"transform.steps.{self.label} has nothing to learn")
        with refused(self.label):
            fitted = self.stateful.with_state(state)
            promises.check_fitted(fitted, self.place)
            after = decoded_schema(promises.schema_of(fitted, self.before, self.place))
        if not _keeps(self.after, after):
            raise PluginError(
                f"transform.steps.{self.label}: with_state gave the columns {_described(after)}, "
                f"but output_schema promised {_described(self.after)}"
            )
        return replace(self, transform=fitted, after=after, state=state)

    def behind(self, before: pa.Schema) -> Link:
        """Return the same step with other columns in front of it, as learning made them.

        Raises:
            ChainError: It cannot work with them.
        """
        if before.equals(self.before, check_metadata=True):
            return self
        with refused(self.label):
            after = _promised(self.label, self.transform, before)
        return replace(self, before=before, after=after)

    def suited(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch as the step takes it best: see `headrace.runtime.chain.dictionaries`."""
        if not takes_dictionaries(self.transform):
            return decoded(batch)
        return encoded(batch, self._by_value) if self._by_value else batch

    @cached_property
    def _by_value(self) -> frozenset[str]:
        """Return the columns whose texts, if it takes dictionaries, come as such."""
        return frozenset(getattr(self.transform, "touches", lambda _: ())(self.before))

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Run the step and hold it to its promise.

        Raises:
            PluginError: It made no batch, more rows, or other names or types than the
                promised ones; or it calls rows bad that are not there.
        """
        with self.pointing_at(batch):
            made = self.transform.apply(batch)
        promises.check_batch(self.transform, batch, made, self.place)
        return self._promised(made)

    @property
    def place(self) -> str:
        """Return where a mistake of the step is, as an error message says it."""
        return promises.place(self.label, self.transform)

    def _promised(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the step's batch under the promised schema, roles included."""
        if not takes_dictionaries(self.transform):
            batch = decoded(batch)  # its own dictionaries may hold what ours do not
        if batch.schema.equals(self.after, check_metadata=True):
            return batch
        made = decoded_schema(batch.schema)
        if not made.equals(self.after):
            raise PluginError(f"{self.place}: {promises.difference(made, self.after)}")
        return held(self.after, batch.columns)

    @property
    def tells_kept(self) -> bool:
        """Return whether the step tells which rows it keeps of those that it gets."""
        return speaks_for(type(self.transform), "keeps", "apply")

    def kept(self, batch: pa.RecordBatch, rows: int) -> npt.NDArray[np.bool_]:
        """Return which rows the step keeps, by its own account, shape (rows of the batch,).

        Args:
            batch: The rows that it got.
            rows: Number of those that it gave.

        Raises:
            PluginError: The account is none, or not of so many rows.
        """
        kept = np.asarray(self.transform.keeps(batch))  # type: ignore[attr-defined]
        return promises.checked_account(kept, batch, rows, self.place)

    @contextmanager
    def pointing_at(self, batch: pa.RecordBatch) -> Iterator[None]:
        """Check that the rows that the step calls bad are some that it got.

        Raises:
            PluginError: They are not.
        """
        try:
            yield
        except BadRows as bad:
            promises.check_bad_rows(bad, batch, self.place)
            raise


def _promised(label: str, transform: Transform, before: pa.Schema) -> pa.Schema:
    """Return the columns that a step promises: in place of a dictionary, the cells of one."""
    place = promises.place(label, transform)
    made = promises.schema_of(transform, before, place)
    promises.check_columns(before, made, place)
    promises.check_channels(transform, before, made, place)
    return decoded_schema(made)


def bind(steps: Sequence[tuple[str, Transform]], source: pa.Schema) -> list[Link]:
    """Hand the schema through the chain before any data is read.

    Raises:
        ChainError: A step cannot work with the columns that reach it.
    """
    links: list[Link] = []
    for label, transform in steps:
        before = links[-1].after if links else source
        with refused(label, _hasher_of(links)):
            after = _promised(label, transform, before)
        _refuse_sampled_before(label, before, after)
        links.append(Link(label, transform, before, after))
    return links


def refuse_forgotten(links: Sequence[Link], kept: Collection[str]) -> None:
    """Refuse a chain with a step that has to know what it learned, if that was not kept.

    Args:
        links: The chain.
        kept: Labels of the steps of which it was.

    Raises:
        ChainError: There is such a step.
    """
    for link in links:
        if link.stateful is not None and link.label not in kept:
            raise ChainError(
                f"transform.steps.{link.label}", "the run did not keep what it learned"
            )


def with_states(links: Sequence[Link], states: Mapping[str, pa.Table]) -> tuple[Link, ...]:
    """Return the same chain, some of its steps, by their labels, knowing what they learned.

    Each step is bound again to the columns that the steps before it make now.

    Raises:
        ChainError: A step cannot work with what it learned, or with the columns that come of it.
        PluginError: A step makes other columns than it promised.
    """
    made: list[Link] = []
    for each in links:
        link = each.behind(made[-1].after) if made else each
        made.append(link.with_state(states[link.label]) if link.label in states else link)
    return tuple(made)


def _refuse_sampled_before(label: str, before: pa.Schema, after: pa.Schema) -> None:
    """Refuse to divide rows after some were left out: those that do not train should be all."""
    if sampling_of(before) is None or positions(before, Role.CHANNEL):
        return
    if positions(after, Role.CHANNEL):
        what = "rows are left out before they are divided; downsample should stand behind it"
        raise ChainError(f"transform.steps.{label}", what)


def _hasher_of(links: Sequence[Link]) -> str | None:
    """Return the label of the step that hashed all features, if one has."""
    for link in links:
        if positions(link.after, Role.INDICES):
            return link.label
    return None


@contextmanager
def refused(label: str, hasher: str | None = None) -> Iterator[None]:
    """Say which step it is that cannot work so; a step says that by a `ValueError`.

    Args:
        label: Of the step.
        hasher: Label of a step before it that leaves no features.
    """
    try:
        yield
    except (ValueError, KeyError) as error:
        message = str(error.args[0] if error.args else error)
        if hasher is not None:
            hint = f"it stands behind {quoted(hasher)}, which hashes all features"
            message = f"{message}; {hint}: put it before that (before: {plain(hasher)})"
        raise ChainError(f"transform.steps.{label}", message) from error
    except (BadRows, HeadraceError):
        raise
    except Exception as error:
        blame(label, error)
        raise


def blame(label: str, error: Exception) -> None:
    """Add the name of the step to an error that is a bug of the step, once."""
    note = f"{RAISED_BY}{label}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def wanted_of(transforms: Sequence[object], source: pa.Schema) -> tuple[Role, ...]:
    """Return what the reader has to add for these steps."""
    wanted = {role for step in transforms for role in wants_of(step, source)}
    return tuple(sorted(wanted - _OF_THE_INPUT))


def wants_of(transform: object, source: pa.Schema) -> tuple[Role, ...]:
    """Return what a step needs of the input beside features."""
    return tuple(getattr(transform, "wants", lambda _: ())(source))


def refuse_absent(label: str, transform: object, source: pa.Schema) -> None:
    """Check that the input has the label and the id that a step wants.

    Raises:
        ChainError: One of them is not there.
        PluginError: It wants what nobody can give.
    """
    with refused(label):
        wanted = getattr(transform, "wants", lambda _: ())(source)
    promises.check_wanted(wanted, promises.place(label, transform))
    for role in wanted:
        if role in _OF_THE_INPUT and not positions(source, role):
            what = f"needs the {role} of each row; dataset.{role} should name its column"
            raise ChainError(f"transform.steps.{label}", what)


def _keeps(promised: pa.Schema, made: pa.Schema) -> bool:
    """Return whether columns are those that were promised; pending ones stand for any number."""
    fixed = [_named(field) for field in promised if not is_pending(field)]
    there = [_named(field) for field in made]
    if len(fixed) == len(promised):
        return there == fixed
    rest = iter(there)
    return all(each in rest for each in fixed)  # in the same order


def _named(field: pa.Field) -> tuple[str, pa.DataType, Role]:
    return field.name, field.type, role_of(field)


def _described(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)
