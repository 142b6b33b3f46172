from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from headrace.images.build import write_context


def archive_of(files: dict[str, bytes | Path]) -> bytes:
    tar = io.BytesIO()
    write_context(files, tar)
    return tar.getvalue()


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for file, mode, time in ((one, 0o600, 1_000_000_000), (other, 0o755, 1_700_000_000)):
        file.write_bytes(b"wheel")
        file.chmod(mode)
        os.utime(file, (time, time))
    files: dict[str, bytes | Path] = {"b/x": b"text", "a": one}
    assert archive_of(files) == archive_of({"a": other, "b/x": b"text"})
    assert archive_of(files) == archive_of({"a": b"wheel", "b/x": b"text"})


def test_nothing_of_this_machine_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    with tarfile.open(fileobj=io.BytesIO(archive_of({"f": file, "d/e": b""}))) as archive:
        members = [(m.name, m.size, m.mode, m.mtime, m.uid, m.uname) for m in archive]
        content = archive.extractfile("f")
        assert content is not None
        assert content.read() == b"content"
    assert members == [("d/e", 0, 0o644, 0, 0, ""), ("f", 7, 0o644, 0, 0, "")]
