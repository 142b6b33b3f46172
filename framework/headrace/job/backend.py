"""What a backend answers: which image, which entrypoint, how the code gets in; never who runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from headrace.config.models import BackendConfig
from headrace.job.account import Account
from headrace.job.entry_script import ChainCode


@dataclass(frozen=True)
class Shipment:
    """A file that a job brings along, and the input that it arrives by."""

    input_name: str
    container_path: str
    file: str
    """Path below the job's own folder."""
    content: bytes


C = TypeVar("C", bound=BackendConfig, contravariant=True)


class Backend(Protocol[C]):
    """One of SageMaker Processing's kinds, with a configuration of its own."""

    def entrypoint(self, config: C) -> tuple[str, ...]:
        """The container's command; empty for the image's own."""

    def image_uri(self, config: C, account: Account) -> str:
        """The image; `account` is asked only by who needs one."""

    def ship(self, program: ChainCode, config: C) -> tuple[Shipment, ...]:
        """What brings the program, or what it has to know, into the container."""

    def files(self, config: C) -> tuple[str, ...]:
        """Return the paths of all files that `ship` makes; the job itself has to know them."""

    def outputs(self, config: C) -> dict[str, str]:
        """Outputs beside those of the program: name → folder in the container."""
