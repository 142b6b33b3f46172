"""docs/architecture.md names every folder of the package, two levels deep, and every contract."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import headrace
from headrace.config.defaults import PROJECT

PACKAGE = Path(headrace.__file__).parent
PAGE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")


def folders(folder: Path) -> list[Path]:
    return sorted(each.parent for each in folder.glob("*/__init__.py"))


def drawn() -> Iterator[str]:
    """The paths of the tree that the page draws."""
    parent = ""
    for indent, name in re.findall(r"^([│ ]*)[├└]── (\S+)", PAGE, re.MULTILINE):
        if not indent:
            parent = name
        yield f"{parent}{name}" if indent else name


def test_the_tree_shows_every_folder() -> None:
    expected = {
        f"{each.relative_to(PACKAGE)}/" for top in folders(PACKAGE) for each in folders(top)
    }
    expected |= {f"{top.name}/" for top in folders(PACKAGE)}
    modules = {each.name for each in PACKAGE.glob("*.py")} - {"__init__.py"}
    assert set(drawn()) == expected | modules


def test_the_layers_and_contracts_are_those_of_the_project() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {each["id"]: each for each in project["tool"]["importlinter"]["contracts"]}
    listed = PAGE.partition("\n## Dependencies\n")[2].partition("\n## ")[0]
    drawing = re.findall(r"^```\n(.*?)^```$", listed, re.MULTILINE | re.DOTALL)[0]
    layers = re.findall(r"^(\w+(?: \| \w+)*)(?: .*)?$", drawing, re.MULTILINE)
    assert layers == contracts["layers"]["layers"]
    assert re.findall(r"^\| `(\w+)` \|", listed, re.MULTILINE) == list(contracts)


def test_every_folder_says_what_comes_in_and_what_goes_out() -> None:
    for top in folders(PACKAGE):
        for folder in (top, *folders(top)):
            text = (folder / "__init__.py").read_text(encoding="utf-8")
            assert len(text.split('"""')[1]) > len(f"{folder.name}."), folder
