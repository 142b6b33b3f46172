"""A look finds format, dialect, encoding, names and roles of every kind of file in the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.look.look import Look, look
from tests.look.kinds import KINDS, Kind

ROLES = ("label", "label_values", "id", "time", "numeric", "drop")


def looked(kind: Kind, folder: Path) -> Look:
    path = folder / kind.file
    path.write_bytes(kind.content)
    return look(str(path), {})


@pytest.mark.parametrize("name", KINDS)
def test_the_keys_are_right(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]()
    keys = looked(kind, tmp_path).keys()
    assert keys.pop("path") == str(tmp_path / kind.file)
    assert {key: keys.pop(key) for key in ROLES if key in keys} == kind.roles
    assert keys == kind.settings


@pytest.mark.parametrize("name", KINDS)
def test_the_cells_are_right(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]()
    columns = {column.name: column for column in looked(kind, tmp_path).table.columns}
    cells = [columns[column].cells for column in kind.names]
    assert [list(row) for row in zip(*cells, strict=True)] == kind.rows
