"""The Processing jobs of an account in a region: list, find, stop."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from headrace.aws.account import means_no_such_job
from headrace.aws.clients import AwsError, client, explained, problem_at, reason
from headrace.aws.threads import DaemonExecutor
from headrace.errors import ConfigError, Problem
from headrace.targets.sagemaker.record import JobRecord

NAME_KEY = "job.name"
SERVICE = "SageMaker"
NAME = "ProcessingJobName"
PAGE = 100
"""Maximum number of jobs in one answer of ``ListProcessingJobs``."""
AT_ONCE = 8
"""Descriptions asked for side by side; the service throttles more."""
CANDIDATES = 100
"""Newest jobs among which the nearest name is looked for."""


@dataclass(frozen=True)
class Listing:
    """Some jobs, newest first."""

    jobs: tuple[JobRecord, ...]
    has_more: bool
    """There are older ones."""


class ProcessingJobs:
    """All Processing jobs of a region.

    Args:
        region: AWS region.
        service: boto3's client; default: the one that all share.

    Raises:
        ConfigError: The AWS configuration cannot be used.
    """

    def __init__(self, region: str, service: Any = None) -> None:
        self.region = region
        with explained(problem_at(SERVICE)):
            self._client = service or client("sagemaker", region)

    def ask(self, name: str) -> JobRecord:
        """Return the answer of the service about a job.

        Raises:
            botocore.exceptions.BotoCoreError: It cannot be asked.
            botocore.exceptions.ClientError: There is no such job, or it may not be seen.
        """
        return JobRecord(self._client.describe_processing_job(ProcessingJobName=name))

    def find(self, name: str) -> JobRecord:
        """Do the same as `ask` for a name that comes from the user.

        Raises:
            ConfigError: There is no such job, or AWS cannot be asked.
        """
        try:
            return self.ask(name)
        except AwsError as exc:
            if means_no_such_job(exc):
                raise ConfigError([Problem(NAME_KEY, self._not_found(name))]) from exc
            raise problem_at(SERVICE)(reason(exc)) from exc

    def newest(
        self, count: int, part: str | None = None, known: Mapping[str, JobRecord] | None = None
    ) -> Listing:
        """Return the newest jobs.

        Args:
            count: Maximum number of jobs.
            part: A text that their names contain; default: any.
            known: Jobs by name, as they were; the service is not asked about those that have not
                changed since.

        Raises:
            ConfigError: AWS cannot be asked.
        """
        before = known or {}
        with explained(problem_at(SERVICE)), DaemonExecutor(AT_ONCE) as threads:
            summaries = self._summaries(count, part)

            def job_of(summary: dict[str, Any]) -> JobRecord:
                record = before.get(summary[NAME])
                is_same = record is not None and record.is_still(summary)
                return record if record and is_same else self._described(summary)

            jobs = tuple(threads.map(job_of, summaries[:count]))
        return Listing(jobs, len(summaries) > count)

    def tags(self, answer: dict[str, Any]) -> list[dict[str, str]] | None:
        """Return the tags of a job; None if they cannot be asked for.

        Args:
            answer: Of ``DescribeProcessingJob``, which has none.
        """
        try:
            pages = self._client.get_paginator("list_tags").paginate(
                ResourceArn=answer["ProcessingJobArn"]
            )
            return [tag for page in pages for tag in page["Tags"]]
        except AwsError:  # a role that may describe jobs may not be allowed to see their tags
            return None

    def stop(self, name: str) -> None:
        """Ask for the end of a job that runs; it takes up to two minutes.

        Raises:
            botocore.exceptions.ClientError: It may not be stopped, or has just ended.
        """
        self._client.stop_processing_job(ProcessingJobName=name)

    def _summaries(self, count: int, part: str | None) -> Sequence[dict[str, Any]]:
        """Return the newest, and at least one more if there are more."""
        found: list[dict[str, Any]] = []
        for page in self._pages(part):
            found += page
            # A server that does not sort (moto) has to be read to the end.
            if len(found) > count and all(_age(a) >= _age(b) for a, b in pairwise(found)):
                break
        return sorted(found, key=lambda job: (_age(job), job[NAME]), reverse=True)

    def _pages(self, part: str | None) -> Iterator[Sequence[dict[str, Any]]]:
        wanted = {"NameContains": part} if part else {}
        pages = self._client.get_paginator("list_processing_jobs").paginate(
            SortBy="CreationTime",
            SortOrder="Descending",
            PaginationConfig={"PageSize": PAGE},
            **wanted,
        )
        return (page["ProcessingJobSummaries"] for page in pages)

    def _described(self, summary: dict[str, Any]) -> JobRecord:
        """Ask for the job itself: a summary has neither the instances nor the start."""
        try:
            return self.ask(summary[NAME])
        except AwsError as exc:
            if means_no_such_job(exc):  # deleted in this moment
                return JobRecord(summary)
            raise

    def _not_found(self, name: str) -> str:
        what = f"no Processing job is called {name!r} in {self.region}"
        names: list[str] = []
        with suppress(*AwsError):  # a role that may describe jobs may not be allowed to list them
            names = [each[NAME] for each in self._summaries(CANDIDATES, None)]
        near = difflib.get_close_matches(name, names[:CANDIDATES], n=1)
        return f"{what}; did you mean {near[0]!r}?" if near else f"{what}; action=jobs lists them"


def _age(summary: dict[str, Any]) -> Any:
    return summary["CreationTime"]
