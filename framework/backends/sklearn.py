"""AWS's scikit-learn image with a shipped script."""

from __future__ import annotations

from framework.account import Account
from framework.backends.base import WithScript
from framework.config import SklearnConfig
from framework.image_uris import sklearn_image


class SklearnBackend(WithScript):
    """What ``SKLearnProcessor`` of SDK 2.x did."""

    def image_uri(self, config: SklearnConfig, account: Account) -> str:
        """The image by hand, or AWS's by region and version."""
        return config.image_uri or sklearn_image(account.region(), config.framework_version)
