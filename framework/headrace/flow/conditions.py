"""The conditions of ``when``: a figure of a JSON file of a result, compared with a value."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from headrace.config.flow import Scalar, When
from headrace.config.problems import got, suggest
from headrace.errors import JobFailed, Problem
from headrace.flow.graph import operand
from headrace.flow.references import whole
from headrace.results.reports.hosts import MANIFEST, METRICS, TIMINGS
from headrace.results.stored import StoredResult, UnreadableError
from headrace.runtime.shown import plain, quoted
from headrace.runtime.spec import EVALUATION, REPORT
from headrace.uris import path_of

if TYPE_CHECKING:
    from headrace.config.models import JobConfig

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "at_least": operator.ge,
    "at_most": operator.le,
    "above": operator.gt,
    "below": operator.lt,
}


def of_chain(condition: When, config: JobConfig, where: str) -> Iterator[Problem]:
    """Yield what is wrong with a condition on a chain's result, which is not there yet.

    Args:
        condition: The condition.
        config: Of the job that makes the result.
        where: The key that the condition is under.
    """
    if condition.channel != REPORT:
        what = f"{condition.output} holds rows; figures are in {condition.job}.{REPORT}"
        yield Problem(f"{where}.output", what)
        return
    files = [MANIFEST, METRICS, TIMINGS]
    files += [EVALUATION] if config.evaluation.name != "none" else []
    if condition.file not in files:
        what = f"{condition.output} has no file {quoted(condition.file)}"
        yield Problem(f"{where}.file", f"{what}; {suggest(condition.file, files)}")


def unmet(
    condition: When, places: Mapping[str, str], parameters: Mapping[str, Scalar]
) -> str | None:
    """Return why a condition does not hold, for the user; None if it does.

    Args:
        condition: The condition.
        places: ``job.channel`` → URI.
        parameters: The flow's.

    Raises:
        JobFailed: The file is not there, is no JSON, has no such figure, or that is no number.
    """
    name = f"{condition.output}/{condition.file}"
    uri = places[condition.output]
    found = figure(str(path_of(uri) or uri), condition, name)
    key, value = operand(condition)
    values = value if isinstance(value, tuple) else (value,)
    expected = [_value(each, parameters) for each in values]
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    if key in COMPARE and not is_number:
        what = f"should be a number (got {got(found)})"
        raise JobFailed(f"when: {condition.path} of {name} {what}")
    if _holds(key, found, expected):
        return None
    wanted = ", ".join(map(got, expected))
    return f"{condition.path} of {name} is {got(found)}, not {key.replace('_', ' ')} {wanted}"


def figure(place: str, condition: When, name: str) -> Any:
    """Return the figure of a condition.

    Raises:
        JobFailed: There is none.
    """
    try:
        content = json.loads(StoredResult(place).read(condition.file))
    except UnreadableError as error:
        raise JobFailed(f"when: there is no file {name}") from error
    except (ValueError, RecursionError) as error:
        raise JobFailed(f"when: {name} is no JSON: {plain(str(error))}") from error
    for key in keys_of(condition.path):
        try:
            content = content[int(key)] if isinstance(content, list) else dict(content)[key]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            what = f"when: {name} has no {condition.path!r} (there is no {key!r})"
            raise JobFailed(what) from error
    return content


def keys_of(path: str) -> list[str]:
    """Return the keys and positions of a path: ``scores.0.auc`` or ``scores[0].auc``."""
    return re.findall(r"[^.\[\]]+", path)


def json_path(path: str) -> str:
    """Return a path as SageMaker reads it, with positions in brackets."""
    first, *others = keys_of(path)
    return first + "".join(f"[{key}]" if key.isdecimal() else f".{key}" for key in others)


def _value(given: Any, parameters: Mapping[str, Scalar]) -> Any:
    reference = whole(given)
    return given if reference is None else parameters[reference.name]


def _holds(key: str, found: Any, expected: list[Any]) -> bool:
    if key not in COMPARE:
        return any(_equal(each, found) for each in expected)
    return COMPARE[key](found, expected[0])


def _equal(one: Any, other: Any) -> bool:
    """Return whether two values are equal: numbers of any type, but no truth value is a number."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
