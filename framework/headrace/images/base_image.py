"""Ask a base image for its Python, and so for the wheels that fit."""

from __future__ import annotations

import json
from dataclasses import dataclass

from docker.errors import APIError
from docker.models.images import Image

from headrace.errors import ConfigError, JobFailed, Problem
from headrace.images.engine import Engine, find_image
from headrace.images.messages import watched
from headrace.images.wheels import platforms_of

OLDEST = (3, 11)
WHERE = "backend.base_image"
LOOK = """\
import ensurepip, json, platform, sys, venv
print(json.dumps([sys.version_info[:2], platform.machine(), platform.libc_ver()]))
"""


@dataclass(frozen=True)
class BaseImage:
    """An image that others are built on."""

    name: str
    python: str
    """As in ``3.12``."""
    platforms: tuple[str, ...]
    """The tags of wheels that it can have, the newest first."""


def look_at(client: Engine, name: str, platform: str | None) -> BaseImage:
    """Ask an image for its Python; pull it if this engine does not have it.

    Args:
        client: The engine.
        name: The image.
        platform: As in ``linux/amd64``; None for the engine's own.

    Raises:
        ConfigError: No wheels fit what the image has.
        JobFailed: It cannot be pulled.
    """
    _pull_if_missing(client, name, platform)
    try:
        (major, minor), machine, (libc, version) = json.loads(_said(client, name, platform))
    except ValueError as exc:
        raise _problem(f"{name!r} has no python3 with the module venv") from exc
    if (major, minor) < OLDEST:
        raise _problem(f"{name!r} has Python {major}.{minor}; the job needs Python 3.11 or newer")
    if libc != "glibc":
        raise _problem(f"{name!r} has no glibc, which the packages' wheels need")
    newest = int(version.split(".")[1])
    return BaseImage(name, f"{major}.{minor}", platforms_of(machine, newest))


def _pull_if_missing(client: Engine, name: str, platform: str | None) -> None:
    image = find_image(client, name)
    if image is not None and (platform is None or platform == platform_of(image)):
        return
    try:
        messages = client.api.pull(name, platform=platform, stream=True, decode=True)
    except APIError as exc:
        raise JobFailed(f"pulling {name}: {exc.explanation}") from exc
    watched(messages, f"pulling {name}")


def _said(client: Engine, name: str, platform: str | None) -> bytes:
    """Return what the image's Python prints; empty if it has none."""
    container = client.containers.create(
        name, ["-c", LOOK], entrypoint=["python3"], platform=platform, network_disabled=True
    )
    try:
        container.start()
        container.wait()
        return bytes(container.logs(stdout=True, stderr=False))
    except APIError as exc:
        if "python3" in str(exc.explanation):  # the runtime found no such program
            return b""
        raise
    finally:
        container.remove(force=True)


def platform_of(image: Image) -> str:
    """Return operating system and processor, such as ``linux/amd64``."""
    return f"{image.attrs['Os']}/{image.attrs['Architecture']}"


def _problem(what: str) -> ConfigError:
    return ConfigError([Problem(WHERE, what)])
