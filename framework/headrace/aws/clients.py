"""boto3's clients, all with the same timeouts and retries, and its errors as messages for users."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import boto3
import boto3.session
from botocore import exceptions
from botocore.config import Config

from headrace.errors import ConfigError, HeadraceError, JobFailed, Problem
from headrace.runtime import VERSION

for _name in ("boto3", "botocore", "s3transfer", "urllib3"):
    # Hydra prints all log messages ("Found credentials in …"), and errors are raised anyway.
    logging.getLogger(_name).setLevel(logging.CRITICAL)

PATIENCE = Config(
    retries={"mode": "adaptive", "total_max_attempts": 8},
    connect_timeout=10,
    read_timeout=60,
    max_pool_connections=32,
    user_agent_extra=f"headrace/{VERSION}",
)
"""Throttled and lost calls are tried again, ever more slowly.

Source: https://docs.aws.amazon.com/boto3/latest/guide/retries.html
"""
AwsError = (exceptions.BotoCoreError, exceptions.ClientError, boto3.exceptions.Boto3Error)
"""All that boto3 raises."""
CREDENTIALS = "AWS credentials"
HOW = "run 'aws configure', or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"

_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
)
_BAD_CREDENTIALS = {
    "AuthFailure": "are not valid",
    "ExpiredToken": "have expired",
    "ExpiredTokenException": "have expired",
    "InvalidAccessKeyId": "are not valid",
    "InvalidClientTokenId": "are not valid",
    "InvalidSignatureException": "are not valid",
    "RequestExpired": "have expired, or this machine's clock is wrong",
    "SignatureDoesNotMatch": "are not valid",
    "TokenRefreshRequired": "have expired",
    "UnrecognizedClientException": "are not valid",
}


def client(
    service: str,
    region: str | None = None,
    profile: str | None = None,
    patience: Config | None = None,
) -> Any:
    """Return a client of a service.

    Endpoint, profile and credentials come from the usual AWS variables and files.

    Args:
        service: boto3's name of it, such as ``s3``.
        region: AWS region; default: the one that boto3 finds.
        profile: Of the AWS configuration; default: as the environment says.
        patience: Timeouts and retries; default: `PATIENCE`.

    Raises:
        botocore.exceptions.BotoCoreError: The AWS configuration cannot be used; see `explained`.
    """
    return _client(session(region, profile), service, patience or PATIENCE, _settings())


def new_client(service: str, region: str | None = None) -> Any:
    """Return a client that nobody else has, to whose events a caller may add; see `client`."""
    return session(region, None).client(service, config=PATIENCE)


@lru_cache(32)
def _client(
    of: boto3.session.Session, service: str, patience: Config, _: tuple[tuple[str, str], ...]
) -> Any:
    """Make a client, anew only for other settings: it takes milliseconds, and a job asks often."""
    return of.client(service, config=patience)


def _settings() -> tuple[tuple[str, str], ...]:
    return tuple(sorted(each for each in os.environ.items() if each[0].startswith("AWS_")))


@cache
def session(region: str | None, profile: str | None) -> boto3.session.Session:
    """Return the only session of a region and a profile: credentials are looked for once."""
    return boto3.session.Session(region_name=region, profile_name=profile)


def has_credentials(required: bool) -> bool:
    """Return whether there are credentials, without asking AWS whether they are valid.

    Raises:
        ConfigError: The AWS configuration cannot be used, or has none though they are required.
    """
    with explained(problem_at(CREDENTIALS)):
        if session(None, None).get_credentials():
            return True
        if required:
            raise exceptions.NoCredentialsError
    return False


@contextmanager
def explained(error: Callable[[str], HeadraceError] = JobFailed) -> Iterator[None]:
    """Turn the errors that boto3 raises into errors for users.

    Args:
        error: Makes an error of its text; by default `JobFailed`.
    """
    try:
        yield
    except AwsError as exc:
        raise error(reason(exc)) from exc


def problem_at(where: str) -> Callable[[str], ConfigError]:
    """Return what `explained` takes if an error means that a key of the configuration is wrong."""
    return lambda what: ConfigError([Problem(where, what)])


def code_of(error: BaseException) -> str:
    """Return AWS's code of an error, such as ``NoSuchKey``; empty if AWS did not answer it."""
    if isinstance(error, exceptions.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def reason(error: BaseException) -> str:
    """Return the cause of an error and its remedy, in one line."""
    if isinstance(error, exceptions.ProfileNotFound):
        return f"{error}; AWS_PROFILE names a profile of ~/.aws/config"
    if isinstance(error, exceptions.NoRegionError):
        return "no AWS region; set backend.region or AWS_REGION"
    if isinstance(error, _NO_CREDENTIALS):
        return f"{_line(error)}; {HOW}"
    if isinstance(error, exceptions.ClientError):
        return _refusal(error)
    return _line(error)


def _refusal(error: exceptions.ClientError) -> str:
    code, details = code_of(error), error.response.get("Error", {})
    if code in _BAD_CREDENTIALS:
        return f"the AWS credentials {_BAD_CREDENTIALS[code]} ({code}); {HOW}"
    said = str(details.get("Message") or "no reason given").strip()
    return f"AWS refused {error.operation_name}: {code}: {' '.join(said.split())}"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")
