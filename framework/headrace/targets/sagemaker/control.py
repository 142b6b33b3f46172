"""The actions on Processing jobs of an account and region: list, describe, logs, stop."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from typing import Any

from headrace.aws.account import COMPLETED, AwsAccount
from headrace.aws.clients import AwsError, explained, problem_at, reason
from headrace.config.models import JobConfig
from headrace.errors import HeadraceError
from headrace.results import program_manifest
from headrace.results.layout import MANIFEST
from headrace.results.program_manifest import outputs_of
from headrace.results.reports import s3_report as report
from headrace.results.result import channels_of, table_of
from headrace.targets.base import JobControl, Watched
from headrace.targets.sagemaker.follow import follow
from headrace.targets.sagemaker.jobs import SERVICE, Listing, ProcessingJobs
from headrace.targets.sagemaker.logs import SERVICE as CLOUDWATCH
from headrace.targets.sagemaker.logs import LogTail, secrets_of
from headrace.targets.sagemaker.prices import dollars, origin
from headrace.targets.sagemaker.program_report import (
    Submission,
    complete_program,
    submission_of,
)
from headrace.targets.sagemaker.record import COLOURS, JobRecord, described, report_of, utc
from headrace.targets.sagemaker.watch.plain import EXTRA, watch_plainly
from headrace.targets.sagemaker.watch.source import sources
from headrace.terminal.colours import Stream, coloured, is_terminal
from headrace.terminal.tables import aligned
from headrace.terminal.units import duration
from headrace.uris import join

SHOWN = 50
HEADER = ("name", "status", "started (UTC)", "took", "cost (USD)")
UNKNOWN = "-"


class SageMakerJobs(JobControl):
    """All Processing jobs of the configured region.

    Args:
        config: Has the region, a price, and the key that results on S3 are encrypted with.
    """

    def __init__(self, config: JobConfig) -> None:
        self._usd_per_hour = config.resources.usd_per_hour
        self._kms_key = config.job.kms_key
        self._output = config.output.path
        self._region = config.regions[0] if config.regions else AwsAccount(config).region()

    def list(self, part: str | None) -> Iterator[str]:
        """Yield a table of the newest jobs."""
        listing = ProcessingJobs(self._region).newest(SHOWN, part)
        lines = table(listing, self._usd_per_hour, stream=sys.stdout)
        yield from lines or [_none(self._region, part)]

    def watch(self, watched: Watched) -> None:
        """Show the newest jobs, and what becomes of them, until the user has seen enough."""
        places = sources(watched.regions or (self._region,), watched.profiles)
        has_extra = find_spec("textual") is not None
        if not has_extra or not (is_terminal(sys.stdout) and is_terminal(sys.stdin)):
            hint = "" if has_extra else EXTRA
            watch_plainly(places, watched.part, self._usd_per_hour, hint)
            return
        from headrace.targets.sagemaker.watch.app import watch  # Textual is an extra

        watch(places, watched.part, self._usd_per_hour)

    def describe(self, name: str) -> Iterator[str]:
        """Yield everything that SageMaker knows of a job, and what came out of it."""
        record = ProcessingJobs(self._region).find(name)
        yield from described(record, self._usd_per_hour)
        if record.status == COMPLETED and (made := submission_of(record, self._output)):
            yield ""
            yield from _program_result(made, record, self._region)
        elif place := report_of(record):
            yield ""
            yield from _result(place, name, self._kms_key)

    def answer(self, name: str) -> dict[str, Any]:
        """Return what SageMaker answers about a job, with its tags if they may be seen."""
        jobs = ProcessingJobs(self._region)
        answer = {**jobs.find(name).answer}
        answer.pop("ResponseMetadata", None)  # boto3's
        tags = jobs.tags(answer)
        return answer if tags is None else {**answer, "Tags": tags}

    def logs(self, name: str, *, wait: bool) -> Iterator[str]:
        """Yield the lines of a job that has ended; those of one that runs are shown."""
        record = ProcessingJobs(self._region).find(name)
        with explained(problem_at(CLOUDWATCH)):
            tail = LogTail(name, self._region, secrets_of(record))
            if record.has_ended or not wait:
                yield from _lines(tail, record)
                return
            tail.last_lines(1)  # a user who may not read them learns that before the job ends
        follow(name, self._region)

    def stop(self, name: str, *, wait: bool) -> Iterator[str]:
        """End a job; with `wait` stay until its instances are released."""
        jobs = ProcessingJobs(self._region)
        record = _stopped(jobs, jobs.find(name))
        if record.has_ended:
            yield _told(record)
            return
        yield f"{name}: is being stopped, which takes up to two minutes"
        if wait:
            record = follow(name, self._region, show_logs=False)
            yield f"cost: {record.cost(self._usd_per_hour)}"


def table(
    listing: Listing,
    usd_per_hour: float | None = None,
    now: datetime | None = None,
    stream: Stream | None = None,
) -> list[str]:
    """Return the lines of the table; none without jobs.

    Args:
        listing: The jobs.
        usd_per_hour: Price of one instance; default: list prices.
        now: The time to use instead of the present.
        stream: The terminal that it is for, which may have colours; None for none.
    """
    if not listing.jobs:
        return []
    rows = [_row(job, usd_per_hour, now) for job in listing.jobs]
    prices = origin() if usd_per_hour is None else f"{usd_per_hour:g} USD an hour and instance"
    so_far = "" if all(job.has_ended for job in listing.jobs) else "* so far; "
    notes = [f"{so_far}cost: an estimate by {prices}"]
    if listing.has_more:
        notes.append(f"the newest {len(rows)}; job.name=… shows those with that in their names")

    def paint(_: int, column: int, cell: str) -> str:
        colour = COLOURS.get(cell.strip()) if HEADER[column] == "status" else None
        return coloured(cell, colour, stream) if colour and stream is not None else cell

    return [*aligned([HEADER, *rows], (3, 4), paint), *notes]


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


def _result(place: str, job: str, kms_key: str | None) -> list[str]:
    """Return lines with the rows of each channel, or one that says why they are not known.

    The report of a job with several instances is written now if no client has waited for the job.
    """
    try:
        channels = channels_of(report.complete(place, job, kms_key))
    except AwsError as exc:
        return [f"the manifest below {place} cannot be read: {reason(exc)}"]
    except (ValueError, HeadraceError) as exc:
        return [f"the manifest below {place} cannot be read: {exc}"]
    return table_of(channels) or [f"no manifest below {place}"]


def _program_result(submission: Submission, record: JobRecord, region: str) -> list[str]:
    """Return lines with the files of each output of a program, or one that says what is wrong.

    The manifest is written now if no client has waited for the job.
    """
    place = join(submission.output, MANIFEST)
    try:
        outputs = outputs_of(complete_program(submission, record, region))
    except AwsError as exc:
        return [f"{place} cannot be read or written: {reason(exc)}"]
    except (ValueError, HeadraceError) as exc:
        return [f"{place} cannot be read or written: {exc}"]
    return [*program_manifest.table_of(outputs), submission.output]


def _lines(tail: LogTail, record: JobRecord) -> Iterator[str]:
    lines = tail.new_lines()
    for line in lines:
        yield f"{line.host}: {line.text}" if record.request.instance_count > 1 else line.text
    if not lines:
        print(f"{record.name}: {record.status}, no log lines", file=sys.stderr)


def _stopped(jobs: ProcessingJobs, record: JobRecord) -> JobRecord:
    if record.status != "InProgress":
        return record
    try:
        jobs.stop(record.name)
    except AwsError as exc:
        record = jobs.find(record.name)
        if not record.has_ended:  # else it has ended by itself
            raise problem_at(SERVICE)(reason(exc)) from exc
    return record


def _told(record: JobRecord) -> str:
    ended = f" at {utc(record.ended)} UTC" if record.ended else ""
    return f"{record.name}: nothing to stop, it ended{ended}: {record.status}"
