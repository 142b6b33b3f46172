"""Copy the pages of ``docs/`` to where MkDocs reads them: ``python -m tools.site build/docs``.

A link to a file outside ``docs/`` is right in the checkout and leads nowhere on the site; there it
becomes the name of the file. Needs the standard library only.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
LINK = re.compile(r"`[^`\n]*`|(?<!!)\[(?P<text>(?:`[^`\n]*`|[^\]`])*)\]\((?P<target>[^)\s]+)\)")
"""A link, or a piece of code, in which nothing is a link."""
FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)


def copy(folder: Path) -> None:
    """Write the pages and what they show, in the place of what a folder holds."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder)
    for page in folder.rglob("*.md"):
        inside = page.relative_to(folder)
        page.write_text(without_outside_links(page.read_text("utf-8"), inside), "utf-8")


def links(text: str) -> Iterator[tuple[str, str]]:
    """Yield text and target of each link of a page that is no piece of code."""
    for prose in FENCE.split(text)[::2]:
        for match in LINK.finditer(prose):
            if match["target"]:
                yield match["text"], match["target"]


def without_outside_links(text: str, page: Path) -> str:
    """Return a page whose links lead to pages of the site, or to another host.

    Args:
        text: What stands in the page.
        page: Its path in ``docs/``.
    """

    def rewritten(match: re.Match[str]) -> str:
        target = match["target"]
        return match["text"] if target and _leads_outside(target, page) else match[0]

    parts = FENCE.split(text)
    parts[::2] = [LINK.sub(rewritten, prose) for prose in parts[::2]]
    return "".join(parts)


def _leads_outside(target: str, page: Path) -> bool:
    if "://" in target or target.startswith("#"):
        return False
    place = (DOCS / page.parent / target.partition("#")[0]).resolve()
    return not place.is_relative_to(DOCS)


if __name__ == "__main__":
    copy(Path(sys.argv[1]))
