"""The local target: executes the request on this machine, without Docker or an AWS account."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework import output_folder
from framework.errors import ConfigError, JobFailed
from framework.progress import Progress
from framework.targets import delivery, limits, processes
from framework.targets.base import Channel, Result
from framework.targets.command import command
from framework.targets.interrupts import Interrupts
from framework.targets.limits import local_path
from framework.targets.relay import Relay
from framework.targets.sandbox import Host, Sandbox

if TYPE_CHECKING:
    from framework.config import JobConfig
    from framework.job import Job

DEFAULT_LIMIT_SECONDS = 86_400
"""SageMaker's own stopping condition where a request has none."""


class LocalTarget:
    """One subprocess for each instance, a scratch folder in the place of each ``/opt/ml``."""

    def run(self, job: Job, config: JobConfig) -> Result:
        """Execute the job; see `framework.targets.run`."""
        began = time.monotonic()
        limits.check(job.request, config.output.path)
        if problems := output_folder.check(config.output):
            raise ConfigError(problems)
        output, overwrite = local_path(config.output.path), config.output.overwrite
        with Interrupts().caught() as interrupts, _scratch(output, job.name) as root:
            sandbox = Sandbox(root, output)
            with _disk_errors(output):
                hosts = sandbox.lay_out(job, interrupts)
            _execute(job.request, hosts, config.job.logs, interrupts)
            with _disk_errors(output):
                delivery.deliver(job, sandbox, hosts, overwrite, interrupts)
        return _result(job, output, began)


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


@contextmanager
def _scratch(output: Path, name: str) -> Iterator[Path]:
    """A folder on the result's own file system, and afterwards no trace of it.

    The output folder is made if need be. It goes again, with its parents, if nothing came of it.
    """
    with _disk_errors(output):
        missing = [each for each in (output, *output.parents) if not each.exists()]
        output.mkdir(parents=True, exist_ok=True)
        root = Path(tempfile.mkdtemp(prefix=f".scratch-{name}-", dir=output))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)
        with suppress(OSError):  # not empty: the result is there
            for each in missing:
                each.rmdir()


@contextmanager
def _disk_errors(output: Path) -> Iterator[None]:
    """Turn what the disk refuses into an error that says where and why."""
    try:
        yield
    except OSError as exc:
        path = exc.filename2 or exc.filename or output
        raise JobFailed(f"cannot write {str(path)!r}: {exc.strerror}") from exc


def _result(job: Job, output: Path, began: float) -> Result:
    places = delivery.destinations(job.request)
    files = [place / delivery.MANIFEST for place in places.values()]
    manifest = next((_read(file) for file in files if file.exists()), {})
    channels = tuple(
        Channel(name, what["rows"], len(what["parts"]), _size(places.get(name, output / name)))
        for name, what in manifest.get("channels", {}).items()
    )
    return Result(output, manifest, time.monotonic() - began, channels)


def _read(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
