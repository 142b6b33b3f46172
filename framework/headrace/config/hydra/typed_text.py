"""Keep texts that look like another type as they were typed: ``1.10``, ``1e5``, ``true``.

Hydra reads a number wherever it can, so that a column called ``1.10`` would become ``1.1``. Where a
key of ours holds text, such a value is put between quotes before Hydra sees it.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from antlr4 import CommonTokenStream, InputStream
from hydra.core.override_parser.overrides_parser import create_functions
from hydra.core.override_parser.overrides_visitor import HydraErrorListener, HydraOverrideVisitor
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.errors import HydraException
from hydra.grammar.gen.OverrideLexer import OverrideLexer
from hydra.grammar.gen.OverrideParser import OverrideParser
from omegaconf import Container, DictConfig, OmegaConf

from headrace.config.models import GROUPS, JobConfig
from headrace.config.problems import models_of
from headrace.errors import PluginError

STEPS = ("transform", "steps")
ARGUMENTS = ("program", "arguments")
FLAGS = ("true", "false")
"""The kinds of arguments that are no text."""
MARKS = tuple(("dataset", key) for key in ("delimiter", "quote", "escape", "comment"))
"""Their value may be one character that means something in Hydra's grammar."""
NULL = "null"
_ESCAPE = "\\"
_NOT_TEXT = re.compile(
    r"(?<![\w.])(?:true|false|null|nan|[+-]?inf|[+-]?[0-9_]*\.?[0-9_]+(e[+-]?[0-9_]+)?|"
    r"[+-]?[0-9][0-9_]*\.)(?![\w.])",
    re.IGNORECASE,
)
"""Texts that Hydra may read as something else; being too careful costs a look, no more."""
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]*")
"""As a number it has the same text."""


def kept(overrides: Sequence[str]) -> list[str]:
    """Return the overrides, with quotes around texts that Hydra would not read as they are.

    A value that is ``null`` altogether stays null. What is not in Hydra's grammar stays as it is.

    Args:
        overrides: In Hydra's grammar, as typed.
    """
    return [_kept(each, overrides) for each in overrides]


def _kept(override: str, others: Sequence[str]) -> str:
    key, _, value = override.partition("=")
    address = tuple(key.strip().lstrip("+").split("."))
    if address in MARKS and len(value) == 1 and not value.isalnum():
        quote = '"' if value == "'" else "'"
        return f"{key}={quote}{value}{value if value == _ESCAPE else ''}{quote}"
    if not _NOT_TEXT.search(value) or not ("{" in value or _holds_text(address, others)):
        return override
    try:
        value_read = _parsed(override)._value
    except (HydraException, RecursionError, ValueError):
        return override  # Hydra tells why
    for typed in sorted(_texts_in(value_read, address, others), key=lambda each: -each.start):
        end = typed.start + len(typed.text)
        override = f'{override[: typed.start]}"{typed.text}"{override[end:]}'
    return override


def keep_in(config: Container, file: Path, package: str) -> None:
    """Give texts in a configuration that YAML reads as something else the form that they were in.

    Args:
        config: What stands in the file, at its place in the whole configuration.
        file: The YAML file.
        package: The place.
    """
    root = tuple(package.split(".")) if package else ()
    leaves = [leaf for leaf in _leaves(config, ()) if _holds_text(leaf[0], ())]
    tree = yaml.compose(file.read_text("utf-8"), yaml.SafeLoader) if leaves else None
    for address, node, key in leaves:
        text = _text_at(tree, address[len(root) :])
        if text is not None:
            node[key] = text


