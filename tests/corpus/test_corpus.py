"""Every file of the corpus gives its right answer, in blocks of any size, and as Spark cuts it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from headrace.runtime.errors import DataError
from headrace.runtime.sources import Portion, columns_of, groups_of
from headrace.runtime.spark.scan import look_at
from headrace.runtime.spark.splits import splits_of
from headrace.runtime.spec import DatasetSpec, JobSpec, OutputSpec, RuntimeSpec
from tests.corpus.cases import Case, Cells
from tests.corpus.files import FAMILIES

SIZES = (1, 50, 1 << 20)
SLOW = 2_000
"""Bytes of a file that is not read in the smallest pieces."""


def test_there_are_many() -> None:
    names = [(family.__name__, case.name) for family in FAMILIES for case in family()]
    assert len(names) >= 150
    assert len(names) == len(set(names))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_right_answers(tmp_path: Path, family: Callable[[], Iterator[Case]]) -> None:
    assert _wrong(tmp_path, family, SIZES, splits=(False, True)) == []


@pytest.mark.usefixtures("numpy_alone")
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_right_answers_without_kernels(
    tmp_path: Path, family: Callable[[], Iterator[Case]]
) -> None:
    assert _wrong(tmp_path, family, SIZES[1:], splits=(False,)) == []


def _wrong(
    tmp_path: Path,
    family: Callable[[], Iterator[Case]],
    sizes: Sequence[int],
    splits: Sequence[bool],
) -> list[tuple[str, int, bool, str]]:
    wrong = []
    for case in family():
        path = tmp_path / case.file
        path.write_bytes(case.content)
        for size in sizes:
            if size == 1 and len(case.content) > SLOW:
                continue
            for split in splits:
                got = _answer(case, path, size, split=split)
                if isinstance(got, str):
                    if case.rows is not None or not got.startswith(case.error or "?"):
                        wrong.append((case.name, size, split, got[:300]))
                elif got != (case.names, case.rows, case.bad):
                    wrong.append((case.name, size, split, repr(got)[:300]))
    return wrong


def _answer(
    case: Case, path: Path, size: int, *, split: bool
) -> tuple[tuple[str, ...], list[Cells], tuple[int, ...]] | str:
    """Names, rows and the lines of bad rows; or the message."""
    dataset = DatasetSpec(**{"on_bad_rows": "skip", **case.keys})
    rows: list[Cells] = []
    bad: list[int] = []
    try:
        columns = columns_of(path, dataset)
        for group in groups_of(_pieces(path, dataset, size, split=split), dataset, columns, size):
            parsed = group.parse()
            texts = (parsed.batch.column(name).to_pylist() for name in columns.read)
            rows += map(list, zip(*texts, strict=True))
            bad += (int(each.place.rpartition(" ")[2]) for each in parsed.bad)
    except DataError as error:
        return str(error)
    return columns.names, rows, tuple(bad)


def _pieces(path: Path, dataset: DatasetSpec, size: int, *, split: bool) -> list[Portion]:
    if not split:
        return [Portion(path)]
    spec = JobSpec(dataset, (), OutputSpec(), RuntimeSpec(split_bytes=max(size, 8)))
    splits = splits_of([path], spec, lambda found: [look_at(each, dataset) for each in found])
    return [portion for each in splits for portion in each.portions]


def test_a_first_row_of_long_cells(tmp_path: Path) -> None:
    path, name = tmp_path / "d.csv", "x" * 200_000
    path.write_text(f"{name},y\n1,2\n", encoding="utf-8")
    before = csv.field_size_limit(131_072)  # the csv module's own, in a fresh process
    try:
        assert columns_of(path, DatasetSpec()).names == (name, "y")
        assert columns_of(path, DatasetSpec(header=False)).names == ("c0", "c1")
    finally:
        csv.field_size_limit(before)
