"""What no target that works on this machine can do, found before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headrace.errors import ConfigError, Problem
from headrace.targets.local import mirror
from headrace.uris import S3, path_of, uri_of, within


def check(request: dict[str, Any], output: str) -> None:
    """Refuse a request that this machine cannot execute.

    Raises:
        ConfigError: With everything that stands in the way.
    """
    problems = [
        *_uri_problems("output.path", output if "://" in output else uri_of(output)),
        *_input_problems(request),
        *_output_problems(request, uri_of(output)),
    ]
    if problems:
        raise ConfigError(problems)


def _input_problems(request: dict[str, Any]) -> Iterator[Problem]:
    for each in request.get("ProcessingInputs", ()):
        where = f"input {each['InputName']!r}"
        if "S3Input" not in each:
            yield Problem(where, "this machine reads S3Input only")
            continue
        source = each["S3Input"]
        yield from _uri_problems(where, source["S3Uri"])
        if source.get("S3InputMode", "File") != "File":
            yield Problem(where, "this machine knows S3InputMode 'File' only (got 'Pipe')")
        if source.get("S3CompressionType", "None") != "None":
            yield Problem(where, "this machine knows S3CompressionType 'None' only (got 'Gzip')")


def _output_problems(request: dict[str, Any], output: str) -> Iterator[Problem]:
    for each in request.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        where = f"output {each['OutputName']!r}"
        if "S3Output" not in each:
            yield Problem(where, "this machine writes S3Output only")
            continue
        uri = each["S3Output"]["S3Uri"]
        yield from _uri_problems(where, uri)
        is_comparable = output.startswith(S3) or (path_of(uri) and path_of(output))
        if is_comparable and not within(uri, output):
            yield Problem(where, f"should be below output.path, {output!r} (got {uri!r})")
        elif uri.startswith(S3) and not output.startswith(S3):
            yield Problem(where, f"should be on this machine, as output.path is (got {uri!r})")


def _uri_problems(where: str, uri: str) -> Iterator[Problem]:
    path = path_of(uri)
    if uri.startswith(S3):
        place = uri.removeprefix(S3).rstrip("/")
        if problem := mirror.problem_of(S3 + place) if place else f"{uri!r} names no bucket":
            yield Problem(where, problem)
    elif path is None or not path.is_absolute():
        yield Problem(where, f"should be s3://… or an absolute local path (got {uri!r})")