def _leaves(node: Any, address: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Find numbers and truth values: the address of each, its node and its key there."""
    for key in list(node) if isinstance(node, DictConfig) else range(len(node)):
        child = node._get_node(key)
        where = (*address, str(key))
        if OmegaConf.is_config(child):
            if not (child._is_none() or child._is_missing() or child._is_interpolation()):
                yield from _leaves(child, where)
        elif where[:2] == ARGUMENTS and isinstance(child._value(), bool):
            continue
        elif isinstance(child._value(), bool | int | float):
            yield where, node, key


def _text_at(tree: Any, address: Sequence[str]) -> str | None:
    for key in address:
        if isinstance(tree, yaml.MappingNode):
            tree = {name.value: value for name, value in tree.value}.get(key)
        elif isinstance(tree, yaml.SequenceNode):
            tree = dict(enumerate(tree.value)).get(int(key))
        else:
            return None
    return str(tree.value) if isinstance(tree, yaml.ScalarNode) else None


@dataclass(frozen=True)
class _Typed:
    """A value that Hydra takes for no text, as it was typed."""

    text: str
    start: int
    """Its place in the override."""


class _AsTyped(HydraOverrideVisitor):
    """Hydra's own, which remembers the text of numbers, truth values and nulls."""

    def _createPrimitive(self, ctx: Any) -> Any:  # noqa: N802
        value = super()._createPrimitive(ctx)
        if value is None or isinstance(value, bool | int | float):
            [token] = [each.symbol for each in ctx.getChildren() if not self.is_ws(each)]
            return _Typed(token.text, token.start)
        return value

    def visitDictKey(self, ctx: Any) -> Any:  # noqa: N802
        return super()._createPrimitive(ctx)

    def visitFunction(self, ctx: Any) -> Any:  # noqa: N802
        if ctx.ID().getText() != "choice":
            return None
        return ChoiceSweep(list=[self.visitElement(each) for each in ctx.element()])


def _parsed(override: str) -> Override:
    """Parse as `OverridesParser` does.

    Raises:
        HydraException: It is not in the grammar.
    """
    listener = HydraErrorListener()
    lexer = OverrideLexer(InputStream(override))
    lexer.removeErrorListeners()
    lexer.addErrorListener(listener)
    parser = OverrideParser(CommonTokenStream(lexer))
    parser.removeErrorListeners()
    parser.addErrorListener(listener)
    tree = parser.override()  # type: ignore[no-untyped-call]
    return typing.cast(Override, _AsTyped(create_functions()).visit(tree))


def _texts_in(
    value: Any, address: tuple[str, ...], others: Sequence[str], *, is_null_text: bool = False
) -> Iterator[_Typed]:
    """Find the values whose key needs a text."""
    if isinstance(value, _Typed):
        is_group = len(address) == 1
        is_same = (
            (value.text == NULL and not is_null_text)
            or _WHOLE_NUMBER.fullmatch(value.text)
            or (address[:2] == ARGUMENTS and value.text.lower() in FLAGS)
        )
        if (is_group or not is_same) and _holds_text(address, others):
            yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts_in(each, (*address, str(key)), others)
    else:
        in_list = value if isinstance(value, list) else []
        for each in value.list if isinstance(value, ChoiceSweep) else in_list:
            yield from _texts_in(each, address, others, is_null_text=bool(in_list))


def _holds_text(address: tuple[str, ...], others: Sequence[str]) -> bool:
    if address[:2] == STEPS:
        return len(address) > 3 and _parameter_holds_text(address[2:], others)
    if len(address) == 1 and address[0] in GROUPS:
        return True
    kind: Any = JobConfig
    for key in address:
        kinds = [each for each in models_of(kind) if key in each.model_fields]
        if not kinds and typing.get_origin(kind) is dict and models_of(typing.get_args(kind)[1]):
            kind = typing.get_args(kind)[1]
            continue
        if not kinds:  # the key of a mapping of texts, or the place in a list
            return kind is not JobConfig and not models_of(kind) and _is_text(kind)
        kind = kinds[0].model_fields[key].annotation
    return _is_text(kind)


def _parameter_holds_text(address: Sequence[str], others: Sequence[str]) -> bool:
    from headrace.config import (
        registry,  # imports a plugin, which the check of its step does anyway
    )

    label, parameter, *_ = address
    named = re.compile(rf"\+*{re.escape('.'.join((*STEPS, label)))}\.name=[\"']?(\w+)[\"']?")
    names = [found[1] for each in others if (found := named.fullmatch(each.strip()))]
    plugin = registry.plugins().get(names[-1] if names else label)
    try:
        hints = typing.get_type_hints(plugin.transform) if plugin else {}
    except (PluginError, NameError):
        return False  # told where the step is checked
    return _is_text(hints.get(parameter))


def _is_text(kind: Any) -> bool:
    """Return whether an annotation means text, or a list or a mapping of texts."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if _is_union(kind):
        return any(map(_is_text, inside))
    if origin is Annotated:
        return _is_text(inside[0])
    if origin in (tuple, list, dict):
        return _is_text(inside[-1] if origin is dict else inside[0])
    return kind is str


def _is_union(kind: Any) -> bool:
    return typing.get_origin(kind) in (typing.Union, types.UnionType)
