"""AWS's scikit-learn image with a shipped script."""

from __future__ import annotations

from headrace.aws.image_uris import sklearn_image
from headrace.backends.base import WithScript
from headrace.config.models import SklearnConfig
from headrace.job.account import Account


class SklearnBackend(WithScript):
    """The behaviour of ``SKLearnProcessor`` in SDK 2.x."""

    def image_uri(self, config: SklearnConfig, account: Account) -> str:
        """Return the configured image, or AWS's by region and version."""
        return config.image_uri or sklearn_image(account.region(), config.framework_version)
