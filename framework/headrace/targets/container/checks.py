"""The checks for ``target=container``: jobs that the SDK's local mode cannot run are refused."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

from headrace.aws.request import RequestView
from headrace.config.job_settings import ResourcesConfig
from headrace.config.models import JobConfig
from headrace.errors import ConfigError, JobFailed, Problem
from headrace.targets.local import spark_submit as spark

LOCAL_MODE = "the SageMaker SDK's local mode"


def check(request: RequestView, config: JobConfig) -> None:
    """Refuse a request that local mode would refuse, or would run as if it said something else.

    Args:
        request: What to run.
        config: The configuration that it comes from.

    Raises:
        ConfigError: With everything that stands in the way.
    """
    problems = [
        *_spark_problems(request),
        *_resource_problems(request, config),
        *_input_problems(request),
        *_output_problems(request),
    ]
    if problems:
        raise ConfigError(problems)


def check_programs() -> None:
    """Check that the programs that local mode calls are installed.

    Raises:
        JobFailed: One of them is not.
    """
    if shutil.which("docker") is None:
        raise JobFailed(f"{LOCAL_MODE} calls the program 'docker', which is not on the PATH")
    if shutil.which("docker-compose") is None and not _has_plugin():
        raise JobFailed(f"{LOCAL_MODE} needs Docker Compose; install 'docker compose'")


def _has_plugin() -> bool:
    command = ["docker", "compose", "version"]
    return not subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603


def _spark_problems(request: RequestView) -> Iterator[Problem]:
    if spark.is_asked_for(request):
        what = f"{LOCAL_MODE} starts no cluster for Spark's image"
        yield Problem("backend", f"{what}; use target=local or target=aws")


def _resource_problems(request: RequestView, config: JobConfig) -> Iterator[Problem]:
    count = request.instance_count
    if count > 1:
        what = f"{LOCAL_MODE} runs one container and deals out no shards (got {count})"
        yield Problem("resources.instance_count", f"{what}; use target=local")
    for unit in ("minutes", "seconds"):
        key = f"max_runtime_{unit}"
        given = getattr(config.resources, key)
        if given not in (None, ResourcesConfig.model_fields[key].default):
            what = f"{LOCAL_MODE} has no stopping condition (got {given} {unit})"
            yield Problem(f"resources.{key}", f"{what}; use target=local")


def _input_problems(request: RequestView) -> Iterator[Problem]:
    for channel in request.inputs:
        where = f"input {channel.name!r}"
        if not channel.is_s3:
            yield Problem(where, f"{LOCAL_MODE} reads S3Input only; use target=aws")
            continue
        yield from _unlike(where, "S3InputMode", channel.mode, "File")
        yield from _unlike(where, "S3CompressionType", channel.compression, "None")


def _output_problems(request: RequestView) -> Iterator[Problem]:
    for channel in request.outputs:
        where = f"output {channel.name!r}"
        if not channel.is_s3:
            yield Problem(where, f"{LOCAL_MODE} writes S3Output only; use target=aws")
            continue
        yield from _unlike(where, "S3UploadMode", channel.upload_mode, "EndOfJob")


def _unlike(where: str, key: str, got: str, known: str) -> Iterator[Problem]:
    if got != known:
        what = f"{LOCAL_MODE} knows {key} {known!r} only (got {got!r})"
        yield Problem(where, f"{what}; use target=aws")
