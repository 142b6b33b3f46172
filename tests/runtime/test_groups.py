"""Small files are worked on together, and still each row is found in its own file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from headrace.runtime.chain.columns import Columns
from headrace.runtime.errors import DataError
from headrace.runtime.sources import Group, Portion, columns_of, groups_of
from headrace.runtime.spec import DatasetSpec
from tests.runtime.jobs import clicks, job, parquet_bytes, run

DATASET = DatasetSpec(label="click", id="id")


def files_in(folder: Path, count: int, rows: int = 1) -> list[Path]:
    header, *lines = clicks(count * rows).splitlines()
    paths = [folder / f"{number:04d}.csv" for number in range(count)]
    for number, path in enumerate(paths):
        mine = lines[number * rows : (number + 1) * rows]
        path.write_text("\n".join([header, *mine]) + "\n")
    return paths


def groups(paths: list[Path], size: int) -> list[Group]:
    columns: Columns = columns_of(paths[0], DATASET)
    return list(groups_of([Portion(path) for path in paths], DATASET, columns, size))


def test_many_small_files_are_few_groups(tmp_path: Path) -> None:
    paths = files_in(tmp_path, 300)
    made = groups(paths, 1 << 20)
    assert [len(group.blocks) for group in made] == [300]
    assert made[0].parse().batch.num_rows == 300
    assert made[0].done == sum(path.stat().st_size for path in paths)


def test_a_group_is_no_larger_than_a_block(tmp_path: Path) -> None:
    made = groups(files_in(tmp_path, 50, rows=3), 400)
    assert len(made) > 5
    assert all(sum(block.size for block in group.blocks) <= 400 for group in made)
    assert sum(group.parse().batch.num_rows for group in made) == 150
    assert [group.done for group in made] == sorted(group.done for group in made)


def test_files_of_long_texts_are_not_all_in_one_group(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.parquet" for number in range(6)]
    for path in paths:
        texts = [f"{row}" * 5000 for row in range(10)]
        rows = pa.table({"click": [0] * 10, "id": [*map(str, range(10))], "text": texts})
        path.write_bytes(parquet_bytes(rows))
    columns = columns_of(paths[0], DATASET)
    portions = [Portion(path) for path in paths]
    for read in (columns, columns.only(())):
        made = groups_of(portions, DATASET, read, 200_000)
        assert [len(group.blocks) for group in made] == [3, 3]


@pytest.mark.parametrize(("width", "length"), [(1, 1000), (500, 1)])
def test_blocks_of_long_or_many_cells_have_fewer_rows(
    tmp_path: Path, width: int, length: int
) -> None:
    """Rows of a block are cut by bytes, so that its memory does not grow with the columns."""
    path = tmp_path / "wide.parquet"
    cells = {f"c{place}": [f"{row:03d}" * length for row in range(200)] for place in range(width)}
    path.write_bytes(parquet_bytes(pa.table({"click": [0] * 200, "id": range(200), **cells})))
    columns = columns_of(path, DATASET)
    made = list(groups_of([Portion(path)], DATASET, columns, 100_000))
    assert len(made) >= 4
    assert sum(group.parse().batch.num_rows for group in made) == 200


def test_a_large_block_does_not_wait_for_the_next(tmp_path: Path) -> None:
    paths = files_in(tmp_path, 2, rows=3)
    columns: Columns = columns_of(paths[0], DATASET)
    size = paths[0].stat().st_size
    made = groups_of([Portion(path) for path in paths], DATASET, columns, size)
    first = next(made)
    paths[1].unlink()
    assert [block.path for block in first.blocks] == [paths[0]]


def test_a_row_of_a_group_is_found_in_its_file(tmp_path: Path) -> None:
    [group] = groups(files_in(tmp_path, 20, rows=3), 1 << 20)
    assert group.place(0) == "0000.csv, line 2"
    assert group.place(10) == "0003.csv, line 3"
    assert group.place(59) == "0019.csv, line 4"
    with pytest.raises(IndexError):
        group.place(60)
    assert group.name == "0000.csv to 0019.csv"


@pytest.mark.parametrize("block_bytes", [1, 300, 1 << 20])
def test_a_bad_cell_among_many_files_is_named(tmp_path: Path, block_bytes: int) -> None:
    paths = files_in(tmp_path, 30, rows=2)
    content = {path.name: path.read_text() for path in paths}
    content["0017.csv"] = content["0017.csv"].replace(",1,", ",x,").replace(",0,", ",x,")
    with pytest.raises(DataError) as caught:
        run(tmp_path, content, job(label="click", id="id", block_bytes=block_bytes))
    assert str(caught.value).startswith(
        "0017.csv, line 2, column 'click': expected a number, 0 or 1 for a click, got 'x'"
    )


def test_a_bad_row_is_named_before_a_later_file_that_cannot_be_read(tmp_path: Path) -> None:
    paths = files_in(tmp_path, 3)
    content = {path.name: path.read_text() for path in paths}
    content["0001.csv"] += "short\n"
    content["0002.csv"] = ""
    with pytest.raises(DataError) as caught:
        run(tmp_path, content, job(label="click", id="id"))
    assert str(caught.value) == ("0001.csv, line 3: 1 cells, but the header names 6 columns")
