"""The pages of ``docs/``: all are in the navigation, links lead somewhere, nothing is fetched."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.config.defaults import PROJECT
from tests import children
from tools import site

DOCS = PROJECT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
README = PROJECT / "README.md"
SITE: dict[str, Any] = yaml.safe_load((PROJECT / "mkdocs.yml").read_text("utf-8"))


def _in_navigation(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
        return
    for each in node.values() if isinstance(node, dict) else node:
        yield from _in_navigation(each)


def _name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@cache
def _headings(page: Path) -> tuple[str, ...]:
    prose = "".join(site.FENCE.split(page.read_text("utf-8"))[::2])
    texts = re.findall(r"^#+ (.*?)\s*$", prose, re.MULTILINE)
    return tuple(re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", text) for text in texts)


def _on_the_site(heading: str) -> str:
    """The anchor that Python-Markdown gives a heading."""
    ascii_only = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", ascii_only).strip().lower())


def _on_github(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_page_is_in_the_navigation_once() -> None:
    listed = list(_in_navigation(SITE["nav"]))
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in PAGES)


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {target.partition("#")[0] for _, target in site.links(README.read_text("utf-8"))}
    assert {_name(page) for page in PAGES} - linked == {"docs/index.md"}


@pytest.mark.parametrize("page", [README, *PAGES], ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for link, target in [*site.links(text), *re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", text)]:
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"[{link}]({target})"
        if anchor:
            for rule in (_on_the_site, _on_github):
                assert anchor in map(rule, _headings(place)), f"[{link}]({target}), {rule.__name__}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_a_page_has_one_title(page: Path) -> None:
    prose = "".join(site.FENCE.split(page.read_text("utf-8"))[::2])
    assert len(re.findall(r"^# ", prose, re.MULTILINE)) == 1


def test_a_link_out_of_the_pages_becomes_text() -> None:
    text = (
        "See [a script](../tests/a.py), [this](files.md#parts), [that](#here) and\n"
        "[a place](https://example.org), `[code](../x)`, [`load`](python.md).\n"
        "```\n[kept](../x)\n```\n![picture](assets/x.svg)\n"
    )
    assert site.without_outside_links(text, Path("programs.md")) == text.replace(
        "[a script](../tests/a.py)", "a script"
    )
    assert site.without_outside_links("[up](../files.md)", Path("reference/x.md")) == (
        "[up](../files.md)"
    )


def test_nothing_comes_from_another_host() -> None:
    assert SITE["theme"]["font"] is False
    assert SITE["plugins"] == ["search", "offline"]
    assert SITE["extra"]["polyfills"] == ["assets/iframe-worker.js"]
    assert (DOCS / "assets" / "iframe-worker.js").is_file()
    assert not re.search(r"(src|href)=", "".join(page.read_text("utf-8") for page in PAGES))


@pytest.mark.slow
@pytest.mark.long
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """`make docs`, with an environment and a folder of its own."""
    copy = tmp_path / "checkout"
    for name in ("docs", "tools", "requirements"):
        shutil.copytree(PROJECT / name, copy / name)
    for name in ("mkdocs.yml", "Makefile"):
        shutil.copy(PROJECT / name, copy / name)
    ran = children.run(
        ["make", "--no-print-directory", "docs", f"PYTHON={sys.executable}"],
        cwd=copy,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=280,
    )
    if "No matching distribution" in ran.stdout or "Connection" in ran.stdout:
        pytest.skip("the packages of requirements/docs.txt cannot be fetched here")
    assert ran.returncode == 0, ran.stdout
    assert "WARNING -" not in ran.stdout
    pages = list((copy / "build" / "site").rglob("*.html"))
    assert len(pages) == len(PAGES) + 1  # 404.html
    assert (copy / "build" / "site" / "search" / "search_index.js").is_file()
    for page in pages:
        html = page.read_text("utf-8")
        fetched = re.findall(r'<(?:script|img|iframe)[^>]* src="([^"]*)"', html)
        fetched += re.findall(r'<link[^>]* href="([^"]*)"', html)
        assert not [each for each in fetched if "//" in each], page.name


@pytest.mark.parametrize("path", [README, *PAGES], ids=_name)
def test_no_head_of_a_table_is_empty(path: Path) -> None:
    """A screen reader names a cell by the head of its column."""
    lines = path.read_text("utf-8").splitlines()
    heads = [
        head
        for head, rule in pairwise(lines)
        if re.fullmatch(r"\|(\s*:?-+:?\s*\|)+", rule) and head.startswith("|")
    ]
    assert [head for head in heads if re.search(r"\|\s*\|", head)] == []
