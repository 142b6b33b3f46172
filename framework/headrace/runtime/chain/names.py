"""Names of columns: those that a configuration means, and those that a file should have."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from headrace.runtime.errors import ColumnError, DataError
from headrace.runtime.shown import plain, quoted
from headrace.runtime.spec import DatasetSpec

NAME_THEM = "name all columns in dataset.columns, with dataset.header=true"
_SHOWN = 30


def is_pattern(name: str) -> bool:
    """Return whether a name in a configuration may stand for several columns."""
    return any(mark in name for mark in "*?[")


def refuse_absent_drops(names: Sequence[str], dataset: DatasetSpec, origin: str) -> None:
    """Check the names in ``dataset.drop``; a pattern may match nothing.

    Raises:
        ColumnError: There is no such column.
    """
    for name in dataset.drop:
        if name not in names and not is_pattern(name):
            what = f"dataset.drop names the column {quoted(name)}, which is not there"
            raise ColumnError(f"{plain(origin)}: {what}; {suggest(name, names)}")


def refuse_unexpected(names: Sequence[str], expected: Sequence[str] | None, origin: str) -> None:
    """Compare the columns of a file with those that ``dataset.columns_expected`` names.

    Raises:
        ColumnError: One is missing, or one is new.
    """
    if expected is None:
        return
    found, wanted = frozenset(names), frozenset(expected)
    missing = [name for name in expected if name not in found]
    new = [name for name in names if name not in wanted]
    if not missing and not new:
        return
    what = [f"there is no column {quoted(name)}" for name in missing[:1]]
    what += [f"the column {quoted(name)} is new" for name in new[:1]]
    more = len(missing) + len(new) - len(what)
    also = f", and {more} more differ" if more else ""
    raise ColumnError(
        f"{plain(origin)}: {' and '.join(what)}{also}; dataset.columns_expected names the columns "
        "(null: any columns will do)"
    )


def expanded(
    wanted: Sequence[str], names: Sequence[str], taken: Collection[str], origin: str
) -> list[str]:
    """Return the names that are meant; a pattern stands for what matches and is nothing else."""
    found: list[str] = []
    known = frozenset(names)
    for each in wanted:
        if each in known or not is_pattern(each):
            found.append(each)
            continue
        matching = [name for name in names if fnmatchcase(name, each)]
        if not matching:
            what = f"no column matches {quoted(each)}; {suggest(each, names)}"
            raise ColumnError(f"{plain(origin)}: {what}")
        found += [name for name in matching if name not in taken]
    return list(dict.fromkeys(found))


def is_dropped(name: str, dataset: DatasetSpec) -> bool:
    """Return whether a column is left out; a pattern spares those that are named elsewhere."""
    if name in dataset.drop:
        return True
    named = (dataset.label, dataset.id, dataset.time, *dataset.numeric)
    return name not in (*named, *(dataset.categorical or ())) and matches(name, dataset.drop)


@lru_cache(1 << 16)
def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a name is one of some names and patterns."""
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


def literally(name: str) -> str:
    """Return a pattern that matches the name alone."""
    return re.sub(r"([*?[])", r"[\1]", name)


def refuse_twins(names: Sequence[str], origin: str, way: str = "") -> None:
    """Check that no name stands twice.

    Args:
        names: The names.
        origin: What messages call the file.
        way: What to do about it.

    Raises:
        DataError: One does.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            what = f"the column name {quoted(name)} stands twice in the header"
            raise DataError(f"{plain(origin)}: {what}{way and '; '}{way}")
        seen.add(name)


def absent(name: str, names: Sequence[str]) -> str:
    """Return what to say of a name that is not among others."""
    return f"there is no column {quoted(name)}; {suggest(name, names)}"


def absent_here(name: str, names: Sequence[str]) -> str:
    """Return what to say of a name that is not among the columns that reach a step."""
    near = difflib.get_close_matches(name, names, 1)
    meant = f"; did you mean {quoted(near[0])}?" if near else ""
    return f"there is no column {quoted(name)} at this point of the chain{meant}"


def suggest(name: str, names: Sequence[str]) -> str:
    """Return what may have been meant by a name that does not exist."""
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return f"did you mean {quoted(near[0])}?"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"there are: {', '.join(map(plain, names[:_SHOWN]))}{more}"
