"""docs/reliability.md names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs/reliability.md"
_NAME = re.compile(r"`((?:[a-z0-9_]+/)*test_[a-z0-9_]+\.py)`")


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(_NAME.findall(PAGE.read_text(encoding="utf-8")))
    assert len(named) > 15
    assert [name for name in sorted(named) if not (TESTS / name).exists()] == []
