"""Bases that the backends share."""

from __future__ import annotations

from headrace.config.models import BackendConfig
from headrace.job.backend import Shipment
from headrace.job.entry_script import ChainCode, entry_script
from headrace.runtime.spec import CODE_INPUT

SCRIPT = "entry.pyz"
FILE = f"code/{SCRIPT}"
PYTHON_ON_SCRIPT = ("python3", f"{CODE_INPUT}/{SCRIPT}")


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

    def ship(self, program: ChainCode, config: BackendConfig) -> tuple[Shipment, ...]:
        """The self-contained entry script, as the input that the SDK calls ``code``."""
        return (Shipment("code", CODE_INPUT, FILE, entry_script(program)),)

    def files(self, config: BackendConfig) -> tuple[str, ...]:
        """The script alone."""
        return (FILE,)
