"""``action=logs``: the log lines of a job's containers, and while it runs those that come."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from headrace.aws.account import AwsAccount
from headrace.aws.clients import explained, problem_at
from headrace.targets.sagemaker.follow import follow
from headrace.targets.sagemaker.jobs import ProcessingJobs, named
from headrace.targets.sagemaker.log_tail import SERVICE, LogTail

if TYPE_CHECKING:
    from headrace.config.compose import Plan
    from headrace.targets.sagemaker.record import JobRecord


def perform(plan: Plan) -> None:
    """Prints the lines; ``job.wait=false`` does not wait for more.

    Raises:
        ConfigError: There is no such job, or AWS cannot be asked.
        JobFailed: The service has not answered for a long time.
    """
    name, region = named(plan.config), AwsAccount(plan.config).region()
    record = ProcessingJobs(region).find(name)
    with explained(problem_at(SERVICE)):
        tail = LogTail(name, region)
        if record.has_ended or not plan.config.job.wait:
            _print(tail, record)
            return
        tail.last_lines(1)  # whoever may not read them need not wait for them
    follow(name, region)


def _print(tail: LogTail, record: JobRecord) -> None:
    lines = tail.new_lines()
    for line in lines:
        print(f"{line.host}: {line.text}" if record.instances > 1 else line.text)
    if not lines:
        print(f"{record.name}: {record.status}, no log lines", file=sys.stderr)
