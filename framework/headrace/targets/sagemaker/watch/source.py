"""The Processing jobs of one region, seen with one profile of the AWS configuration."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.config import Config

from headrace.aws.clients import AwsError, client, explained, problem_at, reason, session
from headrace.config.problems import suggest
from headrace.errors import ConfigError, HeadraceError, Problem
from headrace.runtime.shown import quoted
from headrace.targets.sagemaker.jobs import SERVICE, Listing, ProcessingJobs
from headrace.targets.sagemaker.logs import LogTail, secrets_of
from headrace.targets.sagemaker.record import JobRecord

SHOWN = 100
"""Jobs of each source."""
_QUICK = Config(
    retries={"mode": "standard", "total_max_attempts": 2},
    connect_timeout=5,
    read_timeout=20,
    max_pool_connections=16,
)
"""Who watches asks again anyway."""
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
"""AWS opens new regions, which botocore does not know yet."""
NONE = "the AWS configuration has none"
_MAKING = threading.Lock()
"""boto3's sessions must not make clients in several threads at once."""


@dataclass(frozen=True)
class Source:
    """A region, and who looks into it."""

    region: str
    profile: str | None = None
    """None for what the environment says."""

    def __str__(self) -> str:
        """Return its name for a person."""
        return f"{self.profile} in {self.region}" if self.profile else self.region

    def newest(self, part: str | None, known: Mapping[str, JobRecord]) -> Listing:
        """Return the newest jobs; see `ProcessingJobs.newest`."""
        return self._jobs().newest(SHOWN, part, known)

    def find(self, name: str) -> JobRecord:
        """Return a job as it is now."""
        return self._jobs().find(name)

    def stop(self, name: str) -> JobRecord:
        """Ask for the end of a job, and return it as it is then."""
        jobs = self._jobs()
        with explained(problem_at(SERVICE)):
            jobs.stop(name)
        return jobs.find(name)

    def log(self, record: JobRecord) -> LogTail:
        """Return the log of a job."""
        return LogTail(record.name, self.region, secrets_of(record), self._client("logs"))

    def _jobs(self) -> ProcessingJobs:
        with explained(problem_at(SERVICE)):
            return ProcessingJobs(self.region, self._client("sagemaker"))

    def _client(self, service: str) -> Any:
        with _MAKING:
            return client(service, self.region, self.profile, _QUICK)


def sources(regions: Sequence[str], profiles: Sequence[str]) -> list[Source]:
    """Return a source for each region and profile.

    Raises:
        ConfigError: There can be no such region, or there is no such profile.
    """
    unlike = [region for region in regions if not _REGION.fullmatch(region)]
    problems = [
        *(_unknown("regions", unlike, all_regions()) if unlike else ()),
        *(_unknown("profiles", profiles, all_profiles()) if profiles else ()),
    ]
    if problems:
        raise ConfigError(problems)
    seen_by: Sequence[str | None] = [*dict.fromkeys(profiles)] or [None]
    return [Source(region, profile) for profile in seen_by for region in dict.fromkeys(regions)]


def all_regions() -> list[str]:
    """Return the regions in which SageMaker is, as botocore knows them."""
    made = session(None, None)
    return sorted(
        region
        for partition in made.get_available_partitions()
        for region in made.get_available_regions("sagemaker", partition)
    )


def all_profiles() -> list[str]:
    """Return the profiles of the AWS configuration."""
    try:
        return sorted(session(None, None).available_profiles)
    except AwsError:  # AWS_PROFILE names none of them: those that are there can be chosen
        return []


def in_a_line(error: Exception) -> str:
    """Return what an error says, for the one line that a view has for it."""
    if isinstance(error, AwsError):
        return reason(error)
    if isinstance(error, ConfigError):
        return "; ".join(str(problem) for problem in error.problems)
    said = " ".join(str(error).split())
    return said if isinstance(error, HeadraceError) else f"{type(error).__name__}: {said}"


def _unknown(key: str, given: Sequence[str], known: Sequence[str]) -> list[Problem]:
    return [
        Problem(key, f"there is no {quoted(each)}; {suggest(each, known) if known else NONE}")
        for each in given
        if each not in known
    ]
