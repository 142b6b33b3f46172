"""Push an own image to a registry; for Amazon ECR, create its repository and log in.

Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-ecr-image.html
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from docker.auth import resolve_repository_name
from docker.utils import parse_repository_tag

from headrace.aws.clients import client, explained
from headrace.aws.image_uris import own_image
from headrace.backends.image_names import built_name
from headrace.config.models import JobConfig
from headrace.errors import ConfigError, JobFailed, Problem
from headrace.images.base_image import platform_of
from headrace.images.engine import Engine, engine, find_image
from headrace.images.messages import watched
from headrace.job.account import Account

_ECR = re.compile(r"\d{12}\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.]+")


@dataclass(frozen=True)
class Pushed:
    """An image in a registry."""

    name: str
    digest: str
    """``sha256:…`` of its manifest."""
    made_repository: bool
    """True if the ECR repository was missing."""


def push(config: JobConfig, account: Account, platform: str | None) -> Pushed:
    """Push the image of the configured backend, as ``action=build`` left it on this machine.

    Args:
        config: Names the backend, and perhaps the image.
        account: Whose registry gets it if the configuration names none.
        platform: The only one that the image may be for; None for any.

    Raises:
        ConfigError: There is no registry to push to, or no such image on this machine.
        JobFailed: No engine, or it or the registry refused.
    """
    here = built_name(config.backend)
    there = config.backend.image_uri or _in(account.registry(), config.backend.name)
    registry, path = resolve_repository_name(there)
    with engine() as docker:
        _tag(docker, here, there, platform)
        made, login = False, None
        if region := ecr_region(registry):
            repository, _ = parse_repository_tag(path)
            made = ensure_repository(registry, region, repository)
            login = ecr_login(region)
        messages = docker.api.push(there, auth_config=login, stream=True, decode=True)
        results = watched(messages, f"pushing {there}")
    digest = next((result["Digest"] for result in results if "Digest" in result), None)
    if digest is None:
        raise JobFailed(f"pushing {there}: the registry did not say that it has the image")
    return Pushed(there, digest, made)


def ecr_region(registry: str) -> str | None:
    """Return the region of an ECR registry; None for any other host."""
    match = _ECR.fullmatch(registry)
    return match["region"] if match else None


def ensure_repository(registry: str, region: str, repository: str) -> bool:
    """Create a repository on ECR if it is missing.

    A new one has AWS's defaults, but for this: images are scanned for known weaknesses when they
    are pushed, which costs nothing. Tags can be moved, so that a rebuilt image of the same version
    can be pushed again.

    Args:
        registry: Host of an ECR registry.
        region: Its region.
        repository: Name of the repository.

    Returns:
        Whether it has been made now.

    Raises:
        JobFailed: AWS refused.
    """
    ecr, account = client("ecr", region), registry.split(".")[0]
    with explained():
        try:
            ecr.describe_repositories(registryId=account, repositoryNames=[repository])
            return False
        except ecr.exceptions.RepositoryNotFoundException:
            pass
        try:
            ecr.create_repository(
                registryId=account,
                repositoryName=repository,
                imageScanningConfiguration={"scanOnPush": True},
            )
        except ecr.exceptions.RepositoryAlreadyExistsException:
            return False  # another process has been faster
    return True


def ecr_login(region: str) -> dict[str, str]:
    """Return user and password for a region's ECR, valid for 12 hours.

    Only Docker's API receives them.

    Raises:
        JobFailed: AWS refused.
    """
    with explained():
        answer = client("ecr", region).get_authorization_token()
    token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
    username, _, password = token.partition(":")
    return {"username": username, "password": password}


def _in(registry: str | None, backend: str) -> str:
    if registry is None:
        what = "needs a registry: set target=aws for the account's own, or backend.image_uri"
        raise ConfigError([Problem("action", f"push {what}")])
    return own_image(backend, registry)


def _tag(docker: Engine, here: str, there: str, wanted: str | None) -> None:
    image = find_image(docker, here)
    if image is None:
        raise _not_built(f"there is no image {here!r} on this machine")
    platform = platform_of(image)
    if wanted not in (None, platform):
        what = f"{here!r} is for {platform}, and the target runs {wanted} only"
        raise _not_built(what)
    image.tag(there)


def _not_built(what: str) -> ConfigError:
    return ConfigError([Problem("image", f"{what}; run the same with action=build first")])
