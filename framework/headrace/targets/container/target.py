"""The container target: executes the request in a real container, by the SDK's local mode.

Local mode sees folders of this machine alone. Inputs are laid out as for ``target=local``; what the
container wrote is delivered as there, too: all of it, and only if the container succeeded.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.errors import ConfigError, JobFailed, Problem
from headrace.images import containers
from headrace.images.engine import engine, find_image
from headrace.results.result import Result
from headrace.runtime.spec import ML_ROOT, under
from headrace.targets.base import Target
from headrace.targets.container import checks as container_limits
from headrace.targets.container.mounts import input_folders
from headrace.targets.container.task import Order
from headrace.targets.local import processes
from headrace.targets.local.checks import check_here
from headrace.targets.local.command import SOURCES, Command
from headrace.targets.local.sandbox import Host
from headrace.targets.local.target import carry_out
from headrace.targets.shutdown.interrupts import Interrupts
from headrace.terminal.progress import Progress
from headrace.uris import FILE

if TYPE_CHECKING:
    from headrace.config.models import JobConfig
    from headrace.job.job import Job
    from headrace.job.request import RequestView

LIMIT_SECONDS = 86_400
"""What local mode tells the container that its stopping condition is."""
WITHHELD = ("AWS_", "SAGEMAKER_", "BOTO_")
NOBODY = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "BOTO_CONFIG": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "us-east-1",
}
"""The AWS configuration that local mode finds: it has to have a region."""


class ContainerTarget(Target):
    """One container for the one instance, folders of a scratch root mounted in it."""

    def check(self, job: Job, config: JobConfig) -> None:
        """Refuse what local mode or this machine cannot do."""
        container_limits.check(job.view, config)
        container_limits.check_programs()
        check_here(job, config)

    def run(self, job: Job, config: JobConfig) -> Result:
        """Execute the job; see `headrace.targets.run`."""
        user = _user_in(job.view.image)

        def execute(hosts: Sequence[Host], interrupts: Interrupts) -> None:
            with _order(job, hosts[0], user, interrupts) as file:
                _execute(job.name, hosts[0], file, config.job.logs, interrupts)

        return carry_out(job, config, execute)


def _user_in(image: str) -> str:
    """Who the container will be; looks for the image on the way."""
    with engine() as client:
        if find_image(client, image) is None:
            what = (
                f"there is no image {image!r} on this machine's Docker engine; action=build makes "
                "an own one, 'docker pull' fetches another, target=local needs none"
            )
            raise ConfigError([Problem("backend", what)])
        return containers.user_of(client, os.getuid(), os.getgid())


@contextmanager
def _order(job: Job, host: Host, user: str, interrupts: Interrupts) -> Iterator[Path]:
    """The file that tells local mode what to run.

    Every folder gets another name. Local mode takes its URIs for web addresses, where ``#`` and
    ``?`` end a path, and mounts nothing below ``/root``, wherever that is meant well.
    """
    folders = input_folders(job.view, host, interrupts)
    own = host.ml.parent / "local-mode"
    own.mkdir()
    with tempfile.TemporaryDirectory(prefix="headrace-") as place:
        names = _Names(Path(place))
        request = _request(job.view, host, folders, names)
        mounts = {f"{ML_ROOT}/{name}": str(host.ml / name) for name in ("config", "output")}
        order = Order(job.name, request, names.of(own), mounts, _service(job, user))
        file = host.ml.parent / "order.json"
        order.write(file)
        yield file


class _Names:
    """Short names for folders: links in a folder of their own."""

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


def _service(job: Job, user: str) -> dict[str, Any]:
    """What the compose file must say, whatever local mode would.

    Source: https://docs.docker.com/reference/compose-file/services/
    """
    request = job.view
    command = {"command": list(request.arguments)} if request.arguments else {}
    return {
        "user": user,
        "read_only": True,
        "tmpfs": [_scratch_folder(job)],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "network_mode": "none" if request.network_isolation else "bridge",
        "labels": {containers.LABEL: job.name},
        "logging": {"driver": "json-file"},  # one that can be read back
        "stdin_open": False,
        "tty": False,  # which would make one of stdout and stderr
        "environment": [f"{key}={value}" for key, value in request.environment.items()],
        **command,
    }


def _scratch_folder(job: Job) -> str:
    """An engine lets nothing in there be executed, unless it is told so: no library of a wheel."""
    folder = "/tmp"  # noqa: S108 - the container's own
    return f"{folder}:exec" if job.spec.packages else folder


def _execute(name: str, host: Host, order: Path, logs: bool, interrupts: Interrupts) -> None:
    argv = (
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "headrace.targets.container.local_mode",
        str(order),
    )
    with Progress(1) as progress:
        output = processes.ProcessOutput([host], progress, logs)
        try:
            command = Command(host, argv, _environment())
            remove = containers.removal(name)
            failed = processes.run([command], LIMIT_SECONDS, output, interrupts, remove)
        except processes.TimeLimitError:
            raise JobFailed("the job was stopped after a day; give it less to do") from None
        finally:
            with engine() as client:
                containers.remove(client, name)
    if failed is not None:
        raise output.failure(failed)


def _environment() -> dict[str, str]:
    """The user's, without any trace of AWS; Docker's programs need much of the rest."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith(WITHHELD)}
    return {**ours, **NOBODY, "PYTHONPATH": str(SOURCES), "PYTHONDONTWRITEBYTECODE": "1"}
