"""The interface of transforms: the only thing that a plugin's author has to know.

A transform is a frozen dataclass whose fields are its parameters. Everything that it learns about
the data comes from the Arrow schema: a field's metadata carries the column's *role*, and a field
without one is a feature: text is categorical, a number is numeric.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pyarrow as pa

ROLE = b"headrace.role"
N_FEATURES = b"headrace.n_features"
_SIZE, _NULL, _UNKNOWN = b"headrace.size", b"headrace.null", b"headrace.unknown"
_PENDING = b"headrace.pending"
_SAMPLING = b"headrace.sampling"
_SPLIT_BY = b"headrace.split_by"
_MOST_SCHEMAS = 16
_DICTIONARIES = "takes_dictionaries"
_ON_CELLS = ("apply", "accumulate", "on_a_column")
"""Methods that get dictionaries where a step takes them."""


RowStep = Callable[[dict[str, Any]], None]
"""Changes the features of a row in place: name → cell, each as ``pa.RecordBatch.to_pylist`` has it,
so a text, a float, an int (an id), a list of texts, or None for null. It raises `ValueError` for a
row that `apply` is to look at: one that it refuses, or that is not as usual."""


class Role(StrEnum):
    """The purpose of a column."""

    LABEL = "label"
    ID = "id"
    CATEGORICAL = "categorical"
    NUMERIC = "numeric"
    CHANNEL = "channel"
    """Index of the row's channel, made by a transform that declares channels."""
    INDICES = "indices"
    """Sparse row: its columns, ascending; the field's metadata carries the matrix's width."""
    VALUES = "values"
    """Sparse row: its entries."""
    BY_COLUMN = "by_column"
    """Sparse row: its entries column by column, for formats that keep the columns apart."""
    ROW_TEXT = "row_text"
    """The row as it stood in the file, its cells joined by U+001F. Only on request."""
    UNLABELED_TEXT = "unlabeled_text"
    """The row's text but for the label's cell: a key that does not tell it. Only on request."""
    ROW_NUMBER = "row_number"
    """Position of the row in the whole input, from 0. Only on request."""
    TIME = "time"
    """When the row happened, for counting: the text of the column that ``dataset.time`` names."""


_ROLES = {role.encode(): role for role in Role}
FEATURES = (Role.CATEGORICAL, Role.NUMERIC)


@runtime_checkable
class Transform(Protocol):
    """One step of a chain.

    Optional further methods, looked up by name:

    * ``channels() -> tuple[str, ...]``: the output channels; the step then adds a column of role
      `Role.CHANNEL` that holds, for each row, an index into them. `split_by` says of it that a
      column of times decides: that column is not compared between channels.
    * ``wants(schema) -> tuple[Role, ...]``: `Role.ROW_TEXT`, `Role.UNLABELED_TEXT` or
      `Role.ROW_NUMBER`, columns that the reader adds only for those who ask; `Role.LABEL` or
      `Role.ID`, without which the step cannot work. A learner that needs one of them only to learn
      gives, by `with_state`, a step that does not want it.
    * ``for_new_rows() -> Transform | None``: the step for rows that the run did not have, in
      ``load()`` and ``transform.learned``; None where it is left out there, as one that leaves out
      training rows is. Asked before `Learner.with_state`. A step with channels is left out anyway.
    * ``list_columns() -> Sequence[str]``: columns of the input whose cells may be lists. A list
      comes as the text of its elements, U+001F in front of each.
    * ``leaves_out_rows: ClassVar[bool]``: true where `apply` may return fewer rows.
    * ``keeps(batch)``: which ones it keeps, as an array of truth values, shape (rows,). It counts
      only if no class below the one that defines it has another `apply`.
    * ``takes_dictionaries: ClassVar[bool]``: true where feature columns may come, and go, as Arrow
      dictionaries of what the schema says, which spares finding distinct values again: those of
      text that the step `touches` always do. Their codes are uint8, uint16 or int32. All other
      steps get plain columns, and so does a class below that has an `apply`, `accumulate` or
      `on_a_column` of its own and does not say it.
    * ``on_a_row(schema) -> RowStep | None``: what does to a single row exactly what `apply` does,
      for ``load()``: for one row, a batch takes many times as long as the work itself. None where
      it cannot. It counts only if no class below the one that defines it has another `apply`.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the columns that `apply` makes of these; raise `ValueError` where it cannot."""

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with this step done. Must not change its input, nor loop over rows."""


@runtime_checkable
class Learner(Transform, Protocol):
    """A step that has to see rows before it can do its work, which costs a pass over the data.

    What it learns is a *state*: an Arrow table whose rows have no order, of plain columns without
    nulls; see `headrace.runtime.learning.states`. It learns from the rows that reach it and,
    where these have channels, from those of the first channel alone: behind a split it does not
    see what a model is judged on. One that wants `Role.ROW_NUMBER` learns from all rows as they
    are read, since it is those that are numbered, and before they are.

    Optional further methods:

    * ``learns() -> bool``: whether it has to, where that depends on the parameters.
    * ``touches(schema) -> Sequence[str]``: all columns that it reads or changes, but for label, id
      and channel, which nobody changes. Neighbours that touch different ones learn in one pass.
    * ``sorts = True``: `finish` puts the rows into an order of its own and takes them in any.
    * ``gatherer() -> Gatherer | None``: what puts states together as they come, in the place of
      `merge`; see `headrace.runtime.learning.states`. It counts only if no class below the one that
      defines it has another `merge`.
    """

    def accumulate(self, batch: pa.RecordBatch) -> pa.Table:
        """Return the state of some rows; that of an empty batch is the empty state."""

    def merge(self, states: Sequence[pa.Table]) -> pa.Table:
        """Return the state of the rows of all these; the same for any order and grouping."""

    def finish(self, state: pa.Table) -> pa.Table:
        """Return what the step has to know of the state of all rows; kept in ``report/state/``.

        Args:
            state: Its rows in the order of their values, the first column first, unless it `sorts`.
        """

    def with_state(self, state: pa.Table) -> Transform:
        """Return the step to use instead, given what `finish` made.

        It makes the columns that `output_schema` promised. Their metadata may say more, and one
        that was `pending` has given way to any number of others. The steps behind it see that.
        """


@runtime_checkable
class TableReader(Transform, Protocol):
    """A step that looks things up in a table, which comes as an input of its own.

    The table is given to it before any row is read, each cell as text. What it has to know of it is
    a *state*, an Arrow table of plain columns, kept in ``report/state/`` as that of a `Learner`.
    """

    @property
    def table_input(self) -> str:
        """Return the name of the table among the job's inputs: ``inputs.NAME``."""

    def state_of(self, table: pa.Table) -> pa.Table:
        """Return the state; raise `ValueError` where it cannot work with the table."""

    def with_state(self, state: pa.Table) -> Transform:
        """Return the step to use instead, which makes the same columns."""


