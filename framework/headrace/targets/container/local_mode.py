"""The process that runs a container by the SDK's local mode, and ends as the container ends.

``python -m headrace.targets.container.local_mode TASK`` prints the lines of the container. It is a
separate process because local mode takes over stdout, and gives the AWS credentials that it finds
to the container; this process has none.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
from collections import deque
from pathlib import Path
from typing import IO, Any

from sagemaker.core.local import image, local_session

from headrace.errors import HeadraceError, JobFailed
from headrace.images.containers import Followed, started
from headrace.images.engine import Engine, engine
from headrace.targets.container.task import ContainerTask

LAST_LINES = 10
SIGNALLED = 128
OWN_DEFAULTS = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}
"""Used instead of the files with defaults that the SDK would read; it also turns off telemetry."""


class Compose(io.TextIOBase):
    """Receives the lines of Docker Compose, which local mode prints on stdout.

    They contain only some of the container's lines, because local mode stops reading as soon as
    Compose has ended. So the container's own output is read too, from its first line on.
    """

    def __init__(self, client: Engine, job: str, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self._streams = (stdout, stderr)
        self._client = client
        self._job = job
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._followed: Followed | None = None

    def write(self, text: str) -> int:
        """Receive a line."""
        if text.strip():
            self._last.append(text.rstrip())
        self._follow()
        return len(text)

    def status(self) -> int:
        """Wait for the end of the container.

        Returns:
            Its exit status.

        Raises:
            JobFailed: There was no container; with the last lines of Compose.
        """
        self._follow()
        if self._followed is None:
            raise JobFailed("\n".join(["the container cannot be started:", *self._last]))
        return self._followed.status()

    def _follow(self) -> None:
        if self._followed is None and (container := started(self._client, self._job)):
            self._followed = Followed(container, *self._streams)


def main(file: str) -> int:
    """Run the container.

    Args:
        file: Contains the `ContainerTask`.

    Returns:
        The container's exit status; 1 with a message if it could not be run.
    """
    logging.disable()
    task = ContainerTask.read(Path(file))
    try:
        with engine() as client:
            return _run(task, Compose(client, task.job, sys.stdout.buffer, sys.stderr.buffer))
    except HeadraceError as exc:
        task.message_file.write_text(str(exc), encoding="utf-8")
        print(exc, file=sys.stderr)
        return exc.exit_status


def _run(task: ContainerTask, compose: Compose) -> int:
    session = local_session.LocalSession(sagemaker_config=OWN_DEFAULTS)
    session.config = {"local": {"container_root": task.folder}}
    local_session._SageMakerContainer = _container(task)
    try:
        with contextlib.redirect_stdout(compose):
            session.sagemaker_client.create_processing_job(**task.request)
    except RuntimeError as exc:  # mostly Compose's status; the container's says more
        compose.write(str(exc))
    except UnicodeDecodeError:
        pass  # local mode expects UTF-8
    except OSError as exc:
        raise JobFailed(f"local mode cannot copy what the container wrote: {exc}") from exc
    return compose.status()


def _container(task: ContainerTask) -> type[Any]:
    """Return local mode's class for containers, changed as the task says."""

    class Container(image._SageMakerContainer):  # type: ignore[misc]
        def _create_docker_host(
            self, host: str, environment: object, subdirs: object, command: str, volumes: list[Any]
        ) -> dict[str, Any]:
            service: dict[str, Any] = super()._create_docker_host(host, [], (), command, [])
            service.pop("networks", None)
            places = task.mounts | {each.container_dir: each.host_dir for each in volumes}
            mounts = [
                _mount(source, inside, inside in task.read_only)
                for inside, source in places.items()
            ]
            return dict(_escaped({**service, **task.service, "volumes": mounts}))

    return Container


def _mount(source: str, inside: str, read_only: bool) -> dict[str, Any]:
    mount = {"type": "bind", "source": os.path.realpath(source), "target": inside}
    return mount | {"read_only": read_only}


def _escaped(value: Any) -> Any:
    """Return the value with ``$`` doubled in every text; Compose would replace variables."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in value.items()}
    return [_escaped(each) for each in value] if isinstance(value, list) else value


def _end_like(status: int) -> None:
    """End this process as the container ended, by a signal too."""
    sys.stdout.flush()
    number = status - SIGNALLED
    if number in signal.valid_signals():
        os.kill(os.getpid(), number)
    sys.exit(status)


if __name__ == "__main__":
    _end_like(main(sys.argv[1]))
