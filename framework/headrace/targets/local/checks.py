"""The checks of all targets on this machine: they refuse a job before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from headrace.aws.request import RequestView
from headrace.errors import ConfigError, Problem
from headrace.results.destination import WHERE, OccupiedError, obstacle, replaceable, unwritable
from headrace.results.layout import MANIFEST, REQUEST
from headrace.targets.local import spark_submit as spark
from headrace.targets.local.inputs import path_problem
from headrace.uris import S3, path_of, uri_of, within

if TYPE_CHECKING:
    from headrace.config.models import JobConfig, OutputConfig
    from headrace.job.job import Job

PART = "part-00000"
"""A name like those of the files that a job will write, which are not known yet."""


def check_here(job: Job, config: JobConfig) -> None:
    """Refuse a job that no target on this machine can execute.

    Raises:
        ConfigError: With everything that stands in the way.
        JobFailed: Spark is asked for, and a program that it needs is not here.
    """
    _check_request(job.view, config.output.path)
    spark.check(job.view)
    _refuse_unwritable(job, config.output)


def refuse_occupied(job: Job, output: OutputConfig) -> None:
    """Look at the folder that the result goes to, once nobody else can write there any more.

    Raises:
        ConfigError: Something that must stay is in the way.
    """
    folder = path_of(uri_of(output.path))
    if folder is None:
        return
    try:
        # an earlier check has decided whether Hydra's own records may be there
        old = replaceable(folder, overwrite=output.overwrite, is_run_folder=True)
    except OccupiedError as error:
        raise ConfigError([Problem(WHERE, str(error))]) from error
    base = uri_of(output.path)
    folders = (each.uri.removeprefix(base).strip("/") for each in job.view.outputs)
    files = [*job.files, REQUEST, MANIFEST, *(f"{each}/{PART}" for each in folders if each)]
    if problem := obstacle(folder, files, old):
        raise ConfigError([Problem(WHERE, problem)])


def _refuse_unwritable(job: Job, output: OutputConfig) -> None:
    folder = path_of(uri_of(output.path))
    if folder is None:
        from headrace.results import output_prefix  # importing boto3 is slow

        problems = output_prefix.check(output, [*job.files, REQUEST, MANIFEST])
    else:
        problems = unwritable(folder)
    if problems:
        raise ConfigError(problems)


def _check_request(request: RequestView, output: str) -> None:
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
        if problem := path_problem(S3 + place) if place else f"{uri!r} names no bucket":
            yield Problem(where, problem)
    elif path is None or not path.is_absolute():
        yield Problem(where, f"should be s3://… or an absolute local path (got {uri!r})")
