"""How pydantic's errors become `Problem`s that a person can act on."""

from __future__ import annotations

import difflib
import json
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from framework.errors import Problem

UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
REQUIRED = "this key is required"
EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dataclass_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping of keys",
    "string_type": "text",
    "tuple_type": "a list",
    # the rest is filled in from the constraint that was broken
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_long": "text of at most {max_length} characters",
    "too_long": "a list of at most {max_length}",
}


def problems_of(
    validate: Callable[[Any], object], raw: object, keys: Callable[[Sequence[str]], Iterable[str]]
) -> list[Problem]:
    """Everything that a validation finds wrong, addressed from the top of `raw`.

    A truth value is not a number here, although pydantic takes ``true`` for 1: a second look with
    every ``true`` spelt as text finds those.

    Args:
        validate: Raises pydantic's `ValidationError`.
        raw: What it validates.
        keys: The keys that are allowed at an address.
    """
    errors = _errors(validate, raw)
    known = {error["loc"] for error in errors}
    numbers = [
        {**error, "input": error["input"] == "true"}
        for error in _errors(validate, _spell_out(raw))
        if error["input"] in ("true", "false") and error["loc"] not in known
    ]
    return [_problem(error, keys) for error in [*errors, *numbers]]


def suggest(name: str, choices: Iterable[str]) -> str:
    """The end of a message about a wrong name: the nearest right one, or else all of them."""
    ordered = sorted(choices)
    near = difflib.get_close_matches(name, ordered, n=1)
    return f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(ordered)}"


def keys_of(kind: object, path: Sequence[str] = ()) -> list[str]:
    """The keys that a model or a dataclass has at an address; none where any key will do."""
    if not isinstance(kind, type):
        return []
    if path:
        return keys_of(typing.get_type_hints(kind).get(path[0]), path[1:])
    if issubclass(kind, BaseModel):
        return list(kind.model_fields)
    return [field.name for field in fields(kind)] if is_dataclass(kind) else []


def got(value: object) -> str:
    """A value as an error message shows it: short, and spelt as in YAML."""
    if isinstance(value, str):
        return _short(repr(value))
    return _short(json.dumps(value, default=str))


def _number(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"


def _errors(validate: Callable[[Any], object], raw: object) -> list[Any]:
    try:
        validate(raw)
    except ValidationError as exc:
        return list(exc.errors(include_url=False))
    return []


def _spell_out(raw: object) -> object:
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, Mapping):
        return {key: _spell_out(value) for key, value in raw.items()}
    return [_spell_out(value) for value in raw] if isinstance(raw, list) else raw


def _problem(error: Mapping[str, Any], keys: Callable[[Sequence[str]], Iterable[str]]) -> Problem:
    # pydantic gives a mapping's key that is itself wrong the address (…, key, '[key]')
    path = [str(part) for part in error["loc"] if part != "[key]"]
    kind = error["type"]
    if kind in UNKNOWN:
        allowed = list(keys(path[:-1]))
        what = f"unknown key; {suggest(path[-1], allowed)}" if allowed else "unknown key"
        return Problem(".".join(path), what)
    return Problem(".".join(path), REQUIRED if kind == "missing" else _what(error))


def _what(error: Mapping[str, Any]) -> str:
    context = {key: _number(value) for key, value in error.get("ctx", {}).items()}
    if error["type"] == "value_error":
        return str(context["error"])
    if error["type"] in ("string_too_short", "too_short"):
        return "should not be empty"
    if error["type"] == "literal_error":
        expected = str(context["expected"]).replace(" or ", ", ")
        expected = f"one of {expected}" if "," in expected else expected
    elif error["type"] in EXPECTED:
        expected = EXPECTED[error["type"]].format(**context)
    else:
        message = error["msg"].removeprefix("Input should be ")
        return f"should be {message} (got {got(error['input'])})"
    return f"should be {expected} (got {got(error['input'])})"
