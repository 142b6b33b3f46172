"""One's own image with a shipped script."""

from __future__ import annotations

from framework.account import Account
from framework.backends.base import PYTHON_ON_SCRIPT, Shipment, ship_script
from framework.config import BackendConfig
from framework.entry_script import Program
from framework.image_uris import own_image


class ScriptBackend:
    """The SDK's ``ScriptProcessor``."""

    entrypoint = PYTHON_ON_SCRIPT

    def image_uri(self, config: BackendConfig, account: Account) -> str:
        """The image by hand, or the one that this project builds for scripts."""
        return config.image_uri or own_image("script", account.registry())

    def ship(self, program: Program) -> Shipment:
        """The entry script."""
        return ship_script(program)
