"""What the local target cannot do, found before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from framework.errors import ConfigError, Problem
from framework.uris import path_of, uri_of


def check(request: dict[str, Any], output: str) -> None:
    """Refuse a request that this machine cannot execute.

    Raises:
        ConfigError: With everything that stands in the way.
    """
    problems = [
        *_uri_problems("output.path", uri_of(output), "writes"),
        *_input_problems(request),
        *_output_problems(request),
    ]
    if problems:
        raise ConfigError(problems)


def local_path(uri: str) -> Path:
    """The path that a ``file://`` URI or a plain path names, once `check` has let it pass."""
    path = path_of(uri_of(uri))
    if path is None:
        raise ValueError(f"{uri!r} is not on this machine")
    return path


def _input_problems(request: dict[str, Any]) -> Iterator[Problem]:
    for each in request.get("ProcessingInputs", ()):
        where = f"input {each['InputName']!r}"
        if "S3Input" not in each:
            yield Problem(where, "target=local reads S3Input only")
            continue
        source = each["S3Input"]
        yield from _uri_problems(where, source["S3Uri"], "reads")
        if source.get("S3InputMode", "File") != "File":
            yield Problem(where, "target=local knows S3InputMode 'File' only (got 'Pipe')")
        if source.get("S3CompressionType", "None") != "None":
            yield Problem(where, "target=local knows S3CompressionType 'None' only (got 'Gzip')")


def _output_problems(request: dict[str, Any]) -> Iterator[Problem]:
    for each in request.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        where = f"output {each['OutputName']!r}"
        if "S3Output" in each:
            yield from _uri_problems(where, each["S3Output"]["S3Uri"], "writes")
        else:
            yield Problem(where, "target=local writes S3Output only")


def _uri_problems(where: str, uri: str, verb: str) -> Iterator[Problem]:
    path = path_of(uri)
    if path is None or not path.is_absolute():
        what = f"target=local {verb} local paths in this version (got {uri!r})"
        yield Problem(where, what)
