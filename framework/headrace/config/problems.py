"""Turn pydantic's errors into `Problem`s that a user can act on."""

from __future__ import annotations

import difflib
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ValidationError

from headrace.errors import Problem
from headrace.runtime.shown import plain, quoted

UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
UNDECIDED = ("union_tag_invalid", "union_tag_not_found")
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
    "model_attributes_type": "a mapping of keys",
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
NO_NUL = r"^[^\x00]*$"
VARIABLE = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
INSTANCE = r"^ml(\.[a-z0-9-]+){2}$"
NO_BLANK = r"^\S*$"
PATTERNS = {
    INSTANCE: "an instance type, as in ml.m5.xlarge",
    NO_BLANK: "text without blanks",
    NO_NUL: "text without the character NUL",
    VARIABLE: "letters, digits and underscores, no digit first",
}
"""The wish of each pattern, in words."""


def problems_of(
    validate: Callable[[Any], object],
    raw: object,
    keys: Callable[[Sequence[str]], Iterable[str]],
    choices: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[Problem]:
    """Return every problem of a validation, addressed from the top of `raw`.

    A truth value is not a number here, although pydantic takes ``true`` for 1: a second look with
    every ``true`` spelt as text finds those.

    Args:
        validate: Raises pydantic's `ValidationError`.
        raw: What it validates.
        keys: The keys that are allowed at an address.
        choices: The groups whose keys depend on a choice, and the choices.
    """
    errors = _errors(validate, raw)
    known = {error["loc"] for error in errors}
    numbers = [
        {**error, "input": error["input"] == "true"}
        for error in _errors(validate, _spell_out(raw))
        if error["input"] in ("true", "false") and error["loc"] not in known
    ]
    return [_problem(error, keys, choices) for error in [*errors, *numbers]]


def suggest(name: str, choices: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest valid one, or all of them."""
    ordered = sorted(choices)
    near = difflib.get_close_matches(name, ordered, n=1)
    return f"did you mean {near[0]!r}?" if near else f"allowed: {plain(', '.join(ordered))}"


def keys_of(kind: object, path: Sequence[str] = ()) -> list[str]:
    """Return the keys that a model or a dataclass has at an address; none where any key will do.

    Args:
        kind: The model.
        path: The address, as pydantic gives it: with the choice behind a group that has several
            models.
    """
    models = models_of(kind)
    if len(models) > 1:
        chosen = [model for model in models if path and tag_of(model) == path[0]]
        return keys_of(chosen[0], path[1:]) if chosen else []
    kind = models[0] if models else kind
    if path and typing.get_origin(kind) is dict:
        return keys_of(typing.get_args(kind)[1], path[1:])
    if not isinstance(kind, type):
        return []
    if path:
        return keys_of(_hints(kind).get(path[0]), path[1:])
    if issubclass(kind, BaseModel):
        return list(kind.model_fields)
    return [field.name for field in fields(kind)] if is_dataclass(kind) else []


def models_of(kind: object) -> list[type[BaseModel]]:
    """Return the models that a key may hold: several where a choice decides, or none."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    inside = typing.get_args(kind)
    if typing.get_origin(kind) is Annotated:
        inside = inside[:1]
    elif typing.get_origin(kind) not in (typing.Union, types.UnionType):
        inside = ()
    return [model for each in inside for model in models_of(each)]


def tag_of(model: type[BaseModel]) -> str:
    """Return the choice that a model of several stands for, which is its ``name``."""
    return str(typing.get_args(model.model_fields["name"].annotation)[0])


def _hints(kind: type) -> Mapping[str, object]:
    if issubclass(kind, BaseModel):
        return {name: field.annotation for name, field in kind.model_fields.items()}
    return typing.get_type_hints(kind)


def got(value: object) -> str:
    """Return a value as error messages show it: short, and spelt as in YAML."""
    if isinstance(value, str):
        return quoted(value)
    return plain(json.dumps(value, default=str), 60)


def _number(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _errors(validate: Callable[[Any], object], raw: object) -> list[Mapping[str, Any]]:
    try:
        validate(raw)
    except ValidationError as exc:
        errors = [
            {**each, "loc": _typed(each["loc"], raw)} for each in exc.errors(include_url=False)
        ]
        return _decided(_counted(errors), raw)
    return []


def _typed(loc: tuple[Any, ...], raw: object) -> tuple[Any, ...]:
    """Return pydantic's address without the 0 of a list for which its one entry was typed."""
    place = _place(loc, raw)
    rest = loc[len(place) :]
    if rest[:1] == (0,) and isinstance(_at(raw, place), Mapping):
        return _typed(place + rest[1:], raw)
    return loc


def _decided(errors: Sequence[Mapping[str, Any]], raw: object) -> list[Mapping[str, Any]]:
    """Return one look at each value that may be of several kinds, where pydantic has one for each.

    Pydantic puts the kind into the address, which nobody has typed. Of a mapping with a key that a
    kind knows, what is wrong with that kind is told; else all kinds are.
    """
    kinds: dict[tuple[Any, ...], dict[str, list[Mapping[str, Any]]]] = {}
    for error in errors:
        place = _place(error["loc"], raw)
        kind, *below = (*error["loc"], "")[len(place) :]
        if kind not in ("", "[key]") and (error["type"] != "missing" or below != [""]):
            kinds.setdefault(place, {}).setdefault(kind, []).append(error)
    several = {place: found for place, found in kinds.items() if len(found) > 1}
    told = [each for each in errors if _place(each["loc"], raw) not in several]
    for place, found in several.items():
        told += _of_kinds(place, list(found.values()), raw)
    return told


def _of_kinds(
    place: tuple[Any, ...], found: Sequence[Sequence[Mapping[str, Any]]], raw: object
) -> list[Mapping[str, Any]]:
    keys = [[each for each in errors if each["loc"][-1] == "[key]"] for errors in found]
    for errors, wrong in zip(found, keys, strict=True):
        if not wrong and all(len(each["loc"]) > len(place) + 1 for each in errors):
            return [{**each, "loc": place + each["loc"][len(place) + 1 :]} for each in errors]
        if [each["type"] for each in errors] == ["string_too_short"]:  # the right kind, but empty
            return [{**errors[0], "loc": place}]
    value = _at(raw, place)
    texts = [
        f"a mapping with the key {_expected(wrong[0])}" if wrong else _expected(errors[0])
        for errors, wrong in zip(found, keys, strict=True)
    ]
    expected = " or ".join(dict.fromkeys(texts))
    what = f"should be {expected} (got {got(value)})"
    return [{"type": "value_error", "loc": place, "input": value, "ctx": {"error": what}}]


def _place(loc: tuple[Any, ...], raw: object) -> tuple[Any, ...]:
    """Return the part of pydantic's address that is one of what was typed."""
    for length, part in enumerate(loc):
        try:
            raw = _below(raw, part)
        except LookupError:
            return loc[:length]
    return loc


def _at(raw: object, place: Sequence[Any]) -> object:
    for part in place:
        raw = _below(raw, part)
    return raw


def _below(raw: object, part: Any) -> object:
    """Return what stands at one part of pydantic's address, which has the choice of a group too.

    Raises:
        LookupError: Nothing that was typed stands there.
    """
    if isinstance(raw, Mapping) and part not in raw and raw.get("name") == part:
        return raw
    inside = dict(enumerate(raw)) if isinstance(raw, list | tuple) else raw
    return inside[part] if isinstance(inside, Mapping) else {}[part]


def _counted(errors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Leave out that a list is too short where pydantic did not count an entry that is wrong."""
    above = {error["loc"][:length] for error in errors for length in range(len(error["loc"]))}
    return [each for each in errors if each["type"] != "too_short" or each["loc"] not in above]


def _spell_out(raw: object) -> object:
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, Mapping):
        return {key: _spell_out(value) for key, value in raw.items()}
    return [_spell_out(value) for value in raw] if isinstance(raw, list) else raw


def _problem(
    error: Mapping[str, Any],
    keys: Callable[[Sequence[str]], Iterable[str]],
    choices: Mapping[str, Sequence[str]],
) -> Problem:
    # pydantic gives a mapping's key that is itself wrong the address (…, key, '[key]')
    address = [str(part) for part in error["loc"] if part != "[key]"]
    group, choice, *_ = [*address, "", ""]
    path = address
    if choice in choices.get(group, ()):  # an address of pydantic's has it, one of ours has not
        path = [group, *address[2:]]
    kind = error["type"]
    if kind in UNKNOWN:
        allowed, key = list(keys(address[:-1])), path[-1]
        has_choice = path != address and len(path) == 2
        what = f"{group}={choice} has no such key" if has_choice else "unknown key"
        others = choices[group] if has_choice else ()
        others = [each for each in others if key in keys([group, each])]
        if others:
            known = ", ".join(f"{group}={each}" for each in others)
            what += f" (it is one of {known}); allowed: {', '.join(sorted(allowed))}"
        elif allowed:
            what += f"; {suggest(key, allowed)}"
        return Problem(".".join(path), what)
    if kind in UNDECIDED:
        what = REQUIRED if kind == "union_tag_not_found" else _what(error)
        return Problem(".".join([*path, "name"]), what)
    return Problem(".".join(path), REQUIRED if kind == "missing" else _what(error))


def _what(error: Mapping[str, Any]) -> str:
    context = {key: _number(value) for key, value in error.get("ctx", {}).items()}
    if error["type"] == "value_error":
        return str(context["error"])
    if error["type"] in ("string_too_short", "too_short"):
        least = context["min_length"]
        if least == 1:
            return "should not be empty"
        if error["type"] == "string_too_short":
            return f"should be text of at least {least} characters (got {got(error['input'])})"
        return f"should have at least {least} entries"
    if error["type"] == "union_tag_invalid":
        given = got(context["tag"])
        return f"should be one of {context['expected_tags']} (got {given})"
    return f"should be {_expected(error)} (got {got(error['input'])})"


def _expected(error: Mapping[str, Any]) -> str:
    context = {key: _number(value) for key, value in error.get("ctx", {}).items()}
    if error["type"] == "literal_error":
        expected = str(context["expected"]).replace(" or ", ", ")
        return f"one of {expected}" if "," in expected else expected
    if error["type"] == "too_short":
        return f"a list of at least {context['min_length']}"
    if context.get("pattern") in PATTERNS:
        return PATTERNS[str(context["pattern"])]
    if error["type"] in EXPECTED:
        return EXPECTED[error["type"]].format(**context)
    return str(error["msg"]).removeprefix("Input should be ")
