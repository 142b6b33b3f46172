"""The entry script: one file with the runtime half, the plugins and the parameters.

On Spark it is two: the driver's script, and the archive that all of Spark's processes import from.

A zip that Python runs (https://docs.python.org/3/library/zipapp.html), stored uncompressed so that
an editor shows it, with the mapping and the chain in a comment at its top. The same configuration
gives the same bytes on every machine, wherever its inputs lie and its result goes.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from headrace import runtime
from headrace.config.registry import Plugin, check_travels_alone
from headrace.job.kernels import built
from headrace.job.mapping import ProcessingInput, ProcessingOutput
from headrace.runtime.kernels.library import OFF
from headrace.runtime.plugins.formats import AUTO, READERS, WRITERS
from headrace.runtime.plugins.registry import Registry
from headrace.runtime.spec import JOB_FILE, JobSpec, StepSpec

SHEBANG = b"#!/usr/bin/env python3\n"
EPOCH = (1980, 1, 1, 0, 0, 0)
UNIX = 3
READABLE_FILE = 0o100644 << 16
MAIN = f"""\
import sys

if __name__ == "__main__":
    from headrace.runtime.process.main import main

    sys.exit(main(__loader__.get_data("{JOB_FILE}").decode()))
"""
DRIVER = f"""\
import sys

import headrace
from headrace.runtime.spark.main import main

sys.exit(main(headrace.__loader__.get_data("{JOB_FILE}").decode()))
"""


Formats = tuple[tuple[str, Plugin], ...]
Files = dict[str, str | bytes]
"""Path below a folder of Python's path → text, or the content of a compiled kernel."""


@dataclass(frozen=True)
class ChainCode:
    """The program that runs in the container."""

    spec: JobSpec
    inputs: tuple[ProcessingInput, ...]
    outputs: tuple[ProcessingOutput, ...]
    """For the reader of the script; the job itself obeys the request."""
    plugins: tuple[Plugin, ...]
    """Those that the chain uses, each once."""


def entry_script(program: ChainCode) -> bytes:
    """Return the content of ``entry.pyz``.

    Raises:
        PluginError: A plugin needs more than its own file.
    """
    files = {"__main__.py": _overview(program) + MAIN, **_contents(program)}
    return _zipped(files, SHEBANG)


def driver_script(program: ChainCode) -> bytes:
    """Return the script of Spark's driver, which imports from the zip of `py_files`."""
    return (_overview(program) + DRIVER).encode("utf-8", "backslashreplace")


def py_files(program: ChainCode) -> bytes:
    """Return a zip that Spark's processes import from.

    Raises:
        PluginError: A plugin needs more than its own file.
    """
    return _zipped(_contents(program))


def _contents(program: ChainCode) -> Files:
    spec, formats = program.spec, formats_of(program.spec)
    kernels = compiled_kernels() if spec.runtime.kernels != OFF else {}
    code = sorted({**code_files(program.plugins, formats), **kernels, **_constraints()}.items())
    return {JOB_FILE: program.spec.to_json(), **dict(code)}


def code_files(plugins: tuple[Plugin, ...], formats: Formats = ()) -> dict[str, str]:
    """Return the runtime half and the plugins: path below a folder of Python's path → text.

    Args:
        plugins: Transforms.
        formats: Readers and writers, each after the package that it travels in.

    Raises:
        PluginError: A plugin needs more than its own file.
    """
    return {**_runtime(), **_plugins(plugins), **_formats(formats)}


def compiled_kernels() -> Files:
    """Return the kernels for each kind of machine for which they can be built here."""
    return {f"headrace/runtime/kernels/{name}": content for name, content in built().items()}


def formats_of(spec: JobSpec) -> Formats:
    """Return the formats of a job that do not ship with the runtime half."""
    used = ((READERS, spec.dataset.format), (WRITERS, spec.output.format))
    return tuple(
        (registry.travels_in, _format(registry, name))
        for registry, name in used
        if name not in (AUTO, *registry.shipped)
    )


def installed_formats() -> Formats:
    """Return the formats that installed packages bring."""
    return tuple(
        (registry.travels_in, _format(registry, name))
        for registry in (READERS, WRITERS)
        for name in registry.installed()
    )


def _format(registry: Registry, name: str) -> Plugin:
    point = registry.installed()[name]
    package = point.dist.name if point.dist else "?"
    return Plugin(name, point.module, f"{point.module} of the package {package}")


def _overview(program: ChainCode) -> str:
    lines = ["", "A processing job, compiled by headrace. What it reads and writes:", ""]
    lines += (f"  {row}" for row in _mapping_rows(program))
    lines += ["", "What it does to every row, in this order:", ""]
    for number, step in enumerate(program.spec.steps, 1):
        lines += (f"  {row}" for row in _step_rows(number, step))
    lines += ["", f"The full parameters are in {JOB_FILE}, beside this file in the zip."]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines) + "\n"


def _mapping_rows(code: ChainCode) -> Iterator[str]:
    """Yield names and folders of the container; URIs would make the same code differ."""
    rows = [(entry.name, "reads", entry.container_path) for entry in code.inputs]
    rows += [(entry.name, "writes", entry.container_path) for entry in code.outputs]
    wide = max(len(name) for name, _, _ in rows)
    for name, verb, path in rows:
        yield f"{name:<{wide}}  {verb:<6}  {_one_line(path)}"


def _step_rows(number: int, step: StepSpec) -> Iterator[str]:
    label = "" if step.label == step.name else f" ({_one_line(step.label)})"
    yield f"{number}. {step.name}{label}"
    for key, value in step.parameters.items():
        yield f"     {key}: {json.dumps(value, ensure_ascii=False)}"


def _one_line(text: str) -> str:
    """Return the text with control characters escaped, so that a comment stays one line."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


@cache
def _runtime() -> dict[str, str]:
    folder = Path(runtime.__file__).parent
    files = sorted(folder.rglob("*.py"))
    names = {f"headrace/runtime/{file.relative_to(folder).as_posix()}": file for file in files}
    names["headrace/__init__.py"] = folder.parent / "__init__.py"
    return {name: _text(file) for name, file in names.items()}


def _plugins(plugins: tuple[Plugin, ...]) -> dict[str, str]:
    for plugin in plugins:
        check_travels_alone(plugin)
    files = {f"transforms/{plugin.name}.py": plugin.source for plugin in plugins}
    return {"transforms/__init__.py": "", **files}


def _formats(formats: Formats) -> dict[str, str]:
    files: dict[str, str] = {}
    for package, plugin in formats:
        check_travels_alone(plugin, package.removesuffix("s"))
        files |= {f"{package}/__init__.py": "", f"{package}/{plugin.name}.py": plugin.source}
    return files


@cache
def _constraints() -> dict[str, str]:
    """Return ``annotated_types``, which declares the plugins' parameters, and its licence."""
    package = distribution("annotated-types")
    licence = next(file for file in package.files or () if file.name == "LICENSE")
    module = Path(str(package.locate_file("annotated_types/__init__.py")))
    return {
        "annotated_types/__init__.py": _text(module),
        "annotated_types/LICENSE": _text(Path(str(licence.locate()))),
    }


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _zipped(files: Files, start: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    buffer.write(start)  # before the zip is opened, which then counts its offsets from here
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = UNIX
            info.external_attr = READABLE_FILE
            if isinstance(content, str):
                content = content.encode("utf-8", "backslashreplace")
            archive.writestr(info, content)
    return buffer.getvalue()
