"""A file is whole or not there, whichever way it is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headrace.results.whole_files import write_whole


@pytest.fixture(params=["without a name first", "aside"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "aside":  # as where a system cannot
        monkeypatch.delattr(os, "O_TMPFILE")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("content", [b"", b"text", bytes(1 << 20)])
def test_it_is_written(tmp_path: Path, content: bytes) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "a/b", content)
    finally:
        os.umask(before)
    assert (tmp_path / "a/b").read_bytes() == content
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


@pytest.mark.usefixtures("way")
def test_it_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("before")
    write_whole(tmp_path / "a", b"after")
    assert (tmp_path / "a").read_bytes() == b"after"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("before", [None, "before"])
def test_a_disk_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    if before is not None:
        (tmp_path / "a").write_text(before)

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        write_whole(tmp_path / "a", b"after")
    files = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert files == ({} if before is None else {"a": before})
