"""The rows of the live table: jobs of several sources, newest first, filtered by words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from headrace.runtime.shown import plain
from headrace.targets.sagemaker.prices import dollars
from headrace.targets.sagemaker.record import JobRecord
from headrace.targets.sagemaker.watch.feed import Snapshot
from headrace.targets.sagemaker.watch.source import Source
from headrace.terminal.tables import fitted, width_of
from headrace.terminal.units import duration

ABSENT = "-"
NAME = 0
STATE = 1
NUMBERS = ("age", "took", "cost (USD)")
"""Columns whose cells end together."""
_FIRST_TO_GO = ("instances", "age", "profile")
"""Columns that a narrow terminal has no room for, the first one first."""
_NAME_WIDTH = 20
"""Columns of a terminal that names keep before others have to go."""


@dataclass(frozen=True)
class Job:
    """A job, and where it was seen."""

    source: Source
    record: JobRecord

    @property
    def key(self) -> str:
        """Return what no other job of the view has."""
        return f"{self.source}/{self.record.name}"

    @property
    def name(self) -> str:
        """Return its name as it may be shown."""
        return plain(self.record.name)


def jobs_of(snapshots: Iterable[Snapshot], words: str = "") -> list[Job]:
    """Return the jobs of all sources, newest first.

    Args:
        snapshots: One of each source.
        words: Each of them is in a job's name, state, instance type, region or profile.
    """
    jobs = [Job(each.source, record) for each in snapshots for record in each.jobs]
    wanted = words.lower().split()
    kept = {job.key: job for job in jobs if all(word in _searched(job) for word in wanted)}
    # a job may be on two pages of a list that grows meanwhile
    return sorted(kept.values(), key=lambda job: (job.record.created, job.key), reverse=True)


def table(
    jobs: Sequence[Job],
    sources: Sequence[Source],
    width: int,
    usd_per_hour: float | None,
    now: datetime,
    between: int = 2,
) -> list[list[str]]:
    """Return the rows of the table, its header first.

    Args:
        jobs: What to show.
        sources: All that are watched; with several, the table says which one a job is of.
        width: Columns of the terminal.
        usd_per_hour: Price of one instance; default: list prices.
        now: The present.
        between: Columns of the terminal between two of the table.
    """
    rows = [_cells(job, usd_per_hour, now) for job in jobs]
    columns = ["name", "state", "age", "took", "instances", "cost (USD)"]
    columns += ["region"] if len({each.region for each in sources}) > 1 else []
    columns += ["profile"] if len({each.profile for each in sources}) > 1 else []
    made = _chosen(rows, columns)
    for name in _FIRST_TO_GO:
        widths = [max(map(width_of, column)) for column in zip(*made, strict=True)]
        needed = sum(widths) - widths[NAME] + min(widths[NAME], _NAME_WIDTH)
        if name in columns and needed + between * (len(widths) - 1) > width:
            columns.remove(name)
            made = _chosen(rows, columns)
    return fitted(made, width - (between - 2) * (len(columns) - 1), (NAME,))


def counts(jobs: Sequence[Job]) -> str:
    """Return how many jobs there are and how many of them run: ``12 jobs, 2 running``."""
    running = sum(not job.record.has_ended for job in jobs)
    return f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}, {running} running"


def _chosen(rows: Sequence[dict[str, str]], columns: Sequence[str]) -> list[list[str]]:
    return [[*columns], *([row[column] for column in columns] for row in rows)]


def _cells(job: Job, usd_per_hour: float | None, now: datetime) -> dict[str, str]:
    record = job.record
    mark = "" if record.has_ended else "*"
    seconds, usd = record.seconds(now), record.usd(usd_per_hour, now)
    request = record.request
    instances = f"{request.instance_count} x {request.instance_type}"
    return {
        "name": job.name,
        "state": record.status,
        "age": _age(max(0.0, (now - record.created).total_seconds())),
        "took": ABSENT if seconds is None else duration(seconds) + mark,
        "instances": instances if request.instance_type else ABSENT,
        "cost (USD)": ABSENT if usd is None else dollars(usd) + mark,
        "region": job.source.region,
        "profile": plain(job.source.profile or ABSENT),
    }


def _age(seconds: float) -> str:
    """Return a time in its largest unit alone."""
    for unit, length in (("d", 86_400), ("h", 3_600)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return duration(seconds) if seconds < 90 else f"{seconds / 60:.0f} min"


def _searched(job: Job) -> str:
    record, source = job.record, job.source
    words = (record.name, record.status, record.request.instance_type, source.region)
    return " ".join([*words, source.profile or ""]).lower()
