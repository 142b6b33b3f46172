"""Bases that the backends share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from headrace.config.models import BackendConfig
from headrace.job.backend import Code, Shipment, Way
from headrace.runtime.spec import CODE_INPUT

PYTHON = ("python3",)


class Alone:
    """Base of those whose instances know nothing of each other."""

    def ship(self, config: BackendConfig, variables: Mapping[str, str]) -> tuple[Shipment, ...]:
        """Nothing beside the program."""
        return ()

    def outputs(self, config: BackendConfig) -> dict[str, str]:
        """None."""
        return {}


class WithScript(Alone):
    """Base of those that run a shipped script."""

    way: ClassVar[Way] = "python"

    def entrypoint(self, config: BackendConfig, code: Code) -> tuple[str, ...]:
        """Python on the script, unless the program has a command of its own."""
        if not code.script:
            return code.command
        return (*(code.command or PYTHON), f"{CODE_INPUT}/{code.script}")
