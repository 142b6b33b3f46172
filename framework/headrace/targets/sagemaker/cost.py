"""About how long a job will take on SageMaker and what it will cost: orders of magnitude."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.errors import ConfigError, DataError
from headrace.targets.sagemaker.prices import dollars, price_of, unknown
from headrace.terminal.tables import listed
from headrace.terminal.units import duration, size

if TYPE_CHECKING:
    from headrace.config.models import JobConfig, ResourcesConfig
    from headrace.job.inputs import DataInput
    from headrace.targets.sagemaker.data_size import DataSize

ROWS_PER_SECOND = 570_000
BYTES_PER_SECOND = 89_000_000
"""What one core does: on two, each further million rows of 23 categorical columns, 156 MB of CSV,
takes 0.88 s. Source: this project's README, 2026-11-22, AMD EPYC."""
VCPU = 0.5
"""As much of such a core is a vCPU taken for: it shares its core, and may be ten years old."""
MOST_VCPUS = 16
"""More of them are not expected to help; nobody has measured it."""
TRANSFER_BYTES_PER_SECOND = 100_000_000
"""Between S3 and the disk of an instance. Assumed; ten times as much can be had."""
WAITING_SECONDS = 180
"""Until an instance is there, which is not billed. Assumed; a public report of 2026-07-31 has 110 s
between the time of a Processing job as its user saw it and the time on the bill."""
START_SECONDS = 60
"""Until its image has been fetched and its container runs, which is billed. Assumed."""
WIDTH = 9

_XLARGE = re.compile(r".*\.(?P<times>\d*)xlarge")


@dataclass(frozen=True)
class Estimate:
    """What to expect."""

    waiting_seconds: float
    """Before the bill begins."""
    billed_seconds: float
    """Of each instance."""
    usd: float | None
    """None if the price is not known."""


def estimate(data: DataSize, resources: ResourcesConfig, *, cluster: bool = False) -> Estimate:
    """The arithmetic.

    Args:
        data: How much there is to do.
        resources: Who does it.
        cluster: Whether the instances work on all files together, and so each gets all of them.
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
    """The number of vCPUs, which is in the name: 4 for each ``xlarge``, 2 below that.

    Source: https://aws.amazon.com/ec2/instance-types/
    """
    match = _XLARGE.fullmatch(instance_type)
    return 2 if match is None else 4 * int(match["times"] or 1)


def estimate_lines(config: JobConfig, data: DataInput) -> list[str]:
    """The estimate in words; where it cannot be made, the reason why. Never raises for that.

    Args:
        config: Of the job.
        data: What it reads.
    """
    import pyarrow as pa

    from headrace.aws.clients import AwsError, reason
    from headrace.targets.sagemaker.data_size import measure

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
    waiting, limit = WAITING_SECONDS, resources.limit_seconds
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
    if billed > resources.limit_seconds:
        limit = f"resources.max_runtime_minutes={resources.max_runtime_minutes}"
        parts += f", which is more than {limit} allows"
    return f"about {_minutes(waiting + billed)}: {parts}"


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
    """Whole minutes: an estimate knows no better."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 90 else duration(seconds)
