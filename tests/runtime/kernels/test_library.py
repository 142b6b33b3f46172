"""Where the library comes from, and what happens where it cannot be loaded."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import zipfile
import zipimport
from collections.abc import Iterator
from ctypes import CDLL, c_int32, c_int64, c_uint8, c_uint32, c_uint64, c_void_p
from pathlib import Path
from types import SimpleNamespace

import pytest

from headrace.runtime.kernels import library
from tests import children


@pytest.fixture
def content() -> bytes:
    found = library._content(f"{platform.machine()}.so")
    if found is None:
        pytest.skip("the kernels are not built: no zig and no C compiler")
    return found


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    library._loaded.cache_clear()
    yield
    library._loaded.cache_clear()
    library._failures.clear()


def refuse(*_: object) -> bytes:
    raise OSError("not here")


def test_what_is_built_can_be_loaded(content: bytes) -> None:
    assert (library.library() is not None, library.note()) == (True, None)


def test_off() -> None:
    library.use(library.OFF)
    try:
        assert (library.library(), library.note()) == (None, None)
    finally:
        library.use(library.AUTO)


def test_from_a_folder_where_memory_has_no_files(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.memfd_create", refuse)
    assert library.library() is not None
    assert library.note() is None


def test_another_machine_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert (library.library(), library.note()) == (None, None)


def test_nothing_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_content", lambda _: b"no library")
    monkeypatch.setattr(library, "_from_memory", refuse)
    assert library.library() is None
    note = library.note() or ""
    assert note.startswith("the compiled kernels cannot be loaded, NumPy works in their place: /")
    assert note.endswith("/kernels.so: file too short")


WITHOUT_MEMORY = """
import os


def refuse(name):
    raise OSError("memory has no files here")


os.memfd_create = refuse
from headrace.runtime.kernels import library

print(library.library(), library.note())
"""
NOEXEC = 'mount -t tmpfs -o noexec none "$0" && TMPDIR="$0" exec "$@"'


def test_a_folder_from_which_nothing_may_be_executed(content: bytes, tmp_path: Path) -> None:
    apart = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    try:
        children.run([*apart, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"nothing can be mounted here: {error}")
    done = children.run(
        [*apart, NOEXEC, str(tmp_path), sys.executable, "-c", WITHOUT_MEMORY],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = "None the compiled kernels cannot be loaded, NumPy works in their place: "
    assert done.stdout.startswith(f"{said}{tmp_path}/headrace-kernels-")
    assert done.stdout.endswith("failed to map segment from shared object\n")


def test_it_is_tied_to_no_c_library(content: bytes) -> None:
    """It loads beside musl as well: nothing of glibc is named in it."""
    assert not [word for word in (b"GLIBC", b"libc.", b"ld-linux") if word in content]


TYPES = {"int32_t": c_int32, "int64_t": c_int64, "uint8_t": c_uint8, "uint32_t": c_uint32,
         "uint64_t": c_uint64}  # fmt: skip
DECLARED = re.compile(r"EXPORT (\w+) headrace_(\w+)\(([^)]*)\);")


def test_kernels_are_called_as_they_are_declared() -> None:
    text = (library.SOURCES / "kernels.h").read_text()
    declared = DECLARED.findall(text)
    assert len(declared) == text.count("EXPORT ") - 1  # that is the macro itself
    assert {
        name: tuple(
            c_void_p if "*" in each else TYPES[each.split()[0]] for each in given.split(",")
        )
        for _, name, given in declared
    } == library._ARGUMENTS
    results = {name: result for result, name, _ in declared}
    assert results == {
        name: "int64_t" if name in library._COUNTING else "void" for name in library._ARGUMENTS
    }


def test_an_older_library_lacks_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_content", lambda _: b"")
    monkeypatch.setattr(library, "_from_memory", lambda _: CDLL(None))
    monkeypatch.setattr(library, "_from_folder", lambda _: CDLL(None))
    assert library.library() is None
    assert "undefined symbol: headrace_hash32" in (library.note() or "")


def test_one_that_came_with_the_package_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(library, "__file__", str(tmp_path / "library.py"))
    (tmp_path / "x.so").write_bytes(b"shipped")
    assert library._content("x.so") == b"shipped"
    (tmp_path / "x.so").unlink()
    monkeypatch.setattr(library, "SOURCES", tmp_path / "absent")
    assert library._content("x.so") is None


def test_an_entry_script_gives_it_as_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script, name = tmp_path / "entry.pyz", "headrace/runtime/kernels/x.so"
    with zipfile.ZipFile(script, "w") as archive:
        archive.writestr(name, b"shipped")
    loader = zipimport.zipimporter(str(script))
    monkeypatch.setattr(library, "__spec__", SimpleNamespace(loader=loader))
    monkeypatch.setattr(library, "__file__", str(script / "headrace/runtime/kernels/library.py"))
    assert library._content("x.so") == b"shipped"
