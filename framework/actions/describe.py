"""``action=describe``: everything that SageMaker knows of one job, and what came out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework.aws import report
from framework.aws.account import AwsAccount
from framework.aws.clients import AwsError, reason
from framework.aws.description import described, report_of
from framework.aws.jobs import ProcessingJobs, named
from framework.channels import channels_of, table_of
from framework.errors import HeadraceError

if TYPE_CHECKING:
    from framework.compose import Plan


def perform(plan: Plan) -> None:
    """Prints the description.

    Raises:
        ConfigError: There is no such job, or AWS cannot be asked.
    """
    name = named(plan.config)
    record = ProcessingJobs(AwsAccount(plan.config).region()).find(name)
    print("\n".join(described(record, plan.config.resources.usd_per_hour)))
    if place := report_of(record):
        print("\n".join(["", *_result(place, name, plan.config.job.kms_key)]))


def _result(place: str, job: str, kms_key: str | None) -> list[str]:
    """The rows of each channel; what keeps them from being told is no failure.

    A job of several instances that nobody waited for gets its report now.
    """
    try:
        channels = channels_of(report.complete(place, job, kms_key))
    except AwsError as exc:
        return [f"the manifest below {place} cannot be read: {reason(exc)}"]
    except (ValueError, HeadraceError) as exc:
        return [f"the manifest below {place} cannot be read: {exc}"]
    return table_of(channels) or [f"no manifest below {place}"]
