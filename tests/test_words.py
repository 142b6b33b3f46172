"""Docstrings of functions begin with a verb in its plain form: ``Return …``, ``Write …``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import headrace

PACKAGE = Path(headrace.__file__).parent
NO_VERB = re.compile(
    r"a|about|all|an|and|arrow|as|at|both|cells|distinct|each|eight|every|everything|for|"
    r"four|from|how|in|into|it|its|keys|more|names|neither|number|numbers|of|one|only|"
    r"positions|rows|same|see|seven|several|so|some|sorted|that|the|these|they|this|three|"
    r"to|what|whatever|when|where|whether|which|who|whoever|why|width|within",
    re.IGNORECASE,
)


def docstrings() -> Iterator[tuple[str, str]]:
    """Yield the place of each function with a docstring, and its first word."""
    for file in sorted(PACKAGE.rglob("*.py")):
        path = file.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
                yield f"{path}:{node.lineno} {node.name}", text.split()[0].strip(".,:;")


def documented() -> Iterator[tuple[str, str]]:
    """Yield the place of each docstring, of modules and attributes as well, and its first word."""
    for file in sorted(PACKAGE.rglob("*.py")):
        path = file.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            body = getattr(node, "body", [])
            for each in body if isinstance(body, list) else []:
                text = each.value.value if _is_constant(each) else None
                if isinstance(text, str) and text.strip():
                    yield f"{path}:{each.lineno}", text.split()[0]


def _is_constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def is_a_verb(word: str) -> bool:
    """Return whether a word may be a verb in its plain form: ``Writes`` is not."""
    is_third_person = word.endswith("s") and not word.endswith(("ss", "us"))
    return not is_third_person and not NO_VERB.fullmatch(word)


def test_functions_say_what_they_do() -> None:
    found = list(docstrings())
    assert len(found) > 500
    assert [f"{place}: {word}" for place, word in found if not is_a_verb(word)] == []


def test_attributes_begin_with_their_noun() -> None:
    found = list(documented())
    assert len(found) > 2000
    circling = ("What", "Whether", "Where", "How", "Which")
    assert [f"{place}: {word}" for place, word in found if word in circling] == []


@pytest.mark.parametrize("word", ["The", "What", "Writes", "Whether", "Names"])
def test_what_is_no_verb(word: str) -> None:
    assert not is_a_verb(word)


@pytest.mark.parametrize("word", ["Return", "Pass", "Focus"])
def test_what_is_one(word: str) -> None:
    assert is_a_verb(word)
