"""Write what is made from the models and plugins: schemas for editors, the reference, the picture.

    make generated

Nothing of it is written by hand, and a test fails when a file is not what this would write.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from headrace.cli.actions.schema import editor_files
from headrace.look.conf_file import with_modeline
from headrace.results.whole_files import json_text
from tools import reference
from tools.picture import picture

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "framework" / "headrace" / "cli" / "project"
"""What ``headrace init`` writes."""


def generated() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each file that is generated, or has a generated line."""
    for name, data in editor_files():
        yield ROOT / name, json_text(data)
    for name, text in reference.pages():
        yield ROOT / "docs" / "reference" / name, text
    yield ROOT / "docs" / "assets" / "overview.svg", picture()
    for root in (ROOT, PROJECT):
        for path in sorted((root / "conf").rglob("*.yaml")):
            inside = PurePosixPath(path.relative_to(root))
            yield path, with_modeline(inside, path.read_text("utf-8"))


def main() -> None:
    """Write each file that is not what it should be, and name it."""
    for path, text in generated():
        if not path.is_file() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
