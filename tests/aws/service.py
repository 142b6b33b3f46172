"""What SageMaker Processing does with a job, done anew by somebody who knows nothing of headrace.

The job is read back from the service; its inputs come from S3, its entrypoint runs, its outputs go
to S3, whoever wrote the request.
Source: https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import boto3

from tests import children

ML = "/opt/ml"
SPARK = "smspark-submit"
"""The entrypoint of the Spark image, for which the package's ``spark-submit`` stands in."""
SPARK_HOME = Path(str(getattr(find_spec("pyspark"), "origin", ""))).parent

Start: TypeAlias = Callable[[dict[str, Any], Path], None]

REAL_PATHS = 'mount -t tmpfs none /opt && mkdir /opt/ml && mount --bind "$0" /opt/ml && exec "$@"'
"""For a shell in a mount namespace of its own."""


def carry_out(
    name: str,
    python: Path,
    root: Path,
    hosts: int = 1,
    *,
    at_real_paths: bool = False,
    image_entrypoint: tuple[str, ...] = (),
) -> None:
    """Execute the job of that name, one instance after the other.

    Args:
        name: Of a job that the service knows.
        python: Stands in for the image: its ``python3``.
        root: An empty folder for the instances' ``/opt/ml``.
        hosts: Number of instances, which moto does not tell.
        at_real_paths: Mount each folder at ``/opt/ml``, for a program that is no chain.
        image_entrypoint: The image's own, for a job that leaves it to the image.
    """

    def start(job: dict[str, Any], ml: Path) -> None:
        _start(job, ml, python, at_real_paths, image_entrypoint)

    carry_out_by(start, name, root, hosts)


def carry_out_by(start: Start, name: str, root: Path, hosts: int = 1) -> None:
    """Execute the job of that name, as `carry_out` does, with a container of one's own.

    Args:
        start: Runs the job to its end, given it and the folder in the place of ``/opt/ml``.
        name: As for `carry_out`.
        root: As for `carry_out`.
        hosts: As for `carry_out`.
    """
    job = boto3.client("sagemaker").describe_processing_job(ProcessingJobName=name)
    names = [f"algo-{number + 1}" for number in range(hosts)]
    for number, host in enumerate(names):
        ml = root / host
        for each in job["ProcessingInputs"]:
            _download(each["S3Input"], ml, number, hosts)
        for each in job["ProcessingOutputConfig"]["Outputs"]:
            _inside(ml, each["S3Output"]["LocalPath"]).mkdir(parents=True)
        (ml / "config").mkdir()
        config = {"current_host": host, "hosts": names}
        (ml / "config/resourceconfig.json").write_text(json.dumps(config))
        (ml / "config/processingjobconfig.json").write_text(json.dumps(job, default=str))
        start(job, ml)
        for each in job["ProcessingOutputConfig"]["Outputs"]:
            _upload(each["S3Output"], ml)


def _download(source: dict[str, str], ml: Path, number: int, hosts: int) -> None:
    bucket, _, prefix = source["S3Uri"].removeprefix("s3://").partition("/")
    if source["S3DataType"] == "ManifestFile":
        content = boto3.client("s3").get_object(Bucket=bucket, Key=prefix)["Body"].read()
        first, *names = json.loads(content)
        bucket, _, prefix = first["prefix"].removeprefix("s3://").partition("/")
        keys = sorted(prefix + name for name in names)
    else:
        keys = sorted(_keys(bucket, prefix))
    if source["S3DataDistributionType"] == "ShardedByS3Key":
        keys = keys[number::hosts]
    start = prefix if prefix.endswith("/") else prefix.rpartition("/")[0] + "/"
    for key in keys:
        file = _inside(ml, source["LocalPath"]) / key.removeprefix(start)
        file.parent.mkdir(parents=True, exist_ok=True)
        boto3.client("s3").download_file(bucket, key, str(file))


def _keys(bucket: str, prefix: str) -> Iterator[str]:
    pages = boto3.client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix):
        yield from (each["Key"] for each in page.get("Contents", ()))


def _start(
    job: dict[str, Any],
    ml: Path,
    python: Path,
    at_real_paths: bool,
    image_entrypoint: tuple[str, ...],
) -> None:
    application = job["AppSpecification"]
    entrypoint = application.get("ContainerEntrypoint", image_entrypoint)
    words = [*entrypoint, *application.get("ContainerArguments", [])]
    is_spark = words[0] == SPARK
    assert is_spark or words[0] == "python3"
    program = [str(python)]
    environment = {"HEADRACE_ML_ROOT": str(ml), "PATH": os.defpath, **job.get("Environment", {})}
    if is_spark:
        program = [str(python.with_name("spark-submit")), "--master", "local[1]"]
        environment |= {"PYSPARK_PYTHON": str(python), "SPARK_HOME": str(SPARK_HOME)}
    command = [str(python), "-I", *(word.replace(ML, str(ml)) for word in words[1:])]
    if at_real_paths:
        command = ["unshare", "-rm", "sh", "-c", REAL_PATHS, str(ml), *program, *words[1:]]
    done = children.run(
        command,
        cwd=ml,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert is_spark or done.stderr == ""


def _upload(place: dict[str, str], ml: Path) -> None:
    bucket, _, prefix = place["S3Uri"].removeprefix("s3://").partition("/")
    folder = _inside(ml, place["LocalPath"])
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        key = f"{prefix.rstrip('/')}/{file.relative_to(folder).as_posix()}"
        boto3.client("s3").upload_file(str(file), bucket, key)


def _inside(ml: Path, path: str) -> Path:
    return ml / Path(path).relative_to(ML)
