"""The answer of SageMaker about one Processing job, and the lines that describe the job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headrace.aws.account import COMPLETED, RUNNING
from headrace.aws.request import RequestView
from headrace.runtime.shown import masked_arguments
from headrace.runtime.spec import REPORT
from headrace.targets.sagemaker.prices import Price, dollars, price_of, unknown
from headrace.terminal.colours import FAINT, GREEN, RED, YELLOW
from headrace.terminal.tables import aligned, listed
from headrace.terminal.units import duration

WIDTH = 13
NOT_YET = "-"
COLOURS = {"Completed": GREEN, "Failed": RED, "Stopping": YELLOW, "Stopped": FAINT}
"""Of the states that have one."""
IMAGES_OWN = "the image's own entrypoint"


@dataclass(frozen=True)
class JobRecord:
    """The answer of ``DescribeProcessingJob`` at one moment.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeProcessingJob.html
    """

    answer: dict[str, Any]

    @property
    def request(self) -> RequestView:
        """Return the request that the job was made from."""
        return RequestView(self.answer)

    @property
    def name(self) -> str:
        """Return the job's name, unique in account and region."""
        return self.request.name

    @property
    def failure_reason(self) -> str:
        """Return why it failed, as SageMaker says; empty if it says nothing."""
        return str(self.answer.get("FailureReason", "")).strip()

    @property
    def exit_message(self) -> str:
        """Return the message that the container left; empty if it left none."""
        return str(self.answer.get("ExitMessage", "")).strip()

    @property
    def status(self) -> str:
        """Return ``InProgress``, ``Stopping``, ``Completed``, ``Failed`` or ``Stopped``."""
        return str(self.answer["ProcessingJobStatus"])

    @property
    def has_ended(self) -> bool:
        """Return whether the state is final."""
        return self.status not in RUNNING

    @property
    def created(self) -> datetime:
        """Return when it was submitted."""
        time: datetime = self.answer["CreationTime"]
        return time

    @property
    def started(self) -> datetime | None:
        """Return when its instances began to work, some minutes later; None if they never did."""
        return self.answer.get("ProcessingStartTime")

    @property
    def ended(self) -> datetime | None:
        """Return when its instances were released; None if they are still at work."""
        return self.answer.get("ProcessingEndTime")

    def is_still(self, summary: dict[str, Any]) -> bool:
        """Return whether an answer of ``ListProcessingJobs`` says nothing new about the job."""
        is_complete = self.has_ended or self.started is not None  # the list has no start
        keys = ("ProcessingJobStatus", "CreationTime")
        return is_complete and all(self.answer.get(key) == summary.get(key) for key in keys)

    def seconds(self, now: datetime | None = None) -> float | None:
        """Return for how long it has run, or waited for instances; None if that cannot be told.

        Args:
            now: The time to use instead of the present.
        """
        end = self.ended if self.has_ended else now or datetime.now(UTC)
        if end is None:
            return None
        # this machine's clock may be slow
        return max(0.0, (end - (self.started or self.created)).total_seconds())

    def billed_seconds(self, now: datetime | None = None) -> float | None:
        """Return for how long each instance has been billed; None if that cannot be told."""
        return None if self.started is None else self.seconds(now)

    def price(self, usd_per_hour: float | None) -> Price | None:
        """Return the price of one of its instances for an hour; None if it is not known."""
        return price_of(self.request.instance_type, usd_per_hour)

    def usd(self, usd_per_hour: float | None, now: datetime | None = None) -> float | None:
        """Return about how much it has cost so far; None if that cannot be told."""
        price, seconds = self.price(usd_per_hour), self.billed_seconds(now)
        if price is None or seconds is None:
            return None
        return price.of(seconds, self.request.instance_count)

    def cost(self, usd_per_hour: float | None, now: datetime | None = None) -> str:
        """Return the cost in words, with the price that it is computed from."""
        usd, price = self.usd(usd_per_hour, now), self.price(usd_per_hour)
        if usd is not None and price is not None:
            so_far = "" if self.has_ended else " so far"
            return f"about {dollars(usd)} USD{so_far}; {price.note}"
        instance_type = self.request.instance_type
        if instance_type and price is None:
            return f"unknown: {unknown(instance_type)}"
        return "unknown: when its instances started or ended is not known"


def utc(time: datetime) -> str:
    """Return a time as in the names of jobs and in CloudWatch: ``2026-11-24 09:30:00``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def described(record: JobRecord, usd_per_hour: float | None) -> list[str]:
    """Return lines with the job's state, cost, code, inputs and outputs.

    Values of environment variables are left out: they may be secrets.

    Args:
        record: The answer of the service.
        usd_per_hour: Price of one instance; default: a list price.
    """
    pairs = [*_state(record), ("cost", record.cost(usd_per_hour)), *_code(record.request)]
    places = list(_places(record.request))
    table = ["", *aligned([("", "name", "from", "to"), *places])] if places else []
    return [*listed(pairs, WIDTH), *table]


def report_of(record: JobRecord) -> str | None:
    """Return the URI of the folder with the manifest, if the job is one of ours and done."""
    uris = [channel.uri for channel in record.request.outputs if channel.name == REPORT]
    return uris[0] if uris and record.status == COMPLETED else None


def _state(record: JobRecord) -> Iterator[tuple[str, str]]:
    yield "job", record.name
    yield "status", record.status
    if record.failure_reason:
        yield "reason", record.failure_reason
    if record.exit_message:
        yield "message", record.exit_message
    yield "created", f"{utc(record.created)} UTC"
    yield "started", f"{utc(record.started)} UTC" if record.started else NOT_YET
    yield "ended", f"{utc(record.ended)} UTC" if record.ended else NOT_YET
    seconds = record.billed_seconds()
    so_far = "" if record.has_ended else " so far"
    yield "billed", NOT_YET if seconds is None else f"{duration(seconds)}{so_far}"


def _code(request: RequestView) -> Iterator[tuple[str, str]]:
    if request.instance_type:
        size = f"{request.volume_size_gb} GB of disk each"
        yield "instances", f"{request.instance_count} x {request.instance_type}, {size}"
    if request.limit_seconds:
        yield "limit", f"{request.limit_seconds / 60:g} min"
    yield "image", request.image or NOT_YET
    yield "starts", " ".join(request.entrypoint or (IMAGES_OWN,))
    if request.arguments:
        yield "arguments", " ".join(masked_arguments(request.arguments))
    if request.environment:
        yield "environment", f"{', '.join(sorted(request.environment))} (values are not shown)"
    yield "role", request.role or NOT_YET


def _places(request: RequestView) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for each input and output on S3; others' jobs may have other kinds."""
    for source in request.inputs:
        if source.is_s3:
            yield "input", source.name, source.uri, source.container_path
    for output in request.outputs:
        if output.is_s3:
            yield "output", output.name, output.container_path, output.uri
