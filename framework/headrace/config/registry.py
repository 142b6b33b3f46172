"""The transforms that a configuration may name: finds, loads and checks them, and builds steps.

A plugin's name is its file's name in ``transforms/``. A ``transforms/`` in the current folder comes
first: a file there takes the place of a shipped one. A pip-installed package adds more through the
entry-point group ``headrace.transforms`` (name = module). Listing the plugins imports none of them.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from headrace.config.deferred_imports import DeferringLoader, check_deferred
from headrace.config.problems import keys_of, problems_of, suggest
from headrace.config.steps import ADDRESS, AFTER, BEFORE, arranged, parameters_of
from headrace.errors import PluginError, Problem
from headrace.runtime.plugins import roots
from headrace.runtime.plugins.transforms import GROUP, PACKAGE, class_in, names_from
from headrace.runtime.shown import quoted

RUNTIME = "headrace.runtime"
STRICT = ConfigDict(extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Plugin:
    """One transform that can be named in a configuration, not imported yet."""

    name: str
    module: str
    """The module that its file is where it comes from."""
    origin: str
    """Its location, as an error message says it."""
    path: Path | None = None
    """The file, for a plugin of one's own or a shipped one."""

    @cached_property
    def source(self) -> str:
        """Return the text of the plugin's file, which is what a job ships.

        Raises:
            PluginError: There is no such file.
        """
        with _blamed(self):
            return _file_of(self).read_text("utf-8")

    @cached_property
    def transform(self) -> type[Any]:
        """Return the frozen dataclass that the plugin's file defines.

        Raises:
            PluginError: It cannot be imported, or defines none or several, or one not frozen.
        """
        with _blamed(self):
            module = _load(f"{PACKAGE}.{self.name}", _file_of(self))
        found = class_in(module, self.called)
        if "name" in parameters_of(found):
            what = "a parameter cannot be called 'name', which says what transform a step is"
            raise PluginError(f"transform {self.called}: {what}; rename it")
        return found

    @property
    def called(self) -> str:
        """Return the name and the file, as an error message says them."""
        return f"{self.name!r} ({self.origin})"

    def check_imports(self) -> None:
        """Import all that the plugin imports, which checking its parameters does not need.

        Raises:
            PluginError: An import fails.
        """
        with _blamed(self):
            check_deferred(sys.modules[self.transform.__module__])


@dataclass(frozen=True)
class Step:
    """One step of a chain, checked: its label, its plugin, and the plugin's class built."""

    label: str
    plugin: Plugin
    transform: object
    parameters: dict[str, Any]
    """Every field of `transform` in plain data, defaults filled in."""

    @property
    def name(self) -> str:
        """Return the plugin's name."""
        return self.plugin.name


def plugins() -> dict[str, Plugin]:
    """Return every transform there is, by name, in alphabetical order.

    Raises:
        PluginError: Two have one name.
    """
    found: dict[str, Plugin] = {}
    for plugin in (*_files(), *_installed()):
        other = found.setdefault(plugin.name, plugin)
        if other is not plugin:
            raise PluginError(
                f"two transforms are called {plugin.name!r}: {other.origin} and {plugin.origin}; "
                "rename or remove one"
            )
    return dict(sorted(found.items()))


def _files() -> Iterable[Plugin]:
    """Return the plugins of all roots; of two files of one name, the one of the first root."""
    files: dict[str, Path] = {}
    for folder in roots.folders(PACKAGE):
        for path in folder.glob("[!_]*.py"):
            files.setdefault(path.stem, path)
    for name, path in files.items():
        yield Plugin(name, f"{PACKAGE}.{name}", f"{PACKAGE}/{path.name}", path)


def _installed() -> Iterable[Plugin]:
    for point in _entry_points(entry_points, tuple(map(_state, sys.path))):
        package = point.dist.name if point.dist else "?"
        yield Plugin(point.name, point.module, f"{point.module} of the package {package}")


@lru_cache(1)
def _entry_points(
    find: Callable[..., Iterable[EntryPoint]], _: tuple[tuple[int, ...], ...]
) -> tuple[EntryPoint, ...]:
    """Look through all installed packages; once, as long as Python's path is as it was."""
    return tuple(find(group=GROUP))


def _state(folder: str) -> tuple[int, ...]:
    """Return what changes when a package is installed into a folder of Python's path."""
    try:
        found = Path(folder).stat()
    except OSError:  # it is not there
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _file_of(plugin: Plugin) -> Path:
    if plugin.path is not None:
        return plugin.path
    spec = importlib.util.find_spec(plugin.module)  # imports the package, not the module
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {plugin.module!r}")
    return Path(spec.origin)


