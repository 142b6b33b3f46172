"""The names of own images, on this machine and in a registry."""

from __future__ import annotations

from headrace.aws.image_uris import own_image
from headrace.config.models import BackendConfig, OwnImageConfig
from headrace.errors import ConfigError, Problem

OWN = ("script", "processor")
"""Backends whose image this project builds."""


def owned(backend: BackendConfig) -> OwnImageConfig:
    """Return the same backend, if its image is the user's own.

    Raises:
        ConfigError: AWS provides the image.
    """
    if not isinstance(backend, OwnImageConfig):
        what = (
            f"AWS provides the image of backend={backend.name}, so there is none to build or push; "
            f"allowed: {', '.join(OWN)}"
        )
        raise ConfigError([Problem("backend", what)])
    return backend


def built_name(backend: BackendConfig) -> str:
    """Return the name of a backend's image on this machine: the project's, or the user's.

    Raises:
        ConfigError: AWS provides the image.
    """
    own = owned(backend)
    return own.image_uri or own_image(own.name)