def table_reader(transform: object) -> TableReader | None:
    """Return the step, if it is one that looks things up in a table."""
    return transform if isinstance(transform, TableReader) else None


def takes_dictionaries(taker: object, methods: Sequence[str] = _ON_CELLS) -> bool:
    """Return whether feature columns may come to a step, or a writer, as Arrow dictionaries.

    Args:
        taker: It says so, or it does not.
        methods: Those that get the columns.
    """
    kind: Any = type(taker)
    says = bool(getattr(taker, _DICTIONARIES, False))
    return says and all(speaks_for(kind, _DICTIONARIES, method) for method in methods)


@lru_cache(maxsize=1024)  # asked for every block of every step
def speaks_for(kind: type, said: str, method: str) -> bool:
    """Return whether what a class says holds for a method of it: no class below overrides that.

    Args:
        kind: The class.
        said: Name of what it says: a method or an attribute. False if it has none.
        method: Name of the method.
    """
    homes = kind.__mro__
    defines = [
        next((n for n, each in enumerate(homes) if name in vars(each)), len(homes))
        for name in (said, method)
    ]
    return defines[0] <= defines[1] and defines[0] < len(homes)


def learner(transform: object) -> Learner | None:
    """Return the step, if it is one that has to learn."""
    if isinstance(transform, Learner) and getattr(transform, "learns", lambda: True)():
        return transform
    return None


def role_of(field: pa.Field) -> Role:
    """Return the role of a column, by its metadata or else by its type."""
    import pyarrow as pa  # the client, which reads no data, does without

    declared = (field.metadata or {}).get(ROLE)
    if declared is not None:
        return _ROLES.get(declared) or Role(declared.decode())
    numeric = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
    return Role.NUMERIC if numeric else Role.CATEGORICAL


def with_role(field: pa.Field, role: Role) -> pa.Field:
    """Return the same column, with that role."""
    return field.with_metadata({**(field.metadata or {}), ROLE: role.encode()})


class Encoding(NamedTuple):
    """The meaning of the ids of an encoded column.

    Attributes:
        size: Number of ids, which are 0 to size - 1; 0 until it has been learned.
        null: The id of nulls; None if these stay null.
        unknown: The id of values that no training row has; None if there is no such id.
    """

    size: int
    null: int | None = None
    unknown: int | None = None


