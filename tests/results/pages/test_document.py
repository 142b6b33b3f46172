"""Compiled templates are kept as Python keeps modules, and taken only where they fit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest

from headrace.results.pages import document

PAGES = "{% include 'part.html' %}{{ value }}", "part: "


@pytest.fixture(autouse=True)
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "templates"
    folder.mkdir()
    for name, text in zip(("page.html", "part.html"), PAGES, strict=True):
        (folder / name).write_text(text)
    monkeypatch.setattr(document, "TEMPLATES", folder)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    document._template.cache_clear()
    yield folder
    document._template.cache_clear()


def rendered() -> str:
    document._template.cache_clear()
    return document._template("page.html").render(value="<1>")


def kept(templates: Path) -> list[Path]:
    return sorted(templates.glob("__pycache__/*"))


def test_templates_are_compiled_once(templates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendered() == "part: &lt;1&gt;"
    tag = sys.implementation.cache_tag
    assert [path.name for path in kept(templates)] == [f"page.{tag}.pyc", f"part.{tag}.pyc"]
    monkeypatch.setattr(jinja2.Environment, "compile", None)
    assert rendered() == "part: &lt;1&gt;"


@pytest.mark.parametrize("content", [b"", b"nothing of ours", None])
def test_what_does_not_fit_is_compiled_anew(templates: Path, content: bytes | None) -> None:
    rendered()
    for path in kept(templates):
        path.write_bytes(path.read_bytes()[:40] if content is None else content)
    assert rendered() == "part: &lt;1&gt;"
    (templates / "part.html").write_text("another: ")
    assert rendered() == "another: &lt;1&gt;"


def test_another_version_compiles_anew(templates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered()
    before = [path.read_bytes() for path in kept(templates)]
    monkeypatch.setattr(jinja2, "__version__", "0")
    assert rendered() == "part: &lt;1&gt;"
    assert [path.read_bytes() for path in kept(templates)] != before


def test_nothing_is_kept_where_python_keeps_nothing(
    templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered() == "part: &lt;1&gt;"
    assert kept(templates) == []


def test_a_folder_that_takes_no_files_is_no_matter(templates: Path) -> None:
    (templates / "__pycache__").write_text("in the way")
    assert rendered() == "part: &lt;1&gt;"
