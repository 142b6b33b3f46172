"""What one task reads; no Spark is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.runtime.sources import Portion
from headrace.runtime.spark.scan import Seen, look_at
from headrace.runtime.spark.splits import (
    LEAST,
    Split,
    numbered,
    packed,
    shared_out,
    split_size,
    splits_from_json,
    splits_of,
    splits_to_json,
)
from tests.runtime.jobs import job


def parquet(path: Path, groups: int) -> Path:
    table = pa.table({"x": [f"{number:04d}" * 20 for number in range(10 * groups)]})
    pq.write_table(table, path, row_group_size=10, use_dictionary=False)
    return path


def test_small_files_go_together(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.csv" for number in range(5)]
    for file in files:
        file.write_text("x\n1\n2\n")
    spec = job(split_bytes=13)
    found = splits_of(files, spec, lambda _: [])
    assert [[each.path.name for each in split.portions] for split in found] == [
        ["0.csv", "1.csv"],
        ["2.csv", "3.csv"],
        ["4.csv"],
    ]
    assert [split.bytes for split in found] == [12, 12, 6]


def test_thousands_of_tiny_files_are_not_left_to_one_task(tmp_path: Path) -> None:
    pieces = [(Portion(tmp_path / f"{number}.csv"), 9) for number in range(5000)]
    found = packed(pieces, 32 << 20)
    assert [len(split.portions) for split in found] == [512] * 9 + [392]


def test_a_large_file_among_small_ones(tmp_path: Path) -> None:
    small, large, last = (tmp_path / name for name in ("a.csv", "b.csv", "c.csv"))
    small.write_text("x\n1\n")
    large.write_text("x\n" + "1\n" * 100)
    last.write_text("x\n3\n")
    spec = job(split_bytes=50)

    def look(found: Sequence[Portion]) -> list[Seen]:
        return [look_at(window, spec.dataset) for window in found]

    found = splits_of([small, large, last], spec, look)
    assert [portion for split in found for portion in split.portions] == [
        Portion(small),
        Portion(large, 0, 52),
        Portion(large, 52, 104),
        Portion(large, 104, 154),
        Portion(large, 154, None),
        Portion(last),
    ]


MB = 1 << 20


@pytest.mark.parametrize(
    ("total", "most", "count"),
    [
        (0, 64 * MB, 0),
        (LEAST, 64 * MB, 1),
        (4 * LEAST, 64 * MB, 4),
        (156 * MB, 64 * MB, 4),
        (257 * MB, 64 * MB, 8),
        (6_400 * MB, 64 * MB, 95),  # many need not be a multiple
        (100, 9, 12),  # as small as was asked for
    ],
)
def test_splits_of_one_large_file_are_even(total: int, most: int, count: int) -> None:
    size = split_size(total, most)
    assert -(-total // size) == count
    assert size <= most + most // 16


def test_what_is_left_over_of_small_files_needs_no_split_of_its_own(tmp_path: Path) -> None:
    pieces = [(Portion(tmp_path / f"{number}.csv"), MB) for number in range(161)]
    found = packed(pieces, split_size(161 * MB, 64 * MB))
    assert [split.bytes // MB for split in found] == [42, 42, 42, 35]


@pytest.mark.parametrize("size", [1, 1_000, 2_500, 10**9])
def test_row_groups(tmp_path: Path, size: int) -> None:
    path = parquet(tmp_path / "a.parquet", 7)
    found = splits_of([path], job(split_bytes=size), lambda _: [])
    groups = [
        group
        for split in found
        for portion in split.portions
        for group in range(7)[portion.start : portion.end]
    ]
    assert groups == list(range(7))
    assert (len(found) == 7) == (size <= 1_000)


def test_a_split_travels_as_text() -> None:
    split = Split(
        3, (Portion(Path("a b.csv"), 5, None), Portion(Path("é.csv"), 0, 7)), 12, "00003", (0, 4)
    )
    assert Split.from_json(split.to_json()) == split
    assert splits_from_json(splits_to_json([split, split])) == [split, split]


@pytest.mark.parametrize(
    ("count", "cores", "sizes"),
    [
        (1, 2, [1]),
        (2, 2, [1, 1]),
        (3, 2, [2, 1]),
        (4, 2, [2, 2]),
        (5, 2, [1, 1, 1, 1, 1]),
    ],
)
def test_a_task_takes_two_splits_if_every_core_has_a_single_task_then(
    count: int, cores: int, sizes: list[int]
) -> None:
    splits = packed([(Portion(Path(str(number))), 10) for number in range(count)], 10)
    shares = shared_out(splits, cores)
    assert [len(share) for share in shares] == sizes
    assert [split for share in shares for split in share] == splits


def test_first_rows() -> None:
    splits = packed([(Portion(Path(name)), 10) for name in "abc"], 10)
    found = numbered(splits, [[3, 2], [], [4]])
    assert [split.first_rows for split in found] == [(0, 3), (), (5,)]
