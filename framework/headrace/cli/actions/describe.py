"""``action=describe``: everything that SageMaker knows of one job, and what came out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.aws.account import AwsAccount
from headrace.aws.clients import AwsError, reason
from headrace.errors import HeadraceError
from headrace.results import stored_report as report
from headrace.results.channels import channels_of, table_of
from headrace.targets.sagemaker.description import described, report_of
from headrace.targets.sagemaker.jobs import ProcessingJobs, named

if TYPE_CHECKING:
    from headrace.config.compose import Plan


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