def encoded(
    field: pa.Field, size: int, null: int | None = None, unknown: int | None = None
) -> pa.Field:
    """Return the same column holding ids: int32, categorical; see `Encoding`."""
    import pyarrow as pa

    said = {_SIZE: size, _NULL: null, _UNKNOWN: unknown}
    made = {key: b"%d" % value for key, value in said.items() if value is not None}
    kept = {key: value for key, value in (field.metadata or {}).items() if key not in said}
    return with_role(field.with_type(pa.int32()).with_metadata(kept | made), Role.CATEGORICAL)


def encoding_of(field: pa.Field) -> Encoding | None:
    """Return what the ids of a column mean; None if it holds something else."""
    import pyarrow as pa

    metadata = field.metadata or {}
    if _SIZE not in metadata or field.type != pa.int32():
        return None
    null, unknown = (metadata.get(key) for key in (_NULL, _UNKNOWN))
    return Encoding(int(metadata[_SIZE]), *(None if x is None else int(x) for x in (null, unknown)))


def pending(field: pa.Field) -> pa.Field:
    """Return a column that stands for others, which are known when the step has learned."""
    return field.with_metadata({**(field.metadata or {}), _PENDING: b"1"})


def is_pending(field: pa.Field) -> bool:
    """Return whether a column stands for others that are not known yet."""
    return _PENDING in (field.metadata or {})


class Sampling(NamedTuple):
    """The sampling by which training rows were left out.

    Attributes:
        label: Rows of this label were.
        rate: Part of them that is left.
    """

    label: float
    rate: float


def sampled(label: pa.Field, sampling: Sampling) -> pa.Field:
    """Return the label's column, saying how its rows were left out."""
    text = " ".join(map(repr, sampling)).encode()
    return label.with_metadata({**(label.metadata or {}), _SAMPLING: text})


def sampling_of(schema: pa.Schema) -> Sampling | None:
    """Return how training rows were left out; None if they were not."""
    for field in schema:
        if text := (field.metadata or {}).get(_SAMPLING):
            return Sampling(*map(float, text.split()))
    return None


def split_by(channel: pa.Field, times: str) -> pa.Field:
    """Return the channel's column, saying which column of times decides it."""
    return channel.with_metadata({**(channel.metadata or {}), _SPLIT_BY: times.encode()})


def split_by_of(schema: pa.Schema) -> str | None:
    """Return the column of times that decides the channel; None if none does."""
    for place in positions(schema, Role.CHANNEL):
        if times := (schema.field(place).metadata or {}).get(_SPLIT_BY):
            return str(times.decode())
    return None


class _Schemas:
    """The last schemas whose roles were asked for: the blocks of a job have few different ones."""

    known: tuple[tuple[pa.Schema, tuple[Role, ...]], ...] = ()


def roles_of(schema: pa.Schema) -> tuple[Role, ...]:
    """Return the role of each column."""
    for known, roles in _Schemas.known:
        if known.equals(schema, check_metadata=True):  # at once if the two are one in memory
            return roles
    made = tuple(map(role_of, schema))
    _Schemas.known = ((schema, made), *_Schemas.known[: _MOST_SCHEMAS - 1])
    return made


def positions(schema: pa.Schema, *roles: Role) -> list[int]:
    """Return where the columns of these roles stand, in the schema's order."""
    return [i for i, role in enumerate(roles_of(schema)) if role in roles]


def key_roles(schema: pa.Schema, text: Role = Role.ROW_TEXT) -> tuple[Role, ...]:
    """Return what a step that uses `row_keys` wants: the row's text where there is no id.

    Args:
        schema: The columns in front of the step.
        text: `Role.ROW_TEXT` or `Role.UNLABELED_TEXT`.
    """
    return () if positions(schema, Role.ID) else (text,)


def row_keys(batch: pa.RecordBatch, text: Role = Role.ROW_TEXT) -> pa.StringArray:
    """Return what each row is known by: its id, or its text where there is none.

    Args:
        batch: The rows.
        text: As for `key_roles`.
    """
    schema = batch.schema
    return batch.column([*positions(schema, Role.ID), *positions(schema, text)][0])


def features(schema: pa.Schema) -> list[int]:
    """Return where the feature columns stand; the label and the id never are among them."""
    return positions(schema, *FEATURES)


def free_name(name: str, names: Collection[str]) -> str:
    """Return a name for a further column: this one, if the data has no column that is called so."""
    while name in names:
        name = f"_{name}"
    return name


def without_features(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the columns that are no features: what a hasher leaves as it is."""
    places = frozenset(features(batch.schema))
    return batch.select([place for place in range(batch.num_columns) if place not in places])
