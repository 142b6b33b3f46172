"""One's own image with a shipped script."""

from __future__ import annotations

from headrace.aws.image_uris import own_image
from headrace.backends.base import WithScript
from headrace.config.models import ScriptConfig
from headrace.job.account import Account


class ScriptBackend(WithScript):
    """The SDK's ``ScriptProcessor``."""

    def image_uri(self, config: ScriptConfig, account: Account) -> str:
        """Return the configured image, or the one that this project builds for scripts."""
        return config.image_uri or own_image("script", account.registry())
