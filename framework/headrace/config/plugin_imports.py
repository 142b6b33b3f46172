"""Check that a plugin can travel: one file of it goes into the container."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from headrace.config.registry import Plugin
from headrace.errors import PluginError

RUNTIME = "headrace.runtime"


def check_travels_alone(plugin: Plugin, kind: str = "transform") -> None:
    """Refuse imports of modules that do not travel: the plugin's own package, the client half.

    Imports under ``if TYPE_CHECKING:`` do not count, nothing runs them.

    Raises:
        PluginError: It has such an import; names the first one.
    """
    for line, name in _imports(ast.parse(plugin.source)):
        if reason := _why_not(name, plugin.module, kind):
            raise PluginError(
                f"{kind} {plugin.name!r} ({plugin.origin}), line {line}: imports {name!r}, {reason}"
            )


def _why_not(name: str, module: str, kind: str) -> str | None:
    package = module.split(".")[0]
    if name.startswith(".") or name.split(".")[0] == package:
        return f"a part of its own package; a {kind} travels as one file, which must hold it all"
    if name.split(".")[0] == "headrace" and not f"{name}.".startswith(f"{RUNTIME}."):
        return f"which stays on this machine; allowed: {RUNTIME}"
    return None


def _imports(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every import that may run, relative ones with their dots."""
    if isinstance(node, ast.If) and _is_type_checking(node.test):
        children: list[ast.AST] = [*node.orelse]
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        if isinstance(child, ast.Import):
            yield from ((child.lineno, alias.name) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from ((child.lineno, name) for name in _imported_from(child))
        else:
            yield from _imports(child)


def _imported_from(node: ast.ImportFrom) -> list[str]:
    base = "." * node.level + (node.module or "")
    if base != "headrace":
        return [base]
    return [f"{base}.{alias.name}" for alias in node.names]


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
