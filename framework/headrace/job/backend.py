"""The interface of backends: image, entrypoint and the way of the code; never who runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeVar

from headrace.config.models import BackendConfig
from headrace.job.account import Account
from headrace.runtime.spec import PROCESSING

Way = Literal["python", "spark", "image"]
"""The way a backend starts code: Python on a script, Spark on one, or the image by itself."""
CODE = "code"
"""Name of the input that brings a script. It is the last one, as in the SDK."""

PY_FILES = "py-files"
"""Name of the input that brings what all of Spark's processes import."""
PY_FILES_INPUT = f"{PROCESSING}/input/{PY_FILES}"


@dataclass(frozen=True)
class Shipment:
    """A file that a job brings along, and the input that it arrives by."""

    input_name: str
    container_path: str
    file: str
    """Path below the job's own folder."""
    content: bytes


@dataclass(frozen=True)
class Code:
    """The shipments of a program, and the command that starts it in the container."""

    shipments: tuple[Shipment, ...] = ()
    """Those of one input stand together in one folder."""
    script: str = ""
    """The file of the input `CODE` that starts; empty if none ships."""
    command: tuple[str, ...] = ()
    """Command that starts it; empty for the backend's own way, or the image's own entrypoint."""
    source: str | None = None
    """URI on S3 of a script that is not shipped."""


C = TypeVar("C", bound=BackendConfig, contravariant=True)


class Backend(Protocol[C]):
    """One of SageMaker Processing's kinds, with a configuration of its own."""

    way: ClassVar[Way]
    """Command that starts code."""

    def entrypoint(self, config: C, code: Code) -> tuple[str, ...]:
        """Return the container's command; empty for the image's own."""

    def image_uri(self, config: C, account: Account) -> str:
        """Return the image; `account` is asked only if it has to be."""

    def ship(self, config: C, variables: Mapping[str, str]) -> Sequence[Shipment]:
        """Return what it ships beside the program, whose processes need these variables."""

    def outputs(self, config: C) -> dict[str, str]:
        """Return outputs beside those of the program: name → folder in the container."""
