"""One's own image with the code baked in: only the parameters travel."""

from __future__ import annotations

from headrace.aws.image_uris import own_image
from headrace.backends.base import Alone
from headrace.config.models import ProcessorConfig
from headrace.job.account import Account
from headrace.job.backend import Shipment
from headrace.job.entry_script import ChainCode
from headrace.runtime.spec import CONFIG_INPUT, JOB_FILE

FILE = f"config/{JOB_FILE}"


class ProcessorBackend(Alone):
    """The SDK's plain ``Processor``."""

    def entrypoint(self, config: ProcessorConfig) -> tuple[str, ...]:
        """The image's own."""
        return ()

    def image_uri(self, config: ProcessorConfig, account: Account) -> str:
        """The image by hand, or the one that this project builds with its code inside."""
        return config.image_uri or own_image("processor", account.registry())

    def ship(self, program: ChainCode, config: ProcessorConfig) -> tuple[Shipment, ...]:
        """The parameters alone."""
        content = program.spec.to_json().encode()
        return (Shipment("config", CONFIG_INPUT, FILE, content),)

    def files(self, config: ProcessorConfig) -> tuple[str, ...]:
        """The parameters alone."""
        return (FILE,)
