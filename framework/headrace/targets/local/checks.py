"""What no target that works on this machine can do, found before anything is written."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.errors import ConfigError, Problem
from headrace.job.request import RequestView
from headrace.targets.local import mirror
from headrace.uris import S3, path_of, uri_of, within


def check(request: RequestView, output: str) -> None:
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


def _input_problems(request: RequestView) -> Iterator[Problem]:
    for channel in request.inputs:
        where = f"input {channel.name!r}"
        if not channel.is_s3:
            yield Problem(where, "this machine reads S3Input only")
            continue
        yield from _uri_problems(where, channel.uri)
        if channel.mode != "File":
            yield Problem(where, "this machine knows S3InputMode 'File' only (got 'Pipe')")
        if channel.compression != "None":
            yield Problem(where, "this machine knows S3CompressionType 'None' only (got 'Gzip')")


def _output_problems(request: RequestView, output: str) -> Iterator[Problem]:
    for channel in request.outputs:
        where, uri = f"output {channel.name!r}", channel.uri
        if not channel.is_s3:
            yield Problem(where, "this machine writes S3Output only")
            continue
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
