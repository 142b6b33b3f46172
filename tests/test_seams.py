"""What is chosen by name is compared by name nowhere, and one module knows the raw request."""

from __future__ import annotations

import ast
from functools import cache

from headrace.config.defaults import PROJECT

PACKAGE = PROJECT / "framework" / "headrace"
REQUEST = {
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "ProcessingInputs",
    "ProcessingJobName",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "RoleArn",
    "StoppingCondition",
}
STILL_RAW = {
    "aws/request.py",  # its home
}
"""Modules that index the raw request. A name may leave this list; none may join it."""


@cache
def _modules() -> list[tuple[str, ast.Module]]:
    return [
        (path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(PACKAGE.rglob("*.py"))
    ]


def _compared(tree: ast.AST) -> list[str]:
    sides = [
        side
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
    ]
    sides += [node.subject for node in ast.walk(tree) if isinstance(node, ast.Match)]
    return [
        text
        for text in map(ast.unparse, sides)
        for group in ("target", "backend", "program")
        if text == f"{group}.name" or text.endswith(f".{group}.name")
    ]


def _raw_keys(tree: ast.AST) -> set[str]:
    keys = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            keys.append(node.slice)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            keys += node.args[:1] if node.func.attr == "get" else []
    return {
        key.value
        for key in keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value in REQUEST
    }


def test_nobody_compares_the_name_of_a_target_a_backend_or_a_program() -> None:
    found = {path: names for path, tree in _modules() if (names := _compared(tree))}
    assert found == {}, "ask what is chosen for a capability instead"


def test_the_rule_is_seen() -> None:
    assert _compared(ast.parse("if config.target.name == 'aws': pass")) == ["config.target.name"]
    assert _compared(ast.parse("match backend.name:\n case 'x': pass")) == ["backend.name"]
    assert _raw_keys(ast.parse("request['RoleArn'], job.get('Environment', {})")) == {
        "RoleArn",
        "Environment",
    }


def test_the_raw_request_has_one_home() -> None:
    raw = {path for path, tree in _modules() if _raw_keys(tree)}
    assert raw - STILL_RAW == set(), "read the request through headrace.aws.request.RequestView"
    assert STILL_RAW - raw - {"aws/request.py"} == set(), "take it off the list"


def _all_for_one(tree: ast.AST) -> list[str]:
    subscripts = (node for node in ast.walk(tree) if isinstance(node, ast.Subscript))
    texts = map(ast.unparse, subscripts)
    return [text for text in texts if "schema.names[" in text]


def test_nobody_spells_the_names_of_all_columns_for_one_of_them() -> None:
    """A name for each column would take time with the square of the columns."""
    assert _all_for_one(ast.parse("[batch.schema.names[i] for i in places]"))
    found = {path: texts for path, tree in _modules() if (texts := _all_for_one(tree))}
    assert found == {}, "use schema.field(place).name"


def test_nobody_compares_the_name_of_a_format() -> None:
    """No module but the registry and the format's own spells the names of formats."""
    homes = {"runtime/plugins/formats.py"}
    for path, tree in _modules():
        compared = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Compare)
            for side in node.comparators
            if isinstance(side, ast.Constant) and side.value in ("csv", "parquet", "npz", "jsonl")
            if "form" in ast.unparse(node.left)
        ]
        assert path in homes or compared == [], path
