"""Which files of a script travel, in which bytes, and what is wrong with them."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from headrace.programs import source
from headrace.programs.source import Source, read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "churn"
    for name in ("main.py", "lib/helper.py", "lib/data/words.txt", "notes.md"):
        file = made / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# {name}\n")
    return made


def wrong(found: Source) -> list[str]:
    return [str(problem) for problem in found.problems]


def names(found: Source) -> list[str]:
    assert wrong(found) == []
    return list(found.files)


def test_a_file_travels_alone(folder: Path) -> None:
    found = read(str(folder / "main.py"), None)
    assert (found.entry, names(found), found.is_folder) == ("main.py", ["main.py"], False)
    assert read(str(folder / "main.py"), "main.py") == found
    assert found.size == 10


def test_a_folder_travels_with_all_files(folder: Path) -> None:
    found = read(str(folder), "lib/helper.py")
    assert names(found) == ["lib/data/words.txt", "lib/helper.py", "main.py", "notes.md"]
    assert (found.entry, found.is_folder) == ("lib/helper.py", True)


def test_hidden_files_and_byte_code_stay(folder: Path) -> None:
    for name in (".env", ".git/config", "lib/__pycache__/helper.pyc", "_kept.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("")
    found = names(read(str(folder), "main.py"))
    assert found == ["_kept.py", "lib/data/words.txt", "lib/helper.py", "main.py", "notes.md"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*.md", ["lib/data/words.txt", "lib/helper.py", "main.py"]),
        ("# *.md\n\n*.txt  ", ["lib/helper.py", "main.py", "notes.md"]),
        ("data/", ["lib/helper.py", "main.py", "notes.md"]),
        ("notes.md/", ["lib/data/words.txt", "lib/helper.py", "main.py", "notes.md"]),
        ("/lib/*", ["main.py", "notes.md"]),
        ("data/words.txt", ["lib/data/words.txt", "lib/helper.py", "main.py", "notes.md"]),
        ("lib/data/*.txt", ["lib/helper.py", "main.py", "notes.md"]),
    ],
)
def test_what_is_ignored_stays(folder: Path, pattern: str, left: list[str]) -> None:
    (folder / ".headraceignore").write_text(pattern)
    assert names(read(str(folder), "main.py")) == left


def test_the_same_files_are_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    first = read(str(folder), "main.py")
    other = tmp_path / "elsewhere"
    for name in reversed(list(first.files)):
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_bytes(first.files[name])
        os.utime(other / name, (1, 1))
    second = read(str(other), "main.py")
    assert second.archive() == first.archive()
    assert second.sha256 == first.sha256
    (other / "notes.md").write_text("changed")
    assert read(str(other), "main.py").sha256 != first.sha256


def test_what_may_be_run_stays_so(folder: Path) -> None:
    (folder / "main.py").chmod(0o700)
    with zipfile.ZipFile(io.BytesIO(read(str(folder), "main.py").archive())) as archive:
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert modes["main.py"] == 0o100755
    assert modes["notes.md"] == 0o100644


def test_links_within_the_folder_are_followed(folder: Path) -> None:
    (folder / "again").symlink_to(folder / "lib")
    (folder / "circle").symlink_to(folder)
    (folder / "alias.py").symlink_to("main.py")
    found = read(str(folder), "main.py")
    assert names(found)[:3] == ["again/data/words.txt", "again/helper.py", "alias.py"]
    assert found.files["alias.py"] == found.files["main.py"]


def test_what_cannot_travel_is_told_in_one_go(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "gone").symlink_to("nothing")
    os.mkfifo(folder / "pipe")
    (folder / os.fsdecode(b"a\xff")).write_text("")
    (folder / ".headraceignore").write_text("!main.py\n")
    assert wrong(read(str(folder), "man.py")) == [
        "program.path: .headraceignore, line 1: a pattern cannot begin with '!'",
        "program.path: a\\udcff has a name that is not UTF-8; rename it",
        "program.path: gone is a link that leads nowhere; remove it, or name it in .headraceignore",
        "program.path: out is a link that leads out of the folder; copy what it names into it",
        "program.path: pipe is neither a file nor a folder; name it in .headraceignore",
        f"program.entry: no file 'man.py' travels from '{folder}'; did you mean 'main.py'?",
    ]


def test_what_is_ignored_may_be_anything(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / ".headraceignore").write_text("pipe\n")
    assert "pipe" not in names(read(str(folder), "main.py"))


def test_no_such_script(tmp_path: Path) -> None:
    assert wrong(read(f"{tmp_path}/no.py", None)) == [
        f"program.path: '{tmp_path}/no.py' does not exist"
    ]


def test_neither_a_file_nor_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert wrong(read(f"{tmp_path}/pipe", None)) == [
        f"program.path: '{tmp_path}/pipe' is neither a file nor a folder"
    ]


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_text("")
    assert wrong(read(str(tmp_path), "main.py")) == [
        f"program.path: the folder '{tmp_path}' holds no files that travel"
    ]


def test_a_folder_without_an_entry(folder: Path) -> None:
    assert wrong(read(str(folder), None)) == [
        "program.entry: this key is required, since program.path is a folder; "
        "did you mean 'main.py'?"
    ]


def test_a_file_with_an_entry(folder: Path) -> None:
    assert wrong(read(f"{folder}/main.py", "other.py")) == [
        f"program.entry: '{folder}/main.py' is a file, which starts itself; leave this out"
    ]


def test_a_folder_that_is_too_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_BYTES", 20)
    assert wrong(read(str(folder), "main.py")) == [
        "program.path: the folder holds 58 B, and at most 20 B travel; name what is not needed in "
        ".headraceignore, or make data an input"
    ]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"x = 1\nif x\n", "main.py, line 2: expected ':'"),
        (b"\xff = 1\n", None),
        (b"x = 'a\0b'\n", None),
    ],
)
def test_a_script_that_python_cannot_compile(
    folder: Path, content: bytes, what: str | None
) -> None:
    (folder / "main.py").write_bytes(content)
    for found, where in (
        (read(str(folder), "main.py"), "program.entry"),
        (read(f"{folder}/main.py", None), "program.path"),
    ):
        (said,) = wrong(found)
        assert said.startswith(f"{where}: main.py")
        assert what is None or said == f"{where}: {what}"


def test_a_script_may_say_its_encoding(folder: Path) -> None:
    (folder / "main.py").write_bytes("# coding: latin-1\nx = 'ü'\n".encode("latin-1"))
    assert wrong(read(str(folder), "main.py")) == []


def test_another_file_that_python_cannot_compile_is_a_note(folder: Path) -> None:
    (folder / "lib/helper.py").write_text("def f(:\n")
    found = read(str(folder), "main.py")
    assert wrong(found) == []
    assert found.notes == ("lib/helper.py, line 1: invalid syntax",)


def test_what_is_no_python_is_not_compiled(folder: Path) -> None:
    (folder / "fit.R").write_text("x <- 1\n")
    assert wrong(read(str(folder), "fit.R")) == []
