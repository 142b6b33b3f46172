"""The estimate of how long a job takes on SageMaker and what it costs: orders of magnitude.

In: a configuration and its data. Out: lines for the user. The bytes of the data are those of all
files; its rows are estimated from a sample of the first one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from headrace.aws.clients import AwsError, reason
from headrace.aws.reading import stand_in
from headrace.errors import ConfigError, DataError
from headrace.job.sources import objects_of
from headrace.runtime.sources.files import format_of, opened, total_bytes
from headrace.runtime.sources.readers import reader_of
from headrace.targets.sagemaker.prices import dollars, price_of, unknown
from headrace.terminal.tables import listed
from headrace.terminal.units import duration, size
from headrace.uris import S3

if TYPE_CHECKING:
    from headrace.config.dataset import DatasetConfig
    from headrace.config.job_settings import ResourcesConfig
    from headrace.config.models import JobConfig
    from headrace.job.inputs import DataInput

ROWS_PER_SECOND = 570_000
BYTES_PER_SECOND = 89_000_000
"""The speed of one core. On two cores, a million more rows of 23 categorical columns, 156 MB of
CSV, take 0.88 s. Source: docs/performance.md, 2026-11-22, AMD EPYC."""
VCPU = 0.5
"""The part of such a core that a vCPU is taken for: it shares its core, which may be old."""
MOST_VCPUS = 16
"""More of them are not expected to help; that has not been measured."""
TRANSFER_BYTES_PER_SECOND = 100_000_000
"""The rate between S3 and the disk of an instance. Assumed; ten times as much is possible."""
SERVICE_LIMIT_SECONDS = 86_400
"""When the service stops a job whose request sets no limit."""
WAITING_SECONDS = 180
"""The time until an instance is there, which is not billed. Assumed; in a public report of
2026-07-31, a Processing job took its user 110 s longer than the time on the bill."""
START_SECONDS = 60
"""The time until the image has been fetched and the container runs; billed. Assumed."""
WIDTH = 9

SAMPLE_BYTES = 1 << 20
MOST_TEXT = 16 << 20
"""Of a sample, decompressed: enough, even if it goes on for gigabytes."""
_READ_BYTES = 1 << 16

_XLARGE = re.compile(r".*\.(?P<times>\d*)xlarge")


@dataclass(frozen=True)
class DataSize:
    """The size of an input."""

    files: int
    bytes: int
    """On the disk or on S3."""
    text_bytes: int
    """After decompression; estimated."""
    rows: int
    """Estimated."""


@dataclass(frozen=True)
class _Density:
    """The content of a byte of the first file, on average."""

    text: float
    rows: float
    headers: int
    """Lines in each file that are no rows."""


@dataclass(frozen=True)
class Estimate:
    """The expected times and the price of a job."""

    waiting_seconds: float
    """Before the bill begins."""
    billed_seconds: float
    """For each instance."""
    usd: float | None
    """None if the price is not known."""


def estimate(data: DataSize, resources: ResourcesConfig, *, cluster: bool = False) -> Estimate:
    """Return the times and the price that are to be expected.

    Args:
        data: The data to be read.
        resources: The instances that read it.
        cluster: The instances work on all files together, so each of them gets all files.
    """
    # a file cannot be divided, but by a cluster
    workers = resources.instance_count if cluster else min(resources.instance_count, data.files)
    speed = VCPU * min(vcpus(resources.instance_type), MOST_VCPUS) * workers
    work = max(data.rows / ROWS_PER_SECOND, data.text_bytes / BYTES_PER_SECOND) / speed
    # the result is about as large as the text
    own = (data.bytes if cluster else data.bytes / workers) + data.text_bytes / workers
    transfer = own / TRANSFER_BYTES_PER_SECOND
    billed = START_SECONDS + transfer + work
    price = price_of(resources.instance_type, resources.usd_per_hour)
    usd = None if price is None else price.of(billed, resources.instance_count)
    return Estimate(WAITING_SECONDS, billed, usd)


def vcpus(instance_type: str) -> int:
    """Return the number of vCPUs, which is in the name: 4 for each ``xlarge``, 2 below that.

    Source: https://aws.amazon.com/ec2/instance-types/
    """
    match = _XLARGE.fullmatch(instance_type)
    return 2 if match is None else 4 * int(match["times"] or 1)


def estimate_lines(config: JobConfig, data: DataInput) -> list[str]:
    """Return the estimate in words, or the reason why there is none; it never raises for that.

    Args:
        config: The configuration of the job.
        data: The data that the job reads.
    """
    try:
        return _lines(measure(data, config.dataset), config)
    except AwsError as exc:
        why = reason(exc)
    except ConfigError as exc:
        why = "; ".join(problem.what for problem in exc.problems)
    except (DataError, OSError, pa.ArrowInvalid) as exc:
        why = " ".join(str(exc).split())
    return listed([("time", f"unknown: {why}"), ("cost", _hourly(config.resources))], WIDTH)


def limit_lines(resources: ResourcesConfig) -> list[str]:
    """Return what a program costs at most, of which nobody knows how long it takes."""
    waiting, limit = WAITING_SECONDS, resources.limit_seconds or SERVICE_LIMIT_SECONDS
    time = f"unknown: the program's own; stopped after {duration(limit)} of work"
    price = price_of(resources.instance_type, resources.usd_per_hour)
    cost = _hourly(resources)
    if price is not None:
        most = dollars(price.of(limit, resources.instance_count))
        cost = f"at most {most} USD: {_instances(resources)}; {price.note}"
    started = f"about {_minutes(waiting)} until it starts, which is not billed"
    return listed([("time", time), ("", started), ("cost", cost)], WIDTH)


def _lines(data: DataSize, config: JobConfig) -> list[str]:
    resources = config.resources
    expected = estimate(data, resources, cluster=config.backend.is_a_cluster)
    files = "1 file" if data.files == 1 else f"{data.files:,} files"
    return listed(
        [
            ("data", f"about {data.rows:,} rows, {size(data.bytes)} in {files}"),
            ("time", _time(expected, resources)),
            ("cost", _cost(expected, resources)),
        ],
        WIDTH,
    )


def _time(expected: Estimate, resources: ResourcesConfig) -> str:
    waiting, billed = expected.waiting_seconds, expected.billed_seconds
    parts = f"{_minutes(waiting)} until it starts, {_minutes(billed)} of work"
    if billed > (resources.limit_seconds or SERVICE_LIMIT_SECONDS):
        parts += f", which is more than {_limit(resources)} allows"
    return f"about {_minutes(waiting + billed)}: {parts}"


def _limit(resources: ResourcesConfig) -> str:
    for key in ("max_runtime_seconds", "max_runtime_minutes"):
        if (value := getattr(resources, key)) is not None:
            return f"resources.{key}={value}"
    return "SageMaker's own limit of a day"


def _cost(expected: Estimate, resources: ResourcesConfig) -> str:
    if expected.usd is None:
        return _hourly(resources)
    return f"about {dollars(expected.usd)} USD: {_instances(resources)}; {_note(resources)}"


def _hourly(resources: ResourcesConfig) -> str:
    return f"unknown: {_instances(resources)}; {_note(resources)}"


def _note(resources: ResourcesConfig) -> str:
    price = price_of(resources.instance_type, resources.usd_per_hour)
    return unknown(resources.instance_type) if price is None else price.note


def _instances(resources: ResourcesConfig) -> str:
    return f"{resources.instance_count} x {resources.instance_type}"


def _minutes(seconds: float) -> str:
    """Return whole minutes; an estimate is no more precise."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 90 else duration(seconds)


