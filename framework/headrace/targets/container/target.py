"""The container target: executes a job in a real container, by the SDK's local mode.

Local mode can only read and mount folders of this machine. Inputs are laid out as for
``target=local``, and outputs are delivered as there: all of them, if the container succeeded.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.errors import ConfigError, JobFailed, Problem
from headrace.images import containers
from headrace.images.engine import engine, find_image
from headrace.results.program_manifest import LOG, TIMINGS
from headrace.results.result import Result
from headrace.results.whole_files import json_text, write_whole
from headrace.runtime.data_files import all_files_below, files_below
from headrace.runtime.spec import CODE_INPUT, ML_ROOT, under
from headrace.targets.base import Target
from headrace.targets.container import checks as container_limits
from headrace.targets.container.task import ContainerTask
from headrace.targets.local import processes
from headrace.targets.local.checks import check_here
from headrace.targets.local.command import SOURCES, Command
from headrace.targets.local.private_root.environment import service_variables
from headrace.targets.local.private_root.findings import findings
from headrace.targets.local.private_root.program import ProgramOutput, secrets_of
from headrace.targets.local.sandbox import Host, Sandbox
from headrace.targets.local.scratch import disk_errors
from headrace.targets.local.target import carry_out
from headrace.targets.shutdown.interrupts import Interrupts
from headrace.terminal.progress import Progress
from headrace.uris import FILE

if TYPE_CHECKING:
    from headrace.aws.request import RequestView
    from headrace.config.models import JobConfig
    from headrace.job.job import Job

LIMIT_SECONDS = 86_400
"""The stopping condition that local mode writes into the container's configuration."""
WITHHELD = ("AWS_", "SAGEMAKER_", "BOTO_")
NOBODY = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "BOTO_CONFIG": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "us-east-1",
}
"""The AWS configuration for local mode, which needs a region."""


_CLOSED: dict[str, Any] = {"read_only": True}
"""The chain writes to nothing but its outputs and ``/tmp``; a program may, as on SageMaker."""


class ContainerTarget(Target):
    """One container for the only instance, with folders of a sandbox mounted in it."""

    def check(self, job: Job, config: JobConfig) -> None:
        """Refuse what local mode or this machine cannot do."""
        container_limits.check(job.view, config)
        container_limits.check_programs()
        check_here(job, config)

    def run(self, job: Job, config: JobConfig) -> Result:
        """Execute the job; see `headrace.targets.run`."""
        user = _user_in(job.view.image)

        def execute(hosts: Sequence[Host], interrupts: Interrupts) -> None:
            (host,) = hosts
            with _written_task(job, host, user, interrupts) as file:
                if job.program.needs_real_paths:
                    _execute_program(job, host, file, config, interrupts)
                else:
                    _execute_chain(job.name, host, file, config.job.logs, interrupts)

        return carry_out(job, config, execute)


def _user_in(image: str) -> str:
    """Return the user that the container runs as; refuse an image that is not here."""
    with engine() as client:
        if find_image(client, image) is None:
            what = (
                f"there is no image {image!r} on this machine's Docker engine; action=build makes "
                "an own one, 'docker pull' fetches another, target=local needs none"
            )
            raise ConfigError([Problem("backend", what)])
        return containers.user_of(client, os.getuid(), os.getgid())


@contextmanager
def _written_task(job: Job, host: Host, user: str, interrupts: Interrupts) -> Iterator[Path]:
    """Write the file that tells local mode what to run; yield it.

    Every folder gets another name, because local mode reads URIs as web addresses, in which ``#``
    and ``?`` end a path, and mounts nothing below ``/root``.
    """
    copied = (CODE_INPUT,) if job.program.needs_real_paths else ()
    folders = input_folders(job.view, host, interrupts, copied)
    own = host.ml.parent / "local-mode"
    own.mkdir()
    with tempfile.TemporaryDirectory(prefix="headrace-") as place:
        names = _Names(Path(place))
        request = _request(job.view, host, folders, names)
        mounts = {f"{ML_ROOT}/{name}": str(host.ml / name) for name in ("config", "output")}
        kept = [inside for inside in folders if inside not in copied]
        service = _service(job, host, user)
        task = ContainerTask(job.name, request, names.of(own), mounts, kept, service)
        file = host.ml.parent / "task.json"
        task.write(file)
        yield file


def input_folders(
    request: RequestView, host: Host, interrupts: Interrupts, copied: Collection[str] = ()
) -> dict[str, Path]:
    """Return for each input the folder that holds its files themselves.

    A sandbox has links to the user's files, which lead nowhere in a container. Each becomes a hard
    link, which costs nothing. Where there can be none (another file system, another user's file),
    the user's folder is mounted if it holds exactly these files; else they are copied.

    Args:
        request: The request of the job.
        host: Has the links; they are replaced.
        interrupts: Obeyed between two files.
        copied: Paths in the container of those that are copied, so that they can be written to.

    Returns:
        Path in the container → folder.

    Raises:
        OSError: The disk cannot be written.
    """
    insides = [each.container_path for each in request.inputs]
    return {
        inside: _folder(under(host.ml, inside), interrupts, inside in copied) for inside in insides
    }


def _folder(laid_out: Path, interrupts: Interrupts, is_copied: bool) -> Path:
    links = {path: path.resolve() for path in laid_out.rglob("*") if path.is_symlink()}
    if links and not is_copied and not _takes_hard_links(laid_out, next(iter(links.values()))):
        base = _base(laid_out, links)
        if base is not None and _holds(base, set(links.values())):
            return base
    for link, file in links.items():
        interrupts.check()
        link.unlink()
        if is_copied:
            shutil.copyfile(file, link)
            continue
        try:
            link.hardlink_to(file)
        except OSError:
            shutil.copyfile(file, link)
    return laid_out


