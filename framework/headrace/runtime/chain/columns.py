"""The columns of the input, and the role of each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa

from headrace.runtime.chain.names import (
    NAME_THEM,
    absent,
    expanded,
    is_dropped,
    is_pattern,
    literally,
    matches,
    refuse_twins,
    refuse_unexpected,
)
from headrace.runtime.errors import ColumnError, DataError
from headrace.runtime.shown import listed, plain, quoted
from headrace.runtime.spec import DatasetSpec
from headrace.runtime.transform import Role, free_name, with_role

EXTRA = {
    Role.ROW_TEXT: ("__row_text__", pa.string()),
    Role.UNLABELED_TEXT: ("__unlabeled_text__", pa.string()),
    Role.ROW_NUMBER: ("__row_number__", pa.int64()),
    Role.TIME: ("__time__", pa.dictionary(pa.int32(), pa.string())),
}
BESIDE = "\0beside"
"""A column that a block of JSON lines may have: what a row's text has to tell beside its cells.

Its name is one that no column of the data has.
"""
_ROW_TEXTS = {Role.ROW_TEXT, Role.UNLABELED_TEXT}
_WITHOUT_FOLDERS = "dataset.partitions=false reads no columns of folders"
_TYPES = {Role.LABEL: pa.float64(), Role.NUMERIC: pa.float64()}


@dataclass(frozen=True)
class Columns:
    """The columns of the input that a job uses.

    Attributes:
        names: All that stand in the input, in its order.
        roles: Name → role, for those that are used, in the input's order.
        wanted: What the reader adds because a step asks for it, or to count by it.
        takes_all: Whether every column that is not named otherwise is a feature.
        time: The column that says when a row happened, whatever else it is; only for counting.
        patterns: Patterns of names that are features.
        ignored: Patterns of names that a file may have, and that nobody looks at.
        expected: Names that each file has to have, and no others; None if they are not known.
        label_values: What texts of labels mean.
        lists: Columns whose cells may be lists.
        index: Columns that hold the index of a pandas table, which are left out.
        folders: Columns that the folders of the first file alone name.
        cells: Names of the cells of files without a header, if not those of ``dataset.columns``.
    """

    names: tuple[str, ...]
    roles: dict[str, Role]
    wanted: tuple[Role, ...] = ()
    takes_all: bool = True
    time: str | None = None
    patterns: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    expected: tuple[str, ...] | None = None
    label_values: tuple[tuple[str, float], ...] = ()
    lists: frozenset[str] = frozenset()
    index: tuple[str, ...] = ()
    folders: frozenset[str] = frozenset()
    cells: tuple[str, ...] | None = None

    @classmethod
    def of(cls, names: Sequence[str], dataset: DatasetSpec, origin: str) -> Columns:
        """Give each column of the input its role.

        Raises:
            ColumnError: One that the configuration names is not there.
            DataError: A name stands twice.
        """
        refuse_twins(names, origin)
        if dataset.drop:
            there = frozenset(names)  # a name that is there is no pattern
            drop = tuple(literally(each) if each in there else each for each in dataset.drop)
            dataset = replace(dataset, drop=drop)
            names = [name for name in names if not is_dropped(name, dataset)]
        roles, known = _declared(dataset, names, origin), frozenset(names)
        for name in roles:
            if name not in known:
                raise ColumnError(f"{plain(origin)}: {absent(name, names)}")
        if dataset.time is not None and dataset.time not in known:
            what = f"{absent(dataset.time, names)}; dataset.time=null does without counts by time"
            raise ColumnError(f"{plain(origin)}: {what}")
        if dataset.categorical is None:
            roles |= {name: Role.CATEGORICAL for name in names if name not in roles}
        used = {name: roles[name] for name in names if name in roles}
        return cls(
            tuple(names),
            used,
            (),
            dataset.categorical is None,
            dataset.time,
            tuple(filter(is_pattern, (*dataset.numeric, *(dataset.categorical or ())))),
            dataset.drop,
            dataset.columns_expected,
            tuple(dataset.label_values.items()),
            frozenset(dataset.lists),
        )

    @cached_property
    def known(self) -> frozenset[str]:
        """Return the names, to look one up among many."""
        return frozenset(self.names)

    @property
    def has_time(self) -> bool:
        """Return whether there is a column that says when a row happened."""
        return self.time in self.known

    @cached_property
    def schema(self) -> pa.Schema:
        """Return the schema of the reader's batches: columns by role, then what was asked for."""
        fields = [
            with_role(pa.field(name, _TYPES.get(role, pa.string())), role)
            for name, role in self.roles.items()
        ]
        extra = []
        for role in self.wanted:
            name, kind = EXTRA[role]
            extra.append(with_role(pa.field(free_name(name, self.roles), kind), role))
        return pa.schema([*fields, *extra])

    @property
    def read(self) -> tuple[str, ...]:
        """Return names of the columns to read: all of them where the row's text is wanted."""
        if self.wants_row_text:
            return self.names
        used = dict.fromkeys([*self.roles, self.time])
        return tuple(name for name in used if name in self.known)

    @property
    def wants_row_text(self) -> bool:
        """Return whether the row's text is wanted."""
        return not _ROW_TEXTS.isdisjoint(self.wanted)

    @property
    def closed(self) -> bool:
        """Return whether a column that is not among `names` would be missed."""
        return self.takes_all or self.wants_row_text

    def uses(self, name: str) -> bool:
        """Return whether a column is read for itself, not only as a piece of the row's text."""
        return name in self.roles or name == self.time

    def ignores(self, name: str) -> bool:
        """Return whether a file may have a column that is not among `names`."""
        return matches(name, self.ignored)

    def takes(self, name: str) -> bool:
        """Return whether a column that is not among `names` would be a feature."""
        return self.takes_all or matches(name, self.patterns)

    def only(self, features: Collection[str]) -> Columns:
        """Return the columns in which rows can be bad, and some features; steps want no others."""
        roles = {
            name: role
            for name, role in self.roles.items()
            if role is not Role.CATEGORICAL or name in features
        }
        roles = roles or dict(list(self.roles.items())[:1])  # else nobody could count the rows
        return replace(self, roles=roles, wanted=(), time=None)

    def without(self, names: frozenset[str]) -> Columns:
        """Return the columns that a file has itself, besides those of its folders."""
        return replace(
            self,
            names=tuple(name for name in self.names if name not in names),
            roles={name: role for name, role in self.roles.items() if name not in names},
            time=None if self.time in names else self.time,
            ignored=(*self.ignored, *map(literally, names)),
        )

    def refuse_other_folders(self, names: Collection[str], origin: str) -> None:
        """Check the columns that the folders of a file name.

        Raises:
            DataError: One of them is not among `names`.
        """
        for name in names:
            if name not in self.known and not self.ignores(name) and self.takes(name):
                what = f"the first file is in no folder {plain(name)}=…; {_WITHOUT_FOLDERS}"
                raise DataError(f"{plain(origin)}: {what}")

    def in_order(self, names: Sequence[str]) -> Columns:
        """Return the same columns in the order of another file; those that it lacks come last."""
        order = dict.fromkeys(name for name in names if name in self.known)
        every = tuple(order | dict.fromkeys(self.names))
        roles = {name: self.roles[name] for name in every if name in self.roles}
        return replace(self, names=every, roles=roles)

    @property
    def note(self) -> str | None:
        """Return what a person should know of columns that are left out unasked."""
        if not self.index:
            return None
        who = listed(self.index) if any(self.index) else "the first column, which has no name,"
        way = (
            "name it in dataset.categorical to use it"
            if any(self.index)
            else f"{NAME_THEM}, to use it"
        )
        return f"{who} is left out as the index of a pandas table; {way}"

    def way_without(self, name: str) -> str:
        """Return how to do without a column that cannot be used."""
        role = self.roles.get(name)
        match role, self.takes_all:
            case Role.CATEGORICAL, True:
                return "add it to dataset.drop to leave it out"
            case Role.CATEGORICAL, False:
                return "leave it out of dataset.categorical"
            case Role.NUMERIC, True:
                return "move it from dataset.numeric to dataset.drop to leave it out"
            case Role.NUMERIC, False:
                return "leave it out of dataset.numeric"
            case _:
                return f"dataset.{role or 'time'} should name a column of plain values"

    def refuse_other(self, names: Sequence[str], origin: str, unread: Sequence[str] = ()) -> None:
        """Check another file's columns: the same names, in any order.

        Args:
            names: Those that can be read.
            origin: What messages call the file.
            unread: All others.

        Raises:
            DataError: They differ.
        """
        refuse_twins(names, origin)
        refuse_unexpected((*names, *unread), self.expected, origin)
        there = frozenset(names)
        for name in self.read:
            if name not in there:
                what = f"there is no column {quoted(name)}, unlike in the first file"
                if name in self.folders:
                    folder = f"{plain(name)}=…"
                    what = f"is in no folder {folder}, unlike the first file; {_WITHOUT_FOLDERS}"
                raise DataError(f"{plain(origin)}: {what}")
        unknown = [
            name
            for name in names
            if name not in self.known
            and not self.ignores(name)
            and (self.closed or self.takes(name))
        ]
        if unknown:
            what = f"column {quoted(unknown[0])} does not stand in the first file"
            raise DataError(f"{plain(origin)}: {what}")


def _declared(dataset: DatasetSpec, names: Sequence[str], origin: str) -> dict[str, Role]:
    fixed = {name for name in (dataset.label, dataset.id) if name is not None}
    known = frozenset(names)
    exact = {name for name in dataset.categorical or () if name in known or not is_pattern(name)}
    numeric = expanded(dataset.numeric, names, fixed | exact, origin)
    others = expanded(dataset.categorical or (), names, fixed | set(numeric), origin)
    roles = dict.fromkeys(others, Role.CATEGORICAL)
    roles |= dict.fromkeys(numeric, Role.NUMERIC)
    if dataset.label is not None:
        roles[dataset.label] = Role.LABEL
    if dataset.id is not None:
        roles[dataset.id] = Role.ID
    return roles
