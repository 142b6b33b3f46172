"""``action=jobs``: the newest Processing jobs of the account and region, whoever made them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from headrace.aws.account import AwsAccount
from headrace.targets.sagemaker.jobs import Listing, ProcessingJobs
from headrace.targets.sagemaker.prices import dollars, origin
from headrace.targets.sagemaker.record import JobRecord, utc
from headrace.terminal.tables import aligned
from headrace.terminal.units import duration

if TYPE_CHECKING:
    from headrace.config.compose import Plan

SHOWN = 50
HEADER = ("name", "status", "started (UTC)", "took", "cost (USD)")
UNKNOWN = "-"


def perform(plan: Plan) -> None:
    """Prints the table; ``job.name`` narrows it to names that contain it."""
    region, part = AwsAccount(plan.config).region(), plan.config.job.name
    listing = ProcessingJobs(region).newest(SHOWN, part)
    lines = table(listing, plan.config.resources.usd_per_hour)
    print("\n".join(lines or [_none(region, part)]))


def table(
    listing: Listing, usd_per_hour: float | None = None, now: datetime | None = None
) -> list[str]:
    """The lines of the table; none without jobs.

    Args:
        listing: The jobs.
        usd_per_hour: Price of one instance; default: list prices.
        now: The time to use instead of the present.
    """
    if not listing.jobs:
        return []
    rows = [_row(job, usd_per_hour, now) for job in listing.jobs]
    prices = origin() if usd_per_hour is None else f"{usd_per_hour:g} USD an hour and instance"
    so_far = "" if all(job.has_ended for job in listing.jobs) else "* so far; "
    notes = [f"{so_far}cost: an estimate by {prices}"]
    if listing.has_more:
        notes.append(f"the newest {len(rows)}; job.name=… shows those with that in their names")
    return [*aligned([HEADER, *rows], right=(3, 4)), *notes]


def _row(job: JobRecord, usd_per_hour: float | None, now: datetime | None) -> tuple[str, ...]:
    mark = "" if job.has_ended else "*"
    seconds, usd = job.seconds(now), job.usd(usd_per_hour, now)
    return (
        job.name,
        job.status,
        utc(job.started or job.created),
        UNKNOWN if seconds is None else duration(seconds) + mark,
        UNKNOWN if usd is None else dollars(usd) + mark,
    )


def _none(region: str, part: str | None) -> str:
    named = f" has {part!r} in its name" if part else ""
    return f"no Processing job in {region}{named}"
