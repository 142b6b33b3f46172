"""A look finds format, dialect, encoding, names and roles of every kind of file in the table."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from headrace.config.dataset import DatasetConfig
from headrace.look.look import Look, look
from headrace.runtime.sources import Portion, columns_of, groups_of
from headrace.runtime.spec import DatasetSpec
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


@pytest.mark.parametrize("name", KINDS)
def test_the_file_that_is_written_reads_all_rows(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]()
    keys = yaml.safe_load(looked(kind, tmp_path).yaml("mine", "headrace"))
    path = Path(keys["path"])
    spec = DatasetSpec(**DatasetConfig(**keys).model_dump(exclude={"path"}))
    columns = columns_of(path, spec)
    kept = [name for name in kind.names if name not in keys.get("drop", ())]
    rows: list[list[str | None]] = []
    bad = 0
    for group in groups_of([Portion(path)], spec, columns, 1 << 20):
        for block in group.blocks:
            parsed = block.parse()
            bad += len(parsed.bad)
            cells = [parsed.batch.column(name).to_pylist() for name in kept]
            rows += map(list, zip(*cells, strict=True))
    places = [kind.names.index(name) for name in kept]
    assert rows == [[row[place] for place in places] for row in kind.rows]
    assert bad == (spec.on_bad_rows == "skip")
