"""A stored result, wherever it lies: its files one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.results.stored import StoredResult


@pytest.mark.parametrize(("last", "expected"), [(None, b"abc"), (2, b"bc"), (9, b"abc")])
def test_the_end_of_a_file(tmp_path: Path, last: int | None, expected: bytes) -> None:
    (tmp_path / "log.txt").write_bytes(b"abc")
    assert StoredResult(str(tmp_path)).read("log.txt", last) == expected
