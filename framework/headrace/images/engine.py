"""The Docker engine, and its errors as messages for users."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import docker
from docker.context import ContextAPI
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.images import Image
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from headrace.errors import JobFailed

Engine: TypeAlias = docker.DockerClient

PATIENCE_SECONDS = 600
"""Between two messages of the engine. A registry may take its time for the last layer."""
NO_ANSWER = "no Docker engine answers at {address}{reason}; start one or set DOCKER_HOST"


@contextmanager
def engine() -> Iterator[Engine]:
    """Return the engine that Docker's own variables and contexts name.

    Raises:
        JobFailed: It does not answer, or refuses what is asked of it inside the ``with`` block.
    """
    try:
        client = docker.from_env()
    except DockerException as exc:
        raise JobFailed(NO_ANSWER.format(address=_address(), reason=_reason(exc))) from exc
    client.api.timeout = PATIENCE_SECONDS
    try:
        with explained():
            yield client
    finally:
        client.close()


@contextmanager
def explained() -> Iterator[None]:
    """Turn an error of the engine into one of ours."""
    try:
        yield
    except APIError as exc:
        raise JobFailed(f"the Docker engine refused: {exc.explanation or exc}") from exc
    except (DockerException, RequestException, HTTPError) as exc:
        raise JobFailed(f"the Docker engine stopped answering: {exc}") from exc


def find_image(client: Engine, name: str) -> Image | None:
    """Return the image of that name on this engine; None if it is missing."""
    try:
        return client.images.get(name)
    except ImageNotFound:
        return None


def _address() -> str:
    if named := os.environ.get("DOCKER_HOST"):
        return named
    context = ContextAPI.get_current_context()
    return str(context.Host) if context else "the current Docker context"


def _reason(error: BaseException) -> str:
    """Return the system's message at the bottom of a chain of exceptions, in brackets."""
    seen: BaseException | None = error
    while seen is not None:
        for each in (seen, *seen.args):
            if isinstance(each, OSError) and each.strerror:
                return f" ({each.strerror})"
        seen = seen.__cause__ or seen.__context__
    return ""
