"""What SageMaker says of one Processing job, as far as anybody here wants to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headrace.aws.account import RUNNING
from headrace.targets.sagemaker.prices import Price, dollars, price_of, unknown


@dataclass(frozen=True)
class JobRecord:
    """The answer of ``DescribeProcessingJob`` at one moment.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeProcessingJob.html
    """

    answer: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Unique in account and region."""
        return str(self.answer["ProcessingJobName"])

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

    @property
    def instance_type(self) -> str | None:
        """As in ``ml.m5.xlarge``."""
        return self._cluster.get("InstanceType")

    @property
    def instances(self) -> int:
        """How many of them."""
        return int(self._cluster.get("InstanceCount", 1))

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
        return price_of(self.instance_type or "", usd_per_hour)

    def usd(self, usd_per_hour: float | None, now: datetime | None = None) -> float | None:
        """What it has cost so far, about; None if that cannot be told."""
        price, seconds = self.price(usd_per_hour), self.billed_seconds(now)
        if price is None or seconds is None:
            return None
        return price.of(seconds, self.instances)

    def cost(self, usd_per_hour: float | None, now: datetime | None = None) -> str:
        """The same in words, with what the estimate rests on."""
        usd, price = self.usd(usd_per_hour, now), self.price(usd_per_hour)
        if usd is not None and price is not None:
            so_far = "" if self.has_ended else " so far"
            return f"about {dollars(usd)} USD{so_far}; {price.note}"
        if self.instance_type and price is None:
            return f"unknown: {unknown(self.instance_type)}"
        return "unknown: when its instances started or ended is not known"

    @property
    def _cluster(self) -> Mapping[str, Any]:
        resources: Mapping[str, Any] = self.answer.get("ProcessingResources", {})
        return dict(resources.get("ClusterConfig", {}))


def utc(time: datetime) -> str:
    """A moment as in the names of jobs and in CloudWatch: ``2026-11-24 09:30:00``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
