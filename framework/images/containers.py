"""Containers on the engine, found by the job that they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Thread
from typing import IO

from docker.errors import NotFound
from docker.models.containers import Container

from framework.images.engine import Engine

LABEL = "headrace.job"
CREATED = "created"


def started(client: Engine, job: str) -> Container | None:
    """The job's container, as soon as it has been started."""
    found = client.containers.list(all=True, filters={"label": f"{LABEL}={job}"})
    return next((each for each in found if each.status != CREATED), None)


class Followed:
    """A container whose lines are passed on, from its start to its end.

    Args:
        container: One that has been started.
        stdout: For what it prints on stdout.
        stderr: For what it prints on stderr.
    """

    def __init__(self, container: Container, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self._container = container
        streams = (
            (_printed(container, stdout=True), stdout),
            (_printed(container, stderr=True), stderr),
        )
        self._threads = [Thread(target=_copy, args=stream) for stream in streams]
        for thread in self._threads:
            thread.start()

    def status(self) -> int:
        """Wait for its end.

        Returns:
            The exit status; above 128 it was ended by the signal of that number less 128.
        """
        for thread in self._threads:
            thread.join()
        return int(self._container.wait()["StatusCode"])


def remove(client: Engine, job: str) -> None:
    """Remove whatever container the job has, even one that runs."""
    for container in client.containers.list(all=True, filters={"label": f"{LABEL}={job}"}):
        try:
            container.remove(force=True, v=True)
        except NotFound:  # it went by itself
            continue


def user_of(client: Engine, uid: int, gid: int) -> str:
    """Who a container has to be so that its files are this user's.

    An engine without root's rights takes the container's root for the user who runs it.
    """
    rootless = any("rootless" in each for each in client.info()["SecurityOptions"])
    return "0:0" if rootless else f"{uid}:{gid}"


def _printed(
    container: Container, *, stdout: bool = False, stderr: bool = False
) -> Iterable[bytes]:
    chunks: Iterable[bytes] = container.logs(stdout=stdout, stderr=stderr, stream=True, follow=True)
    return chunks


def _copy(chunks: Iterable[bytes], to: IO[bytes]) -> None:
    for chunk in chunks:
        to.write(chunk)
        to.flush()
