"""What SageMaker says of one Processing job, as far as anybody here wants to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headrace.aws.account import RUNNING
from headrace.job.request import RequestView
from headrace.targets.sagemaker.prices import Price, dollars, price_of, unknown


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
        """``InProgress``, ``Stopping``, ``Completed``, ``Failed`` or ``Stopped``."""
        return str(self.answer["ProcessingJobStatus"])

    @property
    def has_ended(self) -> bool:
        """Whether nothing will happen any more."""
        return self.status not in RUNNING

    @property
    def created(self) -> datetime:
        """When it was submitted."""
        time: datetime = self.answer["CreationTime"]
        return time

    @property
    def started(self) -> datetime | None:
        """When its instances began to work, some minutes later; None if they never did."""
        return self.answer.get("ProcessingStartTime")

    @property
    def ended(self) -> datetime | None:
        """When they were released."""
        return self.answer.get("ProcessingEndTime")

    def seconds(self, now: datetime | None = None) -> float | None:
        """For how long it has run, or waited for its instances; None if that cannot be told.

        Args:
            now: The time to use instead of the present.
        """
        end = self.ended if self.has_ended else now or datetime.now(UTC)
        if end is None:
            return None
        # this machine's clock may be slow
        return max(0.0, (end - (self.started or self.created)).total_seconds())

    def billed_seconds(self, now: datetime | None = None) -> float | None:
        """For how long each instance is paid so far; None if that cannot be told."""
        return None if self.started is None else self.seconds(now)

    def price(self, usd_per_hour: float | None) -> Price | None:
        """What an hour of one of its instances costs; None if that is not known."""
        return price_of(self.request.instance_type, usd_per_hour)

    def usd(self, usd_per_hour: float | None, now: datetime | None = None) -> float | None:
        """What it has cost so far, about; None if that cannot be told."""
        price, seconds = self.price(usd_per_hour), self.billed_seconds(now)
        if price is None or seconds is None:
            return None
        return price.of(seconds, self.request.instance_count)

    def cost(self, usd_per_hour: float | None, now: datetime | None = None) -> str:
        """The same in words, with what the estimate rests on."""
        usd, price = self.usd(usd_per_hour, now), self.price(usd_per_hour)
        if usd is not None and price is not None:
            so_far = "" if self.has_ended else " so far"
            return f"about {dollars(usd)} USD{so_far}; {price.note}"
        instance_type = self.request.instance_type
        if instance_type and price is None:
            return f"unknown: {unknown(instance_type)}"
        return "unknown: when its instances started or ended is not known"


def utc(time: datetime) -> str:
    """A moment as in the names of jobs and in CloudWatch: ``2026-11-24 09:30:00``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
