"""Read a request of ``CreateProcessingJob``, and check it against the service's own model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape

from headrace.config.models import FROM
from headrace.config.problems import REQUIRED, got
from headrace.errors import ConfigError, Problem
from headrace.runtime.shown import plain, quoted

NAME = "ProcessingJobName"
SELECTED = "the service says it in its answers and refuses it in a request"
FATE = "it is what became of the job"
UNKNOWN = "CreateProcessingJob has no such field"
NO_TAGS = "DescribeProcessingJob does not tell them"
UNTOLD = ("ProcessingResources",)
REFUSED = ("SelectedInstanceType", "SelectedInstanceCount")
LONGEST_ENUM = 20
"""An enumeration with more members, as that of instance types, grows from month to month."""
KINDS: dict[str, tuple[type, str]] = {
    "structure": (dict, "a mapping of fields"),
    "map": (dict, "a mapping of texts"),
    "list": (list, "a list"),
    "string": (str, "text"),
    "integer": (int, "a whole number"),
    "boolean": (bool, "true or false"),
}


@dataclass(frozen=True)
class Imported:
    """A request without what is empty and what the service does not take."""

    request: dict[str, Any]
    left_out: dict[str, str]
    """Path of a field → why it is not in the request."""
    name: str = ""
    """Of the job; empty if the request has none."""


def read(path: str) -> Imported:
    """Read a request, or an answer of ``DescribeProcessingJob``, from a JSON file.

    Raises:
        ConfigError: It cannot be read, or holds no request.
    """
    shown = quoted(path, 400)
    try:
        value = json.loads(Path(path).expanduser().read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise _error(f"cannot read {shown}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _error(f"{shown} is not UTF-8") from error
    except json.JSONDecodeError as error:
        what = f"line {error.lineno}, column {error.colno}: {plain(error.msg)}"
        raise _error(f"{shown} is no JSON: {what}") from error
    except (RecursionError, ValueError) as error:
        raise _error(f"{shown} is no request: {plain(str(error))}") from error
    return checked(value, FROM)


def checked(value: Any, where: str) -> Imported:
    """Check a request against the service's model.

    Args:
        value: As JSON or the service gave it. The job's name may be missing.
        where: The key that names it.

    Raises:
        ConfigError: It is no request; everything that is wrong.
    """
    shape, answer = _shapes()
    if not isinstance(value, dict) or not shape.members.keys() & value.keys():
        what = "should be the request of a Processing job, which has a field AppSpecification"
        raise ConfigError([Problem(where, f"{what} (got {got(value)})")])
    fate = {key: FATE for key in value if key in answer.members and key not in shape.members}
    rest = {key: each for key, each in value.items() if key not in fate}
    problems: list[Problem] = []
    left_out: dict[str, str] = {}
    request = _kept({NAME: "imported", **rest}, shape, "", problems, left_out)
    if fate:  # an answer may not tell everything
        problems = [each for each in problems if each.where not in UNTOLD or each.what != REQUIRED]
    if problems:
        raise ConfigError([Problem(where, f"{each.where}: {each.what}") for each in problems])
    if fate and "Tags" not in value:
        left_out["Tags"] = NO_TAGS
    return Imported(request, {**left_out, **fate}, str(value.get(NAME) or ""))


@cache
def _shapes() -> tuple[StructureShape, StructureShape]:
    """Return what a request and an answer about a job look like."""
    model = botocore.session.Session().get_service_model("sagemaker")
    return (
        model.operation_model("CreateProcessingJob").input_shape,
        model.operation_model("DescribeProcessingJob").output_shape,
    )


def _kept(
    value: Any, shape: Shape, where: str, problems: list[Problem], left_out: dict[str, str]
) -> Any:
    """Return a value without unknown and empty fields; note what is wrong and what is left out."""
    kind, expected = KINDS[shape.type_name]
    if type(value) is not kind:  # a truth value is no number
        problems.append(Problem(where, f"should be {expected} (got {got(value)})"))
        return value
    given: Any = value
    if isinstance(shape, StructureShape):
        return _fields(given, shape, where, problems, left_out)
    if isinstance(shape, ListShape):
        return [
            _kept(each, shape.member, f"{where}[{index}]", problems, left_out)
            for index, each in enumerate(given)
        ]
    if isinstance(shape, MapShape):
        return {
            key: _kept(each, shape.value, f"{where}.{plain(key)}", problems, left_out)
            for key, each in given.items()
        }
    allowed = getattr(shape, "enum", [])
    if allowed and len(allowed) <= LONGEST_ENUM and value not in allowed:
        what = f"should be one of {', '.join(map(repr, allowed))} (got {got(value)})"
        problems.append(Problem(where, what))
    return value


def _fields(
    value: dict[str, Any],
    shape: StructureShape,
    where: str,
    problems: list[Problem],
    left_out: dict[str, str],
) -> dict[str, Any]:
    kept = {}
    for key, each in value.items():
        path = f"{where}.{plain(key)}".lstrip(".")
        if key not in shape.members:
            left_out[path] = UNKNOWN
        elif key in REFUSED:
            left_out[path] = SELECTED
        elif each is not None and each != {} and each != []:
            kept[key] = _kept(each, shape.members[key], path, problems, left_out)
    for key in shape.required_members:
        if value.get(key) is None:
            problems.append(Problem(f"{where}.{key}".lstrip("."), REQUIRED))
    return kept


def differences(one: Any, other: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield each field in which two requests differ: path, and both values; None if missing."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            if key != NAME:
                below = f"{where}.{key}".lstrip(".")
                yield from differences(one.get(key), other.get(key), below)
    elif isinstance(one, list) and isinstance(other, list):
        for index in range(max(len(one), len(other))):
            left, right = (each[index] if index < len(each) else None for each in (one, other))
            yield from differences(left, right, f"{where}[{index}]")
    elif one != other:
        yield where, one, other


def _error(what: str) -> ConfigError:
    return ConfigError([Problem(FROM, what)])
