"""The tables of docs/transforms.md that show what a step makes of some cells."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from headrace.config.defaults import PROJECT
from headrace.config.registry import check_steps
from headrace.testing import batch_of

PAGE = (PROJECT / "docs" / "transforms.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"```yaml\n(.*?)```\n\n(\|.*?)\n\n", re.DOTALL)
SHOWN = ("arithmetic", "cross", "dates")


def table_of(text: str) -> dict[str, list[str | None]]:
    header, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
    ]
    cells = [[None if cell == "null" else cell for cell in row] for row in rows]
    return dict(zip(header, map(list, zip(*cells, strict=True)), strict=True))


@pytest.mark.parametrize("name", SHOWN)
def test_a_step_makes_what_the_page_shows(name: str) -> None:
    (section,) = (text for title, text in SECTION.findall(PAGE) if title == name)
    ((steps, shown),) = EXAMPLE.findall(section)
    built, problems = check_steps(yaml.safe_load(steps))
    assert not problems
    table: dict[str, list[Any]] = {**table_of(shown)}
    if name == "arithmetic":
        table = {key: [cell and float(cell) for cell in cells] for key, cells in table.items()}
        table["price"], expected = table["price"], {"price": table.pop("becomes")}
    else:
        expected = {key: cells for key, cells in table.items() if "_" in key}
    given = {key: cells for key, cells in table.items() if key not in expected or key == "price"}
    made = built[0].transform.apply(batch_of(given)).to_pydict()  # type: ignore[attr-defined]
    assert {key: made[key] for key in expected} == expected