def _holds(folder: Path, files: set[Path]) -> bool:
    """Return whether a folder has these files alone: all of them, or the data files of a chain."""
    return set(all_files_below(folder)) == files or set(files_below(folder)) == files


def _takes_hard_links(folder: Path, file: Path) -> bool:
    attempt = folder / ".hard-link"
    try:
        attempt.hardlink_to(file)
    except OSError:
        return False
    attempt.unlink()
    return True


def _base(laid_out: Path, links: dict[Path, Path]) -> Path | None:
    """Return the folder below which the files have the same paths as the links, if there is one."""
    link, file = next(iter(links.items()))
    depth = len(link.relative_to(laid_out).parts)
    base = file.parents[depth - 1]
    same = all(base / link.relative_to(laid_out) == file for link, file in links.items())
    return base if same else None


class _Names:
    """Other names for folders: links in a temporary folder."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def of(self, folder: Path) -> str:
        link = self._place / str(len(list(self._place.iterdir())))
        link.symlink_to(folder)
        return str(link)


def _request(
    request: RequestView, host: Host, folders: dict[str, Path], names: _Names
) -> dict[str, Any]:
    """Return the request in local mode's terms: folders of this machine in the place of S3."""
    inputs = [
        {
            "InputName": channel.name,
            "S3Input": {
                "S3Uri": FILE + names.of(folders[channel.container_path]),
                "LocalPath": channel.container_path,
            },
        }
        for channel in request.inputs
    ]
    outputs = [
        {
            "OutputName": channel.name,
            "S3Output": {
                "S3Uri": FILE + names.of(under(host.ml, channel.container_path)),
                "LocalPath": channel.container_path,
                "S3UploadMode": channel.upload_mode,
            },
        }
        for channel in request.outputs
    ]
    cluster = {"InstanceType": request.instance_type, "InstanceCount": request.instance_count}
    command = {"ContainerEntrypoint": list(request.entrypoint)} if request.entrypoint else {}
    return {
        "ProcessingJobName": request.name,
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": outputs},
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": request.image, **command},
    }


def _service(job: Job, host: Host, user: str) -> dict[str, Any]:
    """Return the service for the compose file; it takes the place of local mode's settings.

    Source: https://docs.docker.com/reference/compose-file/services/
    """
    request = job.view
    command = {"command": list(request.arguments)} if request.arguments else {}
    return {
        "user": user,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "network_mode": "none" if request.network_isolation else "bridge",
        "labels": {containers.LABEL: job.name},
        "logging": {"driver": "json-file"},  # one that can be read back
        "stdin_open": False,
        "tty": False,  # which would make one of stdout and stderr
        "environment": [f"{key}={value}" for key, value in _variables(job, host).items()],
        **({} if job.program.needs_real_paths else _CLOSED | {"tmpfs": [_scratch_folder(job)]}),
        **command,
    }


def _variables(job: Job, host: Host) -> dict[str, str]:
    """Return what the service sets for a program, and the variables of the request."""
    if not job.program.needs_real_paths:
        return job.view.environment
    return {**service_variables(job.view, host.name, [host.name]), **job.view.environment}


def _scratch_folder(job: Job) -> str:
    """Return the mount of ``/tmp``. Libraries of wheels need ``exec``, which is off by default."""
    folder = "/tmp"  # noqa: S108 - the container's own
    return f"{folder}:exec" if job.program.packages else folder


def _execute_chain(name: str, host: Host, task: Path, logs: bool, interrupts: Interrupts) -> None:
    with Progress(1) as progress:
        output = processes.ProcessOutput([host], progress, logs)
        failed = _execute(name, host, task, output, interrupts)
    if failed is not None:
        raise output.failure(failed)


def _execute_program(
    job: Job, host: Host, task: Path, config: JobConfig, interrupts: Interrupts
) -> None:
    """Run a program of the user's own; tell what no output delivers, and write its report."""
    output, began = ProgramOutput([host], config.job.logs, secrets_of(job.view)), time.monotonic()
    failed = _execute(job.name, host, task, output, interrupts)
    if failed is not None:
        raise output.failure(host.name, failed.status)
    sandbox = Sandbox(host.ml.parent, config.output.path)
    with disk_errors(str(sandbox.place)):
        seconds = round(time.monotonic() - began, 3)
        write_whole(sandbox.report / TIMINGS, json_text({"seconds": seconds}).encode())
        write_whole(sandbox.report / LOG, output.log().encode())
        for note in findings(job.view, host.ml, ()):
            print(f"note: {note}", file=sys.stderr, flush=True)


def _execute(
    name: str, host: Host, task: Path, output: processes.Listener, interrupts: Interrupts
) -> processes.Ended | None:
    """Run the container to its end; return how it ended if it failed."""
    argv = (
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "headrace.targets.container.local_mode",
        str(task),
    )
    try:
        command = Command(host, argv, _environment())
        remove = containers.removal(name)
        return processes.run([command], LIMIT_SECONDS, output, interrupts, remove)
    except processes.TimeLimitError:
        raise JobFailed("the job was stopped after a day; give it less to do") from None
    finally:
        with engine() as client:
            containers.remove(client, name)


def _environment() -> dict[str, str]:
    """Return the user's environment, which Docker's programs need, without AWS settings."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith(WITHHELD)}
    return {**ours, **NOBODY, "PYTHONPATH": str(SOURCES), "PYTHONDONTWRITEBYTECODE": "1"}
