"""The AWS region, found as every AWS tool finds it."""

from __future__ import annotations

import os
from pathlib import Path

from headrace.errors import ConfigError, Problem

VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
FILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}


def find_region(configured: str | None) -> str | None:
    """Return the region of the configuration, the environment or the AWS profile, in that order.

    Args:
        configured: ``backend.region``.

    Returns:
        The region, or None if none of them names one.

    Raises:
        ConfigError: The AWS configuration file is there but cannot be used.
    """
    candidates = (configured, *(os.environ.get(variable) for variable in VARIABLES))
    return next((region for region in candidates if region), None) or _of_profile()


def _of_profile() -> str | None:
    if not any(_is_there(variable, default) for variable, default in FILES.items()):
        return None  # without importing botocore
    import botocore.exceptions
    import botocore.session

    try:
        region = botocore.session.Session().get_config_variable("region")
    except botocore.exceptions.BotoCoreError as error:
        raise ConfigError([Problem("backend.region", f"not given, and {error}")]) from error
    return None if region is None else str(region)


def _is_there(variable: str, default: str) -> bool:
    return Path(os.environ.get(variable) or default).expanduser().is_file()
