"""One's own image with the code baked in: only the parameters travel."""

from __future__ import annotations

from framework.account import Account
from framework.backends.base import Alone, Shipment
from framework.config import ProcessorConfig
from framework.entry_script import Program
from framework.image_uris import own_image
from framework.runtime.spec import CONFIG_INPUT, JOB_FILE

FILE = f"config/{JOB_FILE}"


class ProcessorBackend(Alone):
    """The SDK's plain ``Processor``."""

    def entrypoint(self, config: ProcessorConfig) -> tuple[str, ...]:
        """The image's own."""
        return ()

    def image_uri(self, config: ProcessorConfig, account: Account) -> str:
        """The image by hand, or the one that this project builds with its code inside."""
        return config.image_uri or own_image("processor", account.registry())

    def ship(self, program: Program, config: ProcessorConfig) -> tuple[Shipment, ...]:
        """The parameters alone."""
        content = program.spec.to_json().encode()
        return (Shipment("config", CONFIG_INPUT, FILE, content),)

    def files(self, config: ProcessorConfig) -> tuple[str, ...]:
        """The parameters alone."""
        return (FILE,)
