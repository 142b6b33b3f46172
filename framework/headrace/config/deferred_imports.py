"""Loads a plugin's file so that imports at its top cost nothing until a function needs them.

A plugin imports NumPy and pyarrow at the top of its file, as all Python does. The client checks
parameters with the plugin's class and calls hardly any method, so that these imports would be a
fifth of its start for nothing. Here, and only here, such an import is compiled into the functions
that use its names, as if the author had written it there; in the container the file runs as it is.

An import stays at the top if that is free, or if anything needs it there: its module is imported
already; code that runs during the import uses its names (a base class, a decorator, a default, the
body or the fields of a class); its names are bound elsewhere as well; or nothing uses them. So
does the import of a package that is not installed, which fails and blames the plugin.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from types import CodeType, ModuleType

Import = ast.Import | ast.ImportFrom
Function = ast.FunctionDef | ast.AsyncFunctionDef

_BINDERS: dict[type[ast.AST], str] = {
    ast.arg: "arg",
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
    ast.ExceptHandler: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
    ast.MatchMapping: "rest",
}
"""Kinds of nodes that bind a name, and the attribute that holds it."""


class DeferringLoader(SourceFileLoader):
    """Loads a plugin's file with its imports deferred."""

    deferred: Sequence[Import] = ()

    def get_code(self, fullname: str) -> CodeType:
        """Return the compiled file; never from ``__pycache__``, which holds the file as it is."""
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path), path)
        self.deferred = _defer(tree)
        made: CodeType = compile(tree, path, "exec", dont_inherit=True)
        return made


def check_deferred(module: ModuleType) -> None:
    """Make the imports that were deferred when `module` was loaded.

    Raises:
        ImportError: A module or a name is not there. A module may raise anything else as well.
    """
    loader = module.__loader__
    for statement in loader.deferred if isinstance(loader, DeferringLoader) else ():
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                importlib.import_module(alias.name)
        else:
            _check_from(statement.module or "", [alias.name for alias in statement.names])


def _check_from(name: str, members: list[str]) -> None:
    importlib.import_module(name)
    found = importlib.__import__(name, fromlist=members)  # imports those that are modules
    for member in members:
        if not hasattr(found, member):
            raise ImportError(f"cannot import name {member!r} from {name!r}")


def _defer(tree: ast.Module) -> list[Import]:
    """Move imports from the top of `tree` into the functions that use them; return which."""
    early, functions, annotations = _parts(tree)
    late = [(function, set(_read_by(function))) for function in functions]
    used = set(_read(annotations)).union(*(names for _, names in late))
    movable = used.difference(_read(early), _bound_twice(tree))
    deferred = [
        statement
        for statement in tree.body
        if isinstance(statement, Import) and movable.issuperset(_names(statement))
        if _is_costly(statement)
    ]
    tree.body = [statement for statement in tree.body if statement not in deferred]
    for function, names in late:
        own = [each for each in deferred if not names.isdisjoint(_names(each))]
        start = 0 if ast.get_docstring(function, clean=False) is None else 1
        function.body[start:start] = own
    return deferred


def _parts(tree: ast.Module) -> tuple[list[ast.AST], list[Function], list[ast.AST]]:
    """Divide a file into what its import runs, its functions, which run later, and annotations.

    The annotations are those of functions without decorators. They are dropped: nobody reads them,
    and they would be evaluated in a file without ``from __future__ import annotations``.
    """
    early: list[ast.AST] = []
    functions: list[Function] = []
    annotations: list[ast.AST] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function):
            functions.append(node)
            if not node.decorator_list:
                annotations += _dropped_annotations(node)
            waiting += [node.args, *node.decorator_list, *([node.returns] if node.returns else [])]
        else:
            early.append(node)
            waiting += ast.iter_child_nodes(node)
    return early, functions, annotations


def _dropped_annotations(function: Function) -> Iterator[ast.AST]:
    if function.returns is not None:
        yield from ast.walk(function.returns)
        function.returns = None
    for node in ast.walk(function.args):
        if isinstance(node, ast.arg) and node.annotation is not None:
            yield from ast.walk(node.annotation)
            node.annotation = None


def _read_by(function: Function) -> Iterator[str]:
    for statement in function.body:
        yield from _read(ast.walk(statement))


def _read(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names that are read among the nodes, each of which counts by itself."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.AnnAssign):  # which may be written as text
            yield from re.findall(r"\w+", ast.unparse(node.annotation))


def _bound_twice(tree: ast.Module) -> Iterator[str]:
    """Yield the names that something else than an import at the top binds."""
    at_the_top = {id(statement) for statement in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, Import) and id(node) not in at_the_top:
            yield from _names(node)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Global | ast.Nonlocal):
            yield from node.names
        elif (attribute := _BINDERS.get(type(node))) is not None:
            yield getattr(node, attribute) or ""


def _names(statement: Import) -> list[str]:
    """Return the names that an import binds; ``*``, which no code reads, for all of a module."""
    return [alias.asname or alias.name.partition(".")[0] for alias in statement.names]


def _is_costly(statement: Import) -> bool:
    """Return whether an import would load something, and may be left for later."""
    if isinstance(statement, ast.Import):
        modules = [alias.name for alias in statement.names]
    else:
        modules = [statement.module or ""]
        if statement.level:
            return False
    loaded = all(module in sys.modules for module in modules)
    return not loaded and all(find_spec(module.partition(".")[0]) for module in modules)