def measure(data: DataInput, dataset: DatasetConfig) -> DataSize:
    """Look at the sizes of all files, and into the first one.

    Args:
        data: The data that the job reads.
        dataset: Its format and columns.

    Raises:
        DataError: The format cannot be told.
        OSError: A file cannot be read.
        pyarrow.ArrowInvalid: Its content is not what its name says.
        botocore.exceptions.ClientError: An object cannot be read.
    """
    with _first(data) as (file, count, total):
        has_header = dataset.columns is None if dataset.header is None else dataset.header
        density = _density(file, format_of(file, dataset.format), has_header)
    rows = round(density.rows * total) - density.headers * count
    return DataSize(count, total, round(density.text * total), max(rows, 0))


@contextmanager
def _first(data: DataInput) -> Iterator[tuple[Path, int, int]]:
    """Yield the first file, the number of files, and the bytes of all of them."""
    if not data.uri.startswith(S3) or data.files:
        files = [Path(file) for file in data.files]
        yield files[0], len(files), total_bytes(files)
        return
    objects = objects_of(data)
    with stand_in(objects[0]) as file:
        yield file, len(objects), sum(each.size for each in objects)


def _density(file: Path, form: str, has_header: bool) -> _Density:
    length = file.stat().st_size
    if not length:
        return _Density(1, 0, 0)
    reader = reader_of(form)
    if (totals := reader.totals(file)) is not None:
        rows, bytes_of_text = totals
        return _Density(bytes_of_text / length, rows / length, 0)
    text, read = _sample(file)
    lines = text.count(b"\n") + (read == length and not text.endswith(b"\n"))
    headers = int(has_header and reader.delimiter is not None)
    return _Density(len(text) / read, lines / read, headers)


def _sample(file: Path) -> tuple[bytes, int]:
    """Return the beginning of a file's text, and the number of the file's bytes that hold it."""
    text, read = bytearray(), 0
    try:
        with opened(file) as (reader, source):
            while len(text) < MOST_TEXT and read < SAMPLE_BYTES:
                more = reader.read(_READ_BYTES)
                if not more:
                    break
                text += more
                read = source.tell()
    except DataError:  # of an object on S3 only the beginning is there
        if not text:
            raise
    return bytes(text), max(read, 1)
