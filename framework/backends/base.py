"""What a backend answers: which image, which entrypoint, how the code gets in; never who runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from framework.account import Account
from framework.config import BackendConfig
from framework.entry_script import Program, entry_script
from framework.runtime.spec import CODE_INPUT

SCRIPT = "entry.pyz"
FILE = f"code/{SCRIPT}"
PYTHON_ON_SCRIPT = ("python3", f"{CODE_INPUT}/{SCRIPT}")


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

    def ship(self, program: Program, config: C) -> tuple[Shipment, ...]:
        """What brings the program, or what it has to know, into the container."""

    def files(self, config: C) -> tuple[str, ...]:
        """Return the paths of all files that `ship` makes; the job itself has to know them."""

    def outputs(self, config: C) -> dict[str, str]:
        """Outputs beside those of the program: name → folder in the container."""


class Alone:
    """Base of those whose instances know nothing of each other."""

    def outputs(self, config: BackendConfig) -> dict[str, str]:
        """None."""
        return {}


class WithScript(Alone):
    """Base of those that run a shipped script."""

    def entrypoint(self, config: BackendConfig) -> tuple[str, ...]:
        """Python on the script."""
        return PYTHON_ON_SCRIPT

    def ship(self, program: Program, config: BackendConfig) -> tuple[Shipment, ...]:
        """The self-contained entry script, as the input that the SDK calls ``code``."""
        return (Shipment("code", CODE_INPUT, FILE, entry_script(program)),)

    def files(self, config: BackendConfig) -> tuple[str, ...]:
        """The script alone."""
        return (FILE,)
