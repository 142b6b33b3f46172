"""Containers on the engine, found by the job that they belong to."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Thread
from typing import IO

from docker.errors import NotFound
from docker.models.containers import Container

from headrace.images.engine import Engine

LABEL = "headrace.job"
CREATED = "created"
_REMOVAL = """
import sys
sys.path.insert(0, sys.argv[1])
from headrace.images.containers import remove
from headrace.images.engine import engine
with engine() as client:
    remove(client, sys.argv[2])
"""


def started(client: Engine, job: str) -> Container | None:
    """Return the job's container once it has been started; None before."""
    found = client.containers.list(all=True, filters={"label": f"{LABEL}={job}"})
    return next((each for each in found if each.status != CREATED), None)


class Followed:
    """A container whose lines are passed on until it ends.

    Args:
        container: One that has been started.
        stdout: For what it prints on stdout.
        stderr: For what it prints on stderr.
    """

    def __init__(self, container: Container, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self._container = container
        self._threads = [
            Thread(target=_pass_on, args=(container, stdout), kwargs={"stderr": False}),
            Thread(target=_pass_on, args=(container, stderr), kwargs={"stdout": False}),
        ]
        for thread in self._threads:
            thread.start()

    def status(self) -> int:
        """Wait for the container's end and return its exit status.

        Returns:
            The exit status; above 128 it was ended by the signal of that number less 128.
        """
        for thread in self._threads:
            thread.join()
        return int(self._container.wait()["StatusCode"])


def remove(client: Engine, job: str) -> None:
    """Remove the container of a job, even if it is running."""
    for container in client.containers.list(all=True, filters={"label": f"{LABEL}={job}"}):
        try:
            container.remove(force=True, v=True)
        except NotFound:  # it went by itself
            continue


def removal(job: str) -> tuple[str, ...]:
    """Return the command that does what `remove` does, in any process and from any folder."""
    return (sys.executable, "-c", _REMOVAL, str(Path(__file__).parents[2]), job)


def user_of(client: Engine, uid: int, gid: int) -> str:
    """Return the user that a container must run as so that its files are this user's.

    An engine without root's rights takes the container's root for the user who runs it.
    """
    rootless = any("rootless" in each for each in client.info()["SecurityOptions"])
    return "0:0" if rootless else f"{uid}:{gid}"


def _pass_on(container: Container, to: IO[bytes], **streams: bool) -> None:
    """Pass on one stream of a container.

    An engine may stop following its log at the container's end although there is more to read
    (Docker 20.10 does, when it is busy). What is missing is read afterwards.
    """
    done = 0
    for chunk in container.logs(**streams, stream=True, follow=True):
        to.write(chunk)
        to.flush()
        done += len(chunk)
    container.wait()
    for chunk in container.logs(**streams, stream=True):
        to.write(chunk[done:])
        done = max(0, done - len(chunk))
    to.flush()