@contextmanager
def _blamed(plugin: Plugin) -> Iterator[None]:
    """Turn whatever a plugin's own code raises into an error that names the plugin."""
    try:
        yield
    except (Exception, SystemExit) as exc:
        reason = f"{type(exc).__name__}: {exc}"
        raise PluginError(f"transform {plugin.called} cannot be imported: {reason}") from exc


def _load(name: str, path: Path) -> ModuleType:
    """Import the file by itself, under the name that it has in the container.

    What works here then works there, and no other package called ``transforms`` gets in the way.
    """
    module = sys.modules.get(name)
    if module is not None and module.__file__ == str(path):
        return module
    loader = DeferringLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def check_steps(steps: Mapping[Any, Any]) -> tuple[tuple[Step, ...], list[Problem]]:
    """Build each step's transform.

    Args:
        steps: Label → parameters, as in the configuration. A null leaves the step out; what else
            is no mapping is left to the configuration's own model.

    Returns:
        The steps that are right, and what is wrong with the others.

    Raises:
        PluginError: A plugin that is named cannot be imported or is none.
    """
    known, built = plugins(), []
    ordered, problems = arranged(
        steps, lambda name: parameters_of(known[name].transform) if name in known else ()
    )
    if steps and not (ordered or problems):
        problems.append(Problem(ADDRESS, "all steps are left out; a chain needs one at least"))
    for label, raw in ordered.items():
        step, wrong = _check_one(label, raw, known)
        built.extend([step] if step else [])
        problems.extend(wrong)
    return tuple(built), problems


def lists_of(chain: Sequence[Step]) -> tuple[str, ...]:
    """Return the columns whose cells may be lists in the input, because a step takes them."""
    asked = [each.transform for each in chain if hasattr(each.transform, "list_columns")]
    return tuple(dict.fromkeys(name for each in asked for name in names_from(each, "list_columns")))


def adapter(transform: type) -> TypeAdapter[Any]:
    """Return the validator of a transform's parameters; the class itself is not changed.

    Raises:
        PluginError: A parameter has a type that cannot be checked.
    """
    judged = type(
        transform.__name__,
        (transform,),
        {
            "__doc__": transform.__doc__,
            "__module__": transform.__module__,
            "__pydantic_config__": STRICT,
        },
    )
    try:
        return TypeAdapter(judged)
    except (PydanticUserError, NameError) as exc:
        file = f"{transform.__module__.replace('.', '/')}.py"
        reason = str(exc).split(". ", maxsplit=1)[0].split("\n", maxsplit=1)[0]
        what = "a parameter has a type that a configuration cannot hold"
        raise PluginError(f"{file}: {transform.__name__}: {what}: {reason}") from exc


def _without_annotation(transform: type, key: str) -> bool:
    """Return whether a class gives a value to a name that has no annotation, hence is no field."""
    if key.startswith("_") or key in transform.__annotations__:
        return False
    return isinstance(vars(transform).get(key), bool | int | float | str | list | tuple | dict)


def _check_one(
    label: str, raw: dict[str, Any], known: Mapping[str, Plugin]
) -> tuple[Step | None, list[Problem]]:
    address = f"{ADDRESS}.{label}"
    given = raw.pop("name", None)
    named, name = given is not None, str(label if given is None else given)
    if name not in known:
        what = f"no transform is called {quoted(name)}; {suggest(name, known)}"
        return None, [Problem(f"{address}.name" if named else address, what)]
    plugin = known[name]
    transform = plugin.transform
    judge = adapter(transform)
    raw = {**_defaults(transform), **raw}
    try:
        checked = judge.validate_python(raw)
    except ValidationError:
        checked = None
    problems = problems_of(
        judge.validate_python,
        raw,
        lambda path: {*keys_of(transform, path), *(() if path else ("name", AFTER, BEFORE))},
    )
    if problems:
        problems = [_explained(transform, problem) for problem in problems]
        return None, [_below(address, problem) for problem in problems]
    values = {item.name: getattr(checked, item.name) for item in fields(checked) if item.init}
    parameters = judge.dump_python(checked, mode="json")
    return Step(label, plugin, transform(**values), parameters), []


def _defaults(transform: type) -> dict[str, Any]:
    """Return the defaults to check: all but None, which many classes give a text for no text."""
    defaults = {item.name: item.default for item in fields(transform) if item.init}
    return {key: each for key, each in defaults.items() if each is not None and each is not MISSING}


def _explained(transform: type, problem: Problem) -> Problem:
    """Say of a key that is unknown only because its annotation was forgotten how to write it."""
    key = problem.where
    if key in keys_of(transform) or not _without_annotation(transform, key):
        return problem
    what = f"{transform.__name__}.{key} has no annotation, so it is no parameter"
    example = f"{key}: {type(getattr(transform, key)).__name__} = …"
    return Problem(key, f"{what}; write {example}")


def _below(address: str, problem: Problem) -> Problem:
    return Problem(f"{address}.{problem.where}" if problem.where else address, problem.what)


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
