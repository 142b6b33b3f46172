"""The arguments of a pipeline's steps: requests in which values that vary are expressions.

A job is compiled for each parameter with another value, and the requests are compared: where they
differ, the parameter is an expression. A parameter that changes the code itself cannot vary without
compiling again; it is *fixed*, and the pipeline has the value that the flow has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.config.flow import Scalar
from headrace.uris import within

Path = tuple[str | int, ...]
"""Keys and positions that lead to a value of a request."""
Expression = dict[str, Any]
EXECUTION_MARK = "headrace-execution-id"
"""Stands for the ID of an execution in the places that a flow is compiled for."""
EXECUTION_ID: Expression = {"Get": "Execution.PipelineExecutionId"}
Pieces = list[str | Expression]


def parameter(name: str) -> Expression:
    """Return the expression of a parameter."""
    return {"Get": f"Parameters.{name}"}


def output_of(step: str, name: str) -> Expression:
    """Return the expression of the place that an output of a step went to."""
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri"}


def joined(pieces: Sequence[str | Expression], *, is_text: bool = True) -> Any:
    """Return one value of texts and expressions.

    Args:
        pieces: In their order.
        is_text: A single expression has to become a text.
    """
    if not pieces:
        return ""
    if len(pieces) == 1 and (isinstance(pieces[0], str) or not is_text):
        return pieces[0]
    if _stand_between_slashes(pieces):
        values = [each.strip("/") if isinstance(each, str) else each for each in pieces]
        return {"Std:Join": {"On": "/", "Values": values}}
    return {"Std:Join": {"On": "", "Values": list(pieces)}}


def _stand_between_slashes(pieces: Sequence[str | Expression]) -> bool:
    """Return whether the pieces are whole parts of a path, so that slashes can join them."""
    for index, piece in enumerate(pieces):
        if not isinstance(piece, str):
            beside = pieces[index + 1] if index + 1 < len(pieces) else "/"
            if not isinstance(beside, str):
                return False
            continue
        inner = piece.removeprefix("/") if index else piece
        is_last = index == len(pieces) - 1
        inner = inner if is_last else inner.removesuffix("/")
        if inner != inner.strip("/") or not inner:
            return False
        if (index and not piece.startswith("/")) or (not is_last and not piece.endswith("/")):
            return False
    return len(pieces) > 1


@dataclass(frozen=True)
class Marked:
    """A parameter with another value, and the request that it makes."""

    name: str
    value: Scalar
    """The flow's."""
    mark: Scalar
    """The other value."""
    request: Mapping[str, Any]


@dataclass
class Template:
    """A request, and where parameters vary it."""

    request: Mapping[str, Any]
    variables: dict[Path, list[Marked]] = field(default_factory=dict)

    def add(self, marked: Marked) -> bool:
        """Note where a parameter varies the request; return whether that can be said.

        Args:
            marked: The parameter; nothing is noted if it changes more than single values.
        """
        found: list[Path] = []
        for path, base, other in _differences(self.request, marked.request, ()):
            if not _is_replaced(base, other, marked):
                return False
            found.append(path)
        for path in found:
            self.variables.setdefault(path, []).append(marked)
        return True

    def filled(self, together: Mapping[str, Any], outputs: Mapping[str, Expression]) -> Any:
        """Return the request with expressions.

        Args:
            together: The request with all noted parameters marked.
            outputs: URI of another step's output → its expression.
        """
        return self._filled(self.request, together, (), outputs)

    def _filled(self, base: Any, other: Any, path: Path, outputs: Mapping[str, Expression]) -> Any:
        if isinstance(base, dict):
            return {key: self._filled(base[key], other[key], (*path, key), outputs) for key in base}
        if isinstance(base, list):
            pairs = enumerate(zip(base, other, strict=True))
            return [self._filled(one, two, (*path, at), outputs) for at, (one, two) in pairs]
        marks = self.variables.get(path, [])
        if not isinstance(base, str):
            return parameter(marks[0].name) if marks else base
        pieces: Pieces = [other if marks else base]
        for marked in marks:
            pieces = _split(pieces, text_of(marked.mark), parameter(marked.name))
        for uri in sorted(outputs, key=len, reverse=True):
            pieces = _with_output(pieces, uri, outputs[uri])
        pieces = _split(pieces, EXECUTION_MARK, EXECUTION_ID)
        is_text = any(not isinstance(marked.value, str) for marked in marks)
        return joined(pieces, is_text=is_text)


def text_of(value: Scalar) -> str:
    """Return a value as it stands in a text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def mark_of(value: Scalar, number: int) -> Scalar:
    """Return another value of the same type, which is unlikely to stand anywhere else."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"headrace{number}mark"
    return value + 1 if value < 1 else value - 1 if value > 1 else value + 1


def _differences(base: Any, other: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if isinstance(base, dict) and isinstance(other, dict) and base.keys() == other.keys():
        for key in base:
            yield from _differences(base[key], other[key], (*path, key))
    elif isinstance(base, list) and isinstance(other, list) and len(base) == len(other):
        for at, (one, two) in enumerate(zip(base, other, strict=True)):
            yield from _differences(one, two, (*path, at))
    elif base != other or type(base) is not type(other):
        yield path, base, other


def _is_replaced(base: Any, other: Any, marked: Marked) -> bool:
    """Return whether a value differs by the parameter's value and nothing else."""
    if isinstance(base, str) and isinstance(other, str):
        mark, value = text_of(marked.mark), text_of(marked.value)
        return mark in other and other.replace(mark, value) == base
    return type(base) is type(other) and (base, other) == (marked.value, marked.mark)


def _split(pieces: Pieces, mark: str, expression: Expression) -> Pieces:
    made: Pieces = []
    for piece in pieces:
        if not isinstance(piece, str):
            made.append(piece)
            continue
        for number, text in enumerate(piece.split(mark)):
            made += [expression] if number else []
            made += [text] if text else []
    return made


def _with_output(pieces: Pieces, uri: str, expression: Expression) -> Pieces:
    """Put an expression in the place of an output's URI, wherever that ends there."""
    made: Pieces = []
    for piece in pieces:
        if not isinstance(piece, str) or uri not in piece:
            made.append(piece)
            continue
        before, _, after = piece.partition(uri)
        if after and not after.startswith("/") and within(f"{uri}{after}", uri) is False:
            made.append(piece)
            continue
        made += [each for each in (before, expression, after) if each]
    return made
