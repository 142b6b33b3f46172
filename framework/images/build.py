"""Builds an own image from its folder in ``containers/``."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import APIError

from framework.config import JobConfig
from framework.defaults import PROJECT
from framework.errors import JobFailed
from framework.images.base_image import BaseImage, look_at
from framework.images.context import write_context
from framework.images.engine import engine
from framework.images.messages import watched
from framework.images.names import built_name
from framework.images.wheels import download

SAGEMAKER_PLATFORM = "linux/amd64"
"""No instance type of SageMaker Processing has another processor."""

_DEFAULT_BASE = re.compile(r"^ARG BASE_IMAGE=(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Built:
    """An image on this machine's engine."""

    name: str
    id: str
    bytes: int


def build(config: JobConfig, code: Mapping[str, str]) -> Built:
    """Build the image of the configured backend.

    The build itself has no network: the packages are fetched here, and the context holds them.

    Args:
        config: Names the backend and perhaps the image and its base.
        code: What is baked in: path in the project → text.

    Raises:
        ConfigError: The backend has no own image, or the base image does not do.
        JobFailed: No engine, no packages, or the build failed; with its last lines.
    """
    name = built_name(config.backend)
    folder = PROJECT / "containers" / config.backend.name
    platform = SAGEMAKER_PLATFORM if config.target.name == "aws" else None
    with engine() as client:
        base = look_at(client, config.backend.base_image or _default_base(folder), platform)
        with tempfile.TemporaryDirectory(prefix="headrace-wheels-") as wheels:
            download(folder / "requirements.txt", base, Path(wheels))
            files = _files(folder, Path(wheels)) | {
                path: text.encode() for path, text in code.items()
            }
            _build(client, files, base, name, folder, platform)
        image = client.images.get(name)
        return Built(name, str(image.id), int(image.attrs["Size"]))


def _default_base(folder: Path) -> str:
    text = (folder / "Dockerfile").read_text(encoding="utf-8")
    match = _DEFAULT_BASE.search(text)
    if match is None:
        raise LookupError(f"{folder}/Dockerfile has no line 'ARG BASE_IMAGE=…'")
    return match[1]


def _files(folder: Path, wheels: Path) -> dict[str, bytes | Path]:
    """The context; the paths are those of the project, so that building it by hand works too."""
    inside = folder.relative_to(PROJECT).as_posix()
    files: dict[str, bytes | Path] = {
        f"{inside}/{name}": folder / name for name in ("Dockerfile", "requirements.txt")
    }
    return files | {f"{inside}/wheels/{wheel.name}": wheel for wheel in wheels.iterdir()}


def _build(
    client: docker.DockerClient,
    files: Mapping[str, bytes | Path],
    base: BaseImage,
    name: str,
    folder: Path,
    platform: str | None,
) -> None:
    with tempfile.TemporaryFile() as context:
        write_context(files, context)
        context.seek(0)
        try:
            messages = client.api.build(
                fileobj=context,
                custom_context=True,
                dockerfile=f"{folder.relative_to(PROJECT).as_posix()}/Dockerfile",
                tag=name,
                buildargs={"BASE_IMAGE": base.name, "PIP_NO_INDEX": "1"},
                platform=platform,
                network_mode="none",
                rm=True,
                forcerm=True,
                decode=True,
            )
        except APIError as exc:
            raise JobFailed(f"building {name}: {exc.explanation}") from exc
        watched(messages, f"building {name}")
