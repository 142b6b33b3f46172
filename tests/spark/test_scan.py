"""Where files are cut: only where a row ends, whatever stands in quotes; no Spark is needed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.sources import Portion, columns_of, groups_of
from headrace.runtime.spark.scan import cut, look_at, windows
from headrace.runtime.spec import DatasetSpec

CELLS = st.text(st.sampled_from('ab",\r\né '), max_size=6)
ROWS = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=40)
SIZES = st.integers(1, 60)


def written(folder: Path, rows: list[tuple[str, str]], quoting: int) -> Path:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([("x", "y"), *rows])
    path = folder / "a.csv"
    path.write_bytes(text.getvalue().encode())
    return path


def portions(path: Path, dataset: DatasetSpec, size: int) -> list[Portion]:
    found = windows(path, dataset, size)
    seen = [look_at(each, dataset) for each in found]
    return cut(found, seen, dataset.max_line_bytes)


def rows_of(pieces: list[Portion], dataset: DatasetSpec) -> list[list[str | None]]:
    columns = columns_of(pieces[0].path, dataset)
    groups = [group for piece in pieces for group in groups_of([piece], dataset, columns, 16)]
    return [list(row.values()) for group in groups for row in group.parse().batch.to_pylist()]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@given(rows=ROWS, size=SIZES)
def test_pieces_have_the_rows_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    quoting: int,
    rows: list[tuple[str, str]],
    size: int,
) -> None:
    path = written(tmp_path_factory.mktemp("cut"), rows, quoting)
    dataset = DatasetSpec(label=None)
    assert rows_of(portions(path, dataset, size), dataset) == rows_of([Portion(path)], dataset)


@given(content=st.text(st.sampled_from('ab",\n '), max_size=200), size=SIZES)
def test_pieces_of_any_text_have_the_blocks_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, content: str, size: int
) -> None:
    """Quotes where they should not be, and left open: the bytes are the same, rows or not."""
    path = tmp_path_factory.mktemp("any") / "a.csv"
    path.write_text(f"x,y\n{content}", encoding="utf-8", newline="")
    pieces = portions(path, DatasetSpec(), size)
    edges = [(piece.start, piece.end) for piece in pieces]
    assert edges[0][0] == 0
    assert edges[-1][1] is None
    assert [end for _, end in edges[:-1]] == [start for start, _ in edges[1:]]
    before = [path.read_bytes()[:start] for start, _ in edges[1:]]
    assert all(text.endswith(b"\n") for text in before)


def test_a_line_end_in_a_cell_is_no_place_to_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('x,y\n1,"a\nb\nc\nd"\n2,e\n3,f\n')
    assert portions(path, DatasetSpec(), 5) == [
        Portion(path, 0, 16),
        Portion(path, 16, None),
    ]


@pytest.mark.parametrize(
    "content",
    ['x,y\n1,5" pipe\n2,b\n3,c\n4,d\n', 'x,y\n1,"never closed\n2,b\n3,c\n4,d\n'],
    ids=["a quote in a cell", "a quote left open"],
)
def test_a_file_with_stray_quotes_is_not_cut(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    assert portions(path, DatasetSpec(), 6) == [Portion(path)]


def test_quotes_mean_nothing_in_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"x": "a"}\n{"x": "\\""}\n{"x": "b"}\n')
    ends = [piece.end for piece in portions(path, DatasetSpec(), 11)]
    assert ends == [11, 23, None]


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst", "a.parquet"])
def test_what_cannot_be_cut_is_not_looked_at(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"anything" * 100)
    assert windows(path, DatasetSpec(), 5) == [Portion(path)]
