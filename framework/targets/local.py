"""The local target: executes the request on this machine, without Docker or an AWS account."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from framework import output_folder
from framework.channels import channels_of
from framework.errors import ConfigError, JobFailed
from framework.progress import Progress
from framework.targets import delivery, limits, processes
from framework.targets.base import Result
from framework.targets.command import command
from framework.targets.interrupts import Interrupts
from framework.targets.relay import Relay
from framework.targets.sandbox import Host, Sandbox
from framework.targets.scratch import disk_errors, scratch
from framework.uris import S3

if TYPE_CHECKING:
    from framework.config import JobConfig, OutputConfig
    from framework.job import Job

DEFAULT_LIMIT_SECONDS = 86_400
"""SageMaker's own stopping condition where a request has none."""


class LocalTarget:
    """One subprocess for each instance, a scratch folder in the place of each ``/opt/ml``."""

    def run(self, job: Job, config: JobConfig) -> Result:
        """Execute the job; see `framework.targets.run`."""

        def execute(hosts: Sequence[Host], interrupts: Interrupts) -> None:
            _execute(job.request, hosts, config.job.logs, interrupts)

        return carry_out(job, config, execute)


def carry_out(
    job: Job, config: JobConfig, execute: Callable[[Sequence[Host], Interrupts], None]
) -> Result:
    """Execute a job on this machine, whatever stands for its instances.

    Args:
        job: What to run.
        config: Where the result goes.
        execute: Runs the hosts to their end, or raises.
    """
    began = time.monotonic()
    output = config.output
    limits.check(job.request, output.path)
    _check_output(output)
    with Interrupts().caught() as interrupts, scratch(output.path, job.name) as root:
        sandbox = Sandbox(root, output.path)
        with disk_errors(str(root.parent)):
            hosts = sandbox.lay_out(job, interrupts)
        execute(hosts, interrupts)
        with disk_errors(str(root.parent)):
            manifest = delivery.deliver(job, sandbox, hosts, output.overwrite, interrupts)
    return Result(output.path, manifest, time.monotonic() - began, channels_of(manifest))


def _check_output(output: OutputConfig) -> None:
    if output.path.startswith(S3):
        from framework.aws import output_prefix  # boto3 takes its time

        problems = output_prefix.check(output)
    else:
        problems = output_folder.check(output)
    if problems:
        raise ConfigError(problems)


def _execute(
    request: dict[str, Any], hosts: Sequence[Host], logs: bool, interrupts: Interrupts
) -> None:
    limit = int(request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 0))
    commands = [command(host, request, len(hosts)) for host in hosts]
    with Progress(len(hosts)) as progress:
        relay = Relay(hosts, progress, logs)
        try:
            failed = processes.run(commands, limit or DEFAULT_LIMIT_SECONDS, relay, interrupts)
        except processes.TimeLimitError:
            what = f"the job was stopped after {_duration(limit)} (resources.max_runtime_minutes)"
            raise JobFailed(f"{what}; allow more, or give it less to do") from None
    if failed is not None:
        raise relay.failure(failed)


def _duration(seconds: int) -> str:
    count, unit = (seconds, "second") if seconds % 60 else (seconds // 60, "minute")
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"
