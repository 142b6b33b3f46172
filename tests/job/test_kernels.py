"""Building the kernels: by whom, where to, and what happens where nothing can build them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace.job import kernels
from headrace.runtime.kernels import library

Compiler = Callable[[str], None]


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Compiler]:
    """Puts a script in the place of the C compiler; there is no other, and no cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.base_prefix", "sys.prefix")
    monkeypatch.setattr("sys.prefix", "sys.prefix")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("shutil.which", lambda name: str(folder / name))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    kernels.built.cache_clear()

    def write(script: str) -> None:
        (folder / "cc").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "cc").chmod(0o755)

    yield write
    kernels.built.cache_clear()


COPY = 'while [ "$1" != -o ]; do shift; done; echo "$@" > "$2"'


def test_built_once_for_each_version_of_the_source(compiler: Compiler, tmp_path: Path) -> None:
    compiler(COPY)
    (made,) = kernels.built().items()
    name, content = made
    assert name == "x86_64.so"
    assert content.decode().split()[2:] == sorted(file.name for file in library.SOURCES.glob("*.c"))
    folder = tmp_path / "cache/headrace/kernels" / library.digest_of_sources()
    assert sorted(file.name for file in folder.iterdir()) == ["built.json", "x86_64.so"]
    compiler("exit 1")
    kernels.built.cache_clear()
    assert kernels.built() == dict([made])


@pytest.mark.parametrize("content", [None, b"", b"cut"])
def test_what_is_not_there_as_it_was_built_is_built_again(
    compiler: Compiler, tmp_path: Path, content: bytes | None
) -> None:
    compiler(COPY)
    made = kernels.built()
    file = tmp_path / "cache/headrace/kernels" / library.digest_of_sources() / "x86_64.so"
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    kernels.built.cache_clear()
    assert {*kernels.built()} == {*made}
    assert file.read_bytes() == kernels.built()["x86_64.so"]


def test_what_is_built_serves_without_its_compiler(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler(COPY)
    made = kernels.built()
    monkeypatch.setattr("shutil.which", lambda _: None)
    kernels.built.cache_clear()
    assert kernels.built() == made


def test_nothing_builds_them(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    kernels.main()
    out, _ = capsys.readouterr()
    assert (
        out == "note: neither zig nor a C compiler is here; NumPy works in place of the kernels\n"
    )


def test_a_compiler_that_fails_leaves_numpy_to_work(
    compiler: Compiler, capsys: pytest.CaptureFixture[str]
) -> None:
    compiler("exit 1")
    kernels.main()
    out, _ = capsys.readouterr()
    assert out == "note: cc does not build the kernels here; NumPy works in their place\n"
    compiler(COPY)  # it is not asked again
    kernels.built.cache_clear()
    assert kernels.built() == {}


def test_a_folder_that_cannot_be_written(compiler: Compiler, tmp_path: Path) -> None:
    compiler(COPY)
    (tmp_path / "cache").write_text("a file in the way")
    assert kernels.built() == {}


def test_zig_takes_over_what_another_compiler_built(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler(COPY)
    assert list(kernels.built()) == ["x86_64.so"]
    zig = os.fspath(Path(os.environ["PATH"].partition(":")[0]) / "cc")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    monkeypatch.setattr("sys.executable", zig)
    kernels.built.cache_clear()
    assert list(kernels.built()) == ["x86_64.so", "aarch64.so"]
