"""Amazon ECR: create an image's repository if it is missing; log in for 12 hours.

Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-ecr-image.html
"""

from __future__ import annotations

import base64
import re

from headrace.aws.clients import client, explained

REGISTRY = re.compile(r"\d{12}\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.]+")


def region_of(registry: str) -> str | None:
    """Return the region of an ECR registry; None for any other host."""
    match = REGISTRY.fullmatch(registry)
    return match["region"] if match else None


def ensure_repository(registry: str, region: str, repository: str) -> bool:
    """Create a repository if it is missing.

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
            return False  # somebody else has been faster
    return True


def login(region: str) -> dict[str, str]:
    """Return user and password for a region's registries; only Docker's API receives them.

    Raises:
        JobFailed: AWS refused.
    """
    with explained():
        answer = client("ecr", region).get_authorization_token()
    token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
    username, _, password = token.partition(":")
    return {"username": username, "password": password}
