"""Pushes an own image to the account's ECR, or where ``backend.image_uri`` says."""

from __future__ import annotations

from dataclasses import dataclass

from docker.auth import resolve_repository_name
from docker.utils import parse_repository_tag

from headrace.aws.image_uris import own_image
from headrace.backends.image_names import built_name
from headrace.config.models import JobConfig
from headrace.errors import ConfigError, JobFailed, Problem
from headrace.images import ecr
from headrace.images.base_image import platform_of
from headrace.images.engine import Engine, engine, find_image
from headrace.images.messages import watched
from headrace.job.account import Account


@dataclass(frozen=True)
class Pushed:
    """An image in a registry."""

    name: str
    digest: str
    """``sha256:…`` of its manifest."""
    made_repository: bool
    """Whether the ECR repository was missing."""


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
    with engine() as client:
        _tag(client, here, there, platform)
        made, login = False, None
        if region := ecr.region_of(registry):
            repository, _ = parse_repository_tag(path)
            made = ecr.ensure_repository(registry, region, repository)
            login = ecr.login(region)
        messages = client.api.push(there, auth_config=login, stream=True, decode=True)
        results = watched(messages, f"pushing {there}")
    digest = next((result["Digest"] for result in results if "Digest" in result), None)
    if digest is None:
        raise JobFailed(f"pushing {there}: the registry did not say that it has the image")
    return Pushed(there, digest, made)


def _in(registry: str | None, backend: str) -> str:
    if registry is None:
        what = "needs a registry: set target=aws for the account's own, or backend.image_uri"
        raise ConfigError([Problem("action", f"push {what}")])
    return own_image(backend, registry)


def _tag(client: Engine, here: str, there: str, wanted: str | None) -> None:
    image = find_image(client, here)
    if image is None:
        raise _not_built(f"there is no image {here!r} on this machine")
    platform = platform_of(image)
    if wanted not in (None, platform):
        what = f"{here!r} is for {platform}, and the target runs {wanted} only"
        raise _not_built(what)
    image.tag(there)


def _not_built(what: str) -> ConfigError:
    return ConfigError([Problem("image", f"{what}; run the same with action=build first")])
