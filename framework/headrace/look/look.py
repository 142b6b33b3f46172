"""Everything that a look finds out, and the file that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headrace.config.problems import suggest
from headrace.errors import ConfigError, Problem
from headrace.look import dataset_file
from headrace.look.columns import Column
from headrace.look.roles import DROP, NUMERIC, WHEN, Advice, advice_of
from headrace.look.sample import Sample, sample_of
from headrace.look.table import Table, table_of
from headrace.runtime.shown import listed, quoted
from headrace.runtime.sources.cleaning import partition_of
from headrace.runtime.spec import DatasetSpec
from headrace.uris import full_path

_EXAMPLE = 20
"""Characters of an example that are shown."""


@dataclass(frozen=True)
class Look:
    """The findings of a look.

    Attributes:
        path: ``dataset.path``, absolute.
        sample: What was looked at.
        table: Its rows.
        advice: What the columns may be.
    """

    path: str | list[str]
    sample: Sample
    table: Table
    advice: Advice

    @property
    def first_path(self) -> str:
        """Return the path, or the first of several."""
        return self.path if isinstance(self.path, str) else self.path[0]

    def facts(self) -> list[tuple[str, str]]:
        """Return what the file is, as name and text."""
        files = "1 file" if self.sample.files == 1 else f"the first of {self.sample.files:,} files"
        whole = "all rows" if self.sample.is_whole else "the first rows"
        looked = f"{self.table.rows:,} rows, {whole} of {quoted(self.sample.name)} ({files})"
        return [("looked at", looked), *self.table.facts]

    def rows(self) -> list[list[str]]:
        """Return a table of the columns, its header first."""
        header = ["column", "kind", "examples", "nulls", "distinct", "suggested", "note"]
        return [header, *map(self._row, self.table.columns)]

    def notes(self) -> list[str]:
        """Return what is odd, and what the look is not sure of."""
        notes = list(self.table.notes)
        if self.advice.label is None and self.advice.maybe_label:
            notes.append(
                f"no column is surely the label; perhaps one of {listed(self.advice.maybe_label)}: "
                "set dataset.label"
            )
        elif self.advice.label is None:
            notes.append("no column looks like a label; set dataset.label if there is one")
        return notes

    def keys(self) -> dict[str, Any]:
        """Return the keys of ``dataset`` that read the file: those that are not as by default."""
        roles = self.advice.roles
        columns = [column for column in self.table.columns if column.name]
        identity = [column.name for column in columns if roles[column.name] == "id"]
        when = [column.name for column in columns if roles[column.name] == WHEN]
        numeric = [column.name for column in columns if roles[column.name] == NUMERIC]
        settings = dict(self.table.settings)
        drop = [*settings.pop("drop", ())]
        if self._has_rows_without_label():
            settings["on_bad_rows"] = "skip"
        drop += [column.name for column in columns if roles[column.name] == DROP]
        keys: dict[str, Any] = {"path": self.path, **settings, "label": self.advice.label}
        if self.advice.label_values and not _are_booleans(self.advice.label_values):
            keys["label_values"] = dict(self.advice.label_values)
        if identity:
            keys["id"] = identity[0]
        if when:
            keys["time"] = when[0]
        if numeric:
            keys["numeric"] = [_pattern(name) for name in numeric]
        if drop:
            keys["drop"] = [_pattern(name) for name in drop]
        return keys

    def comments(self) -> dict[str, str]:
        """Return what stands behind some keys of the file."""
        comments = {}
        if self.advice.label is None:
            maybe = self.advice.maybe_label
            comments["label"] = f"perhaps one of {', '.join(maybe)}" if maybe else "none was found"
        if "on_bad_rows" in self.table.settings:
            comments["on_bad_rows"] = "some rows have another number of cells"
        elif self._has_rows_without_label():
            comments["on_bad_rows"] = "some rows have no label"
        return comments

    def yaml(self, name: str, command: str) -> str:
        """Return the text of the file.

        Args:
            name: Its name, without the ending.
            command: Runs the program.
        """
        trying = "evaluation=logistic" if self._has_binary_label() else "action=plan"
        return dataset_file.yaml_of(name, self.keys(), self.comments(), command, trying)

    def _has_rows_without_label(self) -> bool:
        return any(c.nulls for c in self.table.columns if c.name == self.advice.label)

    def _has_binary_label(self) -> bool:
        labels = [column for column in self.table.columns if column.name == self.advice.label]
        return any(len(column.values) == 2 for column in labels)

    def _row(self, column: Column) -> list[str]:
        examples = ", ".join(_short(each) for each in column.examples())
        role = self.advice.roles[column.name]
        notes = self.advice.warnings.get(column.name, [])
        kind = column.described_kind
        distinct = f"{len(column.values):,}"
        return [
            column.name or "(no name)",
            kind,
            examples,
            f"{column.nulls:,}",
            distinct,
            role if column.name else "(left out)",
            "; ".join(notes),
        ]


def look(path: str | Sequence[str], given: Mapping[str, Any]) -> Look:
    """Look at the first rows of some data.

    Args:
        path: As ``dataset.path`` has it.
        given: Keys of ``dataset`` that are known.

    Raises:
        ConfigError: There is nothing, or nothing that is a table.
        DataError: It cannot be read.
    """
    paths = [full_path(each) for each in ([path] if isinstance(path, str) else path)]
    with sample_of(paths) as sample:
        table = _with_folders(table_of(sample, given), sample)
    roles = {key: given[key] for key in ("label", "id") if key in given}
    _refuse_absent(roles, [column.name for column in table.columns])
    advice = advice_of(table.columns, roles, is_whole=sample.is_whole)
    return Look(paths[0] if isinstance(path, str) else paths, sample, table, advice)


def _refuse_absent(roles: Mapping[str, str | None], names: Sequence[str]) -> None:
    problems = [
        Problem(f"dataset.{role}", f"there is no column {quoted(name)}; {suggest(name, names)}")
        for role, name in roles.items()
        if name is not None and name not in names
    ]
    if problems:
        raise ConfigError(problems)


def _with_folders(table: Table, sample: Sample) -> Table:
    """Return the table with the columns that folders name, as ``day=2014-10-21`` does."""
    named = partition_of(sample.below, DatasetSpec())
    own = {column.name for column in table.columns}
    added = [
        Column.of(name, [cell] * table.rows, is_of_folder=True)
        for name, cell in named.items()
        if name not in own
    ]
    return replace(table, columns=[*table.columns, *added])


def _are_booleans(values: Mapping[str, int]) -> bool:
    return set(values) <= {"true", "false"}


def _pattern(name: str) -> str:
    """Return the pattern of names that means this one alone."""
    return "".join(f"[{each}]" if each in "*?[" else each for each in name)


def _short(text: str) -> str:
    return text if len(text) <= _EXAMPLE else f"{text[: _EXAMPLE - 1]}…"
