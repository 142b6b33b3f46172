"""The rows of a part, read back in whatever format it is."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from tokenize import TokenError
from typing import Any

import pyarrow as pa

from headrace.runtime.output.seal import files_of_part
from headrace.runtime.output.writers import writer_of
from headrace.runtime.output.writers.reading import Known
from headrace.runtime.plugins.formats import WRITERS
from headrace.runtime.spec import OutputSpec

_DAMAGES = (
    *(LookupError, OSError, EOFError, RuntimeError),
    *(TokenError, zlib.error, zipfile.BadZipFile, pa.ArrowException),
)
"""The errors of readers for a damaged file, beside `ValueError`."""

Read = Callable[[str], bytes]
"""Returns the content of a file of a result."""


def is_readable(manifest: Mapping[str, Any]) -> bool:
    """Return whether rows can be read back from the format of a result."""
    try:
        return hasattr(_writer(manifest), "read")
    except ValueError:  # of a package that is not installed here
        return False


def readable_formats() -> list[str]:
    """Return the names of the formats whose rows can be read back."""
    return [name for name in WRITERS.shipped if hasattr(WRITERS.load(name), "read")]


def is_exact(manifest: Mapping[str, Any]) -> bool:
    """Return whether parts hold all that the job wrote, to the last bit."""
    exact: bool = is_readable(manifest) and _writer(manifest).is_exact(Known.of(manifest))
    return exact


def rows_of(manifest: Mapping[str, Any], part: Mapping[str, Any], read: Read) -> pa.RecordBatch:
    """Read a part.

    Args:
        manifest: Of the result.
        part: As the manifest lists it.
        read: Returns a file.

    Returns:
        The columns with their roles: ``indices``, ``values``, ``label`` and ``id`` of hashed rows,
        others under their own names.

    Raises:
        ValueError: It is no such part, or its format cannot be read.
    """
    writer = _writer(manifest)
    if not hasattr(writer, "read"):
        raise ValueError(f"only {', '.join(readable_formats())} can be read")
    files = {_end_of(file["file"]): read(file["file"]) for file in files_of_part(part)}
    try:
        rows: pa.RecordBatch = writer.read(files, Known.of(manifest))
    except _DAMAGES as error:
        raise ValueError(str(error)) from error
    return rows


def _writer(manifest: Mapping[str, Any]) -> Any:
    return writer_of(OutputSpec.of(manifest["config"]["output"]))


def _end_of(file: str) -> str:
    """Return what follows the number in the name of a part's file."""
    name = PurePosixPath(file).name
    return name[name.index(".") :]
