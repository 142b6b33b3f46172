"""One's own image with the code baked in: no script travels."""

from __future__ import annotations

from typing import ClassVar

from headrace.aws.image_uris import own_image
from headrace.backends.base import Alone
from headrace.config.models import ProcessorConfig
from headrace.job.account import Account
from headrace.job.backend import Code, Way


class ProcessorBackend(Alone):
    """The SDK's plain ``Processor``."""

    way: ClassVar[Way] = "image"

    def entrypoint(self, config: ProcessorConfig, code: Code) -> tuple[str, ...]:
        """Return the program's command; empty for the image's own."""
        return code.command

    def image_uri(self, config: ProcessorConfig, account: Account) -> str:
        """Return the configured image, or the one that this project builds with its code inside."""
        return config.image_uri or own_image("processor", account.registry())
