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
from headrace.uris import S3

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


def property_of(step: str, path: str) -> Expression:
    """Return the expression of a property of a step."""
    return {"Get": f"Steps.{step}.{path}"}


def output_of(step: str, name: str) -> Expression:
    """Return the expression of the place that an output of a step went to."""
    return property_of(step, f"ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri")


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


Span = tuple[int, int]
"""The positions in a text at which a parameter's value begins and ends."""


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
    numbers: dict[Path, str] = field(default_factory=dict)
    """Paths at which a number or a truth value is that of a parameter."""
    texts: dict[Path, dict[Span, Marked]] = field(default_factory=dict)
    """Paths at which texts have values of parameters in them."""

    def add(self, marked: Marked) -> bool:
        """Note where a parameter varies the request; return whether that can be said.

        Args:
            marked: The parameter; nothing is noted if it changes more than single values.
        """
        texts: dict[Path, list[Span]] = {}
        numbers: list[Path] = []
        for path, base, other in _differences(self.request, marked.request, ()):
            if isinstance(base, str) and isinstance(other, str):
                spans = _spans(base, other, text_of(marked.value), text_of(marked.mark))
                if spans is None:
                    return False
                texts[path] = spans
            elif type(base) is type(other) and (base, other) == (marked.value, marked.mark):
                numbers.append(path)
            else:
                return False
        self.numbers |= dict.fromkeys(numbers, marked.name)
        for path, spans in texts.items():
            self.texts.setdefault(path, {}).update(dict.fromkeys(spans, marked))
        return True

    def filled(self, outputs: Mapping[str, Expression]) -> Any:
        """Return the request with expressions.

        Args:
            outputs: URI of another step's output → its expression.
        """
        return self._filled(self.request, (), outputs)

    def anywhere(self) -> Any:
        """Return the request with ``*`` wherever a parameter stands in a place on S3."""
        return self._anywhere(self.request, ())

    def _anywhere(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: self._anywhere(value[key], (*path, key)) for key in value}
        if isinstance(value, list):
            return [self._anywhere(each, (*path, at)) for at, each in enumerate(value)]
        if not isinstance(value, str) or not value.startswith(S3):
            return value
        for start, stop in sorted(self.texts.get(path, ()), reverse=True):
            value = f"{value[:start]}*{value[stop:]}"
        return value

    def _filled(self, value: Any, path: Path, outputs: Mapping[str, Expression]) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(value[key], (*path, key), outputs) for key in value}
        if isinstance(value, list):
            return [self._filled(each, (*path, at), outputs) for at, each in enumerate(value)]
        if not isinstance(value, str):
            return parameter(self.numbers[path]) if path in self.numbers else value
        spans = self.texts.get(path, {})
        pieces: Pieces = []
        end = 0
        for (start, stop), marked in sorted(spans.items(), key=lambda each: each[0]):
            pieces += [value[end:start]] if value[end:start] else []
            pieces.append(parameter(marked.name))
            end = stop
        pieces += [value[end:]] if value[end:] else []
        for uri in sorted(outputs, key=len, reverse=True):
            pieces = _with_output(pieces, uri, outputs[uri])
        pieces = _split(pieces, EXECUTION_MARK, EXECUTION_ID)
        is_text = any(not isinstance(marked.value, str) for marked in spans.values())
        return joined(pieces, is_text=is_text)


def text_of(value: Scalar) -> str:
    """Return a value as it stands in a text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def marks_of(value: Scalar) -> list[Scalar]:
    """Return other values of the same type; a configuration may not take the first ones."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, str):
        return [f"{value}headracemark", "headracemark"]
    return [value + 7919, value + 1, value - 1]


def _differences(base: Any, other: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if isinstance(base, dict) and isinstance(other, dict) and base.keys() == other.keys():
        for key in base:
            yield from _differences(base[key], other[key], (*path, key))
    elif isinstance(base, list) and isinstance(other, list) and len(base) == len(other):
        for at, (one, two) in enumerate(zip(base, other, strict=True)):
            yield from _differences(one, two, (*path, at))
    elif base != other or type(base) is not type(other):
        yield path, base, other


def _spans(base: str, other: str, value: str, mark: str, start: int = 0) -> list[Span] | None:
    """Return where a value stands in a text, by the text with a mark in its place.

    Returns:
        The places; None if the texts differ in another way.
    """
    if base[start:] == other:
        return []
    here = base[start:]
    for at in range(len(here)):
        if here.startswith(value, at) and other.startswith(mark, at):
            rest = _spans(base, other[at + len(mark) :], value, mark, start + at + len(value))
            if rest is not None:
                return [(start + at, start + at + len(value)), *rest]
        if other[at : at + 1] != here[at]:
            break
    return None


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
        if after and not after.startswith("/"):  # another place, whose name begins like this one
            made.append(piece)
            continue
        made += [each for each in (before, expression, after) if each]
    return made
