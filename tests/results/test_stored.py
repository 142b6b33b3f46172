"""A result that is read wherever it lies: files that are not what they should be are no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.results.stored import StoredResult


@pytest.mark.parametrize(("last", "expected"), [(None, b"abc"), (2, b"bc"), (9, b"abc")])
def test_the_end_of_a_file(tmp_path: Path, last: int | None, expected: bytes) -> None:
    (tmp_path / "log.txt").write_bytes(b"abc")
    assert StoredResult(str(tmp_path)).read("log.txt", last) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [('{"auc": 0.7}', {"auc": 0.7}), ("[1]", {}), ("1", {}), ("{", {}), (None, {})],
)
def test_only_an_object_is_read(
    tmp_path: Path, content: str | None, expected: dict[str, float]
) -> None:
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    assert StoredResult(str(tmp_path)).json("metrics.json") == expected
