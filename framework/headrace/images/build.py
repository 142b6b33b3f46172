"""Build an own image from its folder in ``containers/``."""

from __future__ import annotations

import io
import re
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from headrace.backends.image_names import built_name, owned
from headrace.config.models import JobConfig
from headrace.images.base_image import look_at
from headrace.images.engine import Engine, engine
from headrace.images.messages import watched
from headrace.images.wheels import download
from headrace.runtime.plugins import roots

CONTAINERS = "containers"
"""Has a folder for each image, in a root."""

_DEFAULT_BASE = re.compile(r"^ARG BASE_IMAGE=(\S+)$", re.MULTILINE)
_READABLE_FILE = 0o644


@dataclass(frozen=True)
class Built:
    """An image on this machine's engine."""

    name: str
    id: str
    bytes: int


def build(config: JobConfig, code: Mapping[str, str | bytes], platform: str | None = None) -> Built:
    """Build the image of the configured backend.

    The build itself has no network: the packages are fetched here, and the context holds them.

    Args:
        config: Names the backend, and perhaps the image and its base.
        code: The files that the image holds: path in the project → content.
        platform: The platform of the image, as in ``linux/amd64``; None for this machine's.

    Raises:
        ConfigError: The backend has no own image, or the base image cannot be used.
        JobFailed: No engine, no packages, or the build failed; with its last lines.
    """
    name, backend = built_name(config.backend), owned(config.backend)
    folder = roots.find(f"{CONTAINERS}/{backend.name}")
    with engine() as client, tempfile.TemporaryDirectory(prefix="headrace-wheels-") as wheels:
        base = look_at(client, backend.base_image or default_base(folder), platform)
        download(folder / "requirements.txt", base, Path(wheels))
        baked_in = {
            path: content.encode() if isinstance(content, str) else content
            for path, content in code.items()
        }
        _run(
            client,
            _files(folder, Path(wheels)) | baked_in,
            tag=name,
            dockerfile=f"{_inside(folder)}/Dockerfile",
            buildargs={"BASE_IMAGE": base.name, "PIP_NO_INDEX": "1"},
            platform=platform,
        )
        image = client.images.get(name)
        return Built(name, str(image.id), int(image.attrs["Size"]))


def default_base(folder: Path) -> str:
    """Return the image that the Dockerfile of a folder is built on by default."""
    match = _DEFAULT_BASE.search((folder / "Dockerfile").read_text(encoding="utf-8"))
    if match is None:
        raise LookupError(f"{folder}/Dockerfile has no line 'ARG BASE_IMAGE=…'")
    return match[1]


def write_context(files: Mapping[str, bytes | Path], tar: IO[bytes]) -> None:
    """Write a build context, a tar; the same files give the same bytes.

    They are written in the order of their names, with neutral owner, permissions and times.

    Args:
        files: Path in the context → content, or the file that has it.
        tar: The file that the archive is written to.
    """
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, content in sorted(files.items()):
            if isinstance(content, Path):
                with content.open("rb") as file:
                    archive.addfile(_entry(name, content.stat().st_size), file)
            else:
                archive.addfile(_entry(name, len(content)), io.BytesIO(content))


def _inside(folder: Path) -> str:
    return f"{CONTAINERS}/{folder.name}"


def _files(folder: Path, wheels: Path) -> dict[str, bytes | Path]:
    """Return the context; its paths are the project's, so that building by hand works, too."""
    names = ("Dockerfile", "requirements.txt")
    own: dict[str, bytes | Path] = {f"{_inside(folder)}/{name}": folder / name for name in names}
    return own | {f"{_inside(folder)}/wheels/{wheel.name}": wheel for wheel in wheels.iterdir()}


def _run(client: Engine, files: Mapping[str, bytes | Path], **options: Any) -> None:
    with tempfile.TemporaryFile() as context:
        write_context(files, context)
        context.seek(0)
        messages = client.api.build(
            fileobj=context,
            custom_context=True,
            network_mode="none",
            use_config_proxy=False,
            rm=True,
            forcerm=True,
            decode=True,
            **options,
        )
        watched(messages, f"building {options['tag']}")


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = _READABLE_FILE
    return entry
