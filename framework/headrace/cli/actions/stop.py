"""``action=stop``: ends a job on SageMaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.aws.account import AwsAccount
from headrace.aws.clients import AwsError, problem_at, reason
from headrace.targets.sagemaker.follow import follow
from headrace.targets.sagemaker.jobs import SERVICE, ProcessingJobs, named
from headrace.targets.sagemaker.record import JobRecord, utc

if TYPE_CHECKING:
    from headrace.config.compose import Plan


def perform(plan: Plan) -> None:
    """Stops the job and, unless ``job.wait=false``, waits until its instances are released.

    A job that has ended already is left as it is, and that is no failure: nothing runs.

    Raises:
        ConfigError: There is no such job, or AWS cannot be asked.
        JobFailed: The service has not answered for a long time.
    """
    name, region = named(plan.config), AwsAccount(plan.config).region()
    jobs = ProcessingJobs(region)
    record = _stopped(jobs, jobs.find(name))
    if record.has_ended:
        print(_told(record))
        return
    print(f"{name}: is being stopped, which takes up to two minutes", flush=True)
    if plan.config.job.wait:
        record = follow(name, region, show_logs=False)
        print(f"cost: {record.cost(plan.config.resources.usd_per_hour)}")


def _stopped(jobs: ProcessingJobs, record: JobRecord) -> JobRecord:
    if record.status != "InProgress":
        return record
    try:
        jobs.stop(record.name)
    except AwsError as exc:
        record = jobs.find(record.name)
        if not record.has_ended:  # else it was quicker than we
            raise problem_at(SERVICE)(reason(exc)) from exc
    return record


def _told(record: JobRecord) -> str:
    ended = f" at {utc(record.ended)} UTC" if record.ended else ""
    return f"{record.name}: nothing to stop, it ended{ended}: {record.status}"
