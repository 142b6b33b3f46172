"""The aws target: SageMaker Processing executes the request."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headrace.aws.account import COMPLETED, AwsAccount
from headrace.aws.clients import explained
from headrace.aws.lock import locked
from headrace.config.defaults import command
from headrace.errors import JobFailed
from headrace.job.inputs import DATA
from headrace.results.layout import RECEIPT
from headrace.results.reports import s3_report as report
from headrace.results.reports.hosts import MANIFEST
from headrace.results.reports.s3_report import evaluation_at
from headrace.results.result import Result, channels_of
from headrace.runtime.spec import REPORT
from headrace.targets.base import Target
from headrace.targets.sagemaker import follow as waiting
from headrace.targets.sagemaker import shipping
from headrace.targets.sagemaker.logs import job_failed
from headrace.targets.sagemaker.program_report import Submission, complete_program
from headrace.targets.sagemaker.record import JobRecord
from headrace.targets.shutdown.interrupts import Interrupts
from headrace.terminal.tables import aligned
from headrace.uris import join, uri_of

if TYPE_CHECKING:
    from headrace.config.models import AnyEvaluation, JobConfig
    from headrace.job.inputs import DataInput
    from headrace.job.job import Job
    from headrace.targets.sagemaker.control import SageMakerJobs


class AwsTarget(Target):
    """A Processing job: its files are uploaded to S3, the SageMaker SDK submits it."""

    is_remote = True
    platform = "linux/amd64"  # no instance type of SageMaker Processing has another processor

    def account(self, config: JobConfig) -> AwsAccount:
        """Return the account of the user's credentials."""
        return AwsAccount(config)

    def estimate(self, config: JobConfig, inputs: Mapping[str, DataInput]) -> Sequence[str]:
        """Return lines with the time and the money that a job may take."""
        from headrace.targets.sagemaker.cost import estimate_lines, limit_lines

        if config.program.is_chain:
            return estimate_lines(config, inputs[DATA])
        return limit_lines(config.resources)

    def job_control(self, config: JobConfig) -> SageMakerJobs:
        """Return the Processing jobs of the account and region."""
        from headrace.targets.sagemaker.control import SageMakerJobs

        return SageMakerJobs(config)

    def run(self, job: Job, config: JobConfig) -> Result:
        """Execute the job; see `headrace.targets.run`."""
        began = time.monotonic()
        output, region = uri_of(config.output.path), AwsAccount(config).region()
        _submit(job, config, region)
        if not config.job.wait:
            _say(_how_to_go_on(job.name, region))
            return Result(output, {}, time.monotonic() - began, (), has_ended=False)
        with _going_on(job.name, region):
            record = waiting.follow(job.name, region, show_logs=config.job.logs)
        if record.status != COMPLETED:
            raise job_failed(record, region)
        if not job.program.writes_manifest:
            manifest = _written_manifest(output, record, region)
            return Result(output, manifest, time.monotonic() - began, ())
        manifest = _manifest(output, job.name, config.job.kms_key)
        judged = _evaluation(output, config.evaluation)
        return Result(output, manifest, time.monotonic() - began, channels_of(manifest), judged)


def _submit(job: Job, config: JobConfig, region: str) -> None:
    from headrace.targets.sagemaker import sdk as submission

    output, key = uri_of(config.output.path), config.job.kms_key
    with explained(), Interrupts().caught() as interrupts:
        shipping.provide_bucket(output, region)
        with locked(output, job.name, key, interrupts.check) as lock:
            shipping.ship(job, config, region, interrupts.check)
            interrupts.check()
            lock.confirm()
            submission.submit(job.request, region)
        _say(f"submitted {job.name} in {region}")
        with _going_on(job.name, region):
            interrupts.check()


@contextmanager
def _going_on(name: str, region: str) -> Iterator[None]:
    """Tell the user after Ctrl-C that the job goes on, and how to follow or stop it."""
    try:
        yield
    except KeyboardInterrupt:
        _say(f"\nthe job {name} goes on\n{_how_to_go_on(name, region)}")
        raise


def _how_to_go_on(name: str, region: str) -> str:
    settings = f"job.name={name} backend.region={region}"
    verbs = {"follow it": "logs", "look at it": "describe", "stop it": "stop"}
    commands = [(what, f"{command()} action={verb} {settings}") for what, verb in verbs.items()]
    return "\n".join(aligned(commands))


def _manifest(output: str, job: str, kms_key: str | None) -> dict[str, Any]:
    """Return the manifest of the job; nothing if it has left none."""
    place = join(output, REPORT)
    with explained(), _readable(place):
        manifest = report.complete(place, job, kms_key)
    if not manifest:
        _say(f"note: the job left no {MANIFEST} below {place}")
    return manifest


def _written_manifest(output: str, record: JobRecord, region: str) -> dict[str, Any]:
    """Write and return the manifest of a program that has completed, which writes none.

    Raises:
        JobFailed: It cannot be written; the files of the outputs are there.
    """
    manifest = f"{REPORT}/{MANIFEST}"
    later = f"{command()} action=describe job.name={record.name} backend.region={region}"
    try:
        with explained(), Interrupts().caught() as interrupts:
            submission = Submission.at(output, record.name)
            if submission is None:
                raise JobFailed(f"{join(output, RECEIPT)} is gone, which the manifest is made of")
            return complete_program(submission, record, region, interrupts.check)
    except KeyboardInterrupt:
        _say(f"\nthe job {record.name} has completed without {manifest}\nto write it: {later}")
        raise
    except JobFailed as exc:
        what = f"the job {record.name!r} has completed, but {manifest} is not written: {exc}"
        raise JobFailed(f"{what}\nto write it: {later}") from exc


def _evaluation(output: str, config: AnyEvaluation) -> dict[str, Any]:
    if config.name == "none":
        return {}
    place = join(output, REPORT)
    with explained(), _readable(place):
        return evaluation_at(place)


@contextmanager
def _readable(place: str) -> Iterator[None]:
    """Explain that what the job has left is none of headrace's reports."""
    try:
        yield
    except ValueError as exc:
        raise JobFailed(f"the report below {place} cannot be read: {exc}") from exc


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
