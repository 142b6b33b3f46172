"""What every target promises: a job goes in, a `Result` comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from headrace.config.models import JobConfig
    from headrace.job.job import Job
    from headrace.results.result import Result


class Target(Protocol):
    """Somebody who executes requests."""

    def run(self, job: Job, config: JobConfig) -> Result:
        """Execute the job and wait for its end."""
