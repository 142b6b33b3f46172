"""Blocks end where a line ends, and know which line is their first."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.runtime.sources import Portion
from headrace.runtime.sources import blocks as module
from headrace.runtime.sources.blocks import blocks
from headrace.runtime.sources.dialect import Dialect
from headrace.runtime.sources.quotes import MOST_OPEN, OpenQuote
from tests.runtime.jobs import job, run


@pytest.mark.parametrize("read", [1, 2, 3, 1 << 20])
def test_the_first_line_counts_every_kind_of_line_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    monkeypatch.setattr(module, "_READ", read)
    path = tmp_path / "a.csv"
    path.write_bytes(b"1\r\n2\r3\n4\r\r\n6\n")
    assert [(each.data, each.first_line()) for each in blocks(Portion(path), 1, 100)] == [
        (b"1\r\n", 1),
        (b"2\r3\n", 2),
        (b"4\r\r\n", 4),
        (b"6\n", 6),
    ]


def test_a_file_is_read_up_to_where_a_line_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to copy the beginning of a line to its rest."""
    monkeypatch.setattr(module, "_NEARBY", 8)
    path = tmp_path / "a.csv"
    path.write_bytes(b"abc\n" * 20 + b"de")
    sizes = [len(each.data) for each in blocks(Portion(path, 8), 30, 100)]
    assert sizes == [28, 28, 16, 2]


@pytest.mark.parametrize("size", [16, 17, 21, 64])
@pytest.mark.parametrize(
    "content",
    [b"ab,c\r\nd\r\n" * 20, b"ab,c\rd\r" * 20, b"0123456789abcdef,0123\n" * 9, b"a\n\n\n\r\n" * 20,
     b'"a\nb",1\n"c\n\nd\ne",2\n' * 9, b"abc\n" * 19 + b"no end"],
)  # fmt: skip
def test_blocks_hold_all_bytes_wherever_lines_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, size: int
) -> None:
    monkeypatch.setattr(module, "_NEARBY", 8)
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    made = [each.data for each in blocks(Portion(path), size, 100, Dialect(","))]
    assert b"".join(made) == content
    assert len(made) > 1
    assert all(each.endswith((b"\n", b"\r")) for each in made[:-1])
    assert all(each.count(b'"') % 2 == 0 for each in made)


def test_progress_counts_the_bytes_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"abc\n" * 100)
    consumed = [each.consumed for each in blocks(Portion(path), 50, 100)]
    assert consumed == sorted(consumed)
    assert consumed[-1] == 400


def test_a_file_full_of_open_quotes_is_read_no_further_than_needed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'1,"b\n' * (2 * MOST_OPEN + 5))
    counts = {
        counted: [
            len(block.left_out)
            for block in blocks(Portion(path), 1 << 20, 1 << 20, Dialect(","), counted=counted)
        ]
        for counted in (False, True)
    }
    assert counts[False] == [MOST_OPEN]
    assert (max(counts[True]), sum(counts[True])) == (MOST_OPEN, 2 * MOST_OPEN + 5)


def test_a_quote_that_stays_open_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'"a,b\n' + b"1,2\n" * 1000)
    made = list(blocks(Portion(path), 4, 100, dialect=Dialect(",")))
    assert b"".join(each.data for each in made) == path.read_bytes()
    assert max(len(each.data) for each in made) < 120
    assert [each.left_out for each in made if each.left_out] == [(OpenQuote(0, 5, 0),)]


def test_skipping_bad_rows_reads_the_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are counted on the way; only the header is read again."""
    counted: list[int] = []
    line_number = module.line_number

    def counting(path: Path, position: int, encoding: str) -> int:
        counted.append(position)
        return line_number(path, position, encoding)

    monkeypatch.setattr(module, "line_number", counting)
    content = "a,b\n" + "1,2\n3\n" * 500
    result = run(tmp_path, content, job(on_bad_rows="skip", block_bytes=100))
    assert result.manifest["rows"] == {"read": 1000, "written": 500, "rejected": 500}
    assert set(counted) <= {len("a,b\n")}
