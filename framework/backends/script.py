"""One's own image with a shipped script."""

from __future__ import annotations

from framework.account import Account
from framework.backends.base import WithScript
from framework.config import ScriptConfig
from framework.image_uris import own_image


class ScriptBackend(WithScript):
    """The SDK's ``ScriptProcessor``."""

    def image_uri(self, config: ScriptConfig, account: Account) -> str:
        """The image by hand, or the one that this project builds for scripts."""
        return config.image_uri or own_image("script", account.registry())
