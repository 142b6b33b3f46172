from __future__ import annotations

import pytest

from headrace.aws.clients import client
from headrace.images.push import ecr_login, ecr_region, ensure_repository

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("registry", "region"),
    [
        (REGISTRY, "us-east-1"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("docker.io", None),
        ("127.0.0.1:5000", None),
        (f"{REGISTRY}:443", None),
    ],
)
def test_the_region_of_a_registry(registry: str, region: str | None) -> None:
    assert ecr_region(registry) == region


def test_a_missing_repository_is_made_once(aws: str) -> None:
    assert ensure_repository(REGISTRY, "us-east-1", "headrace-script") is True
    (made,) = client("ecr", "us-east-1").describe_repositories()["repositories"]
    assert made["repositoryUri"] == f"{REGISTRY}/headrace-script"
    assert made["imageScanningConfiguration"] == {"scanOnPush": True}
    assert made["imageTagMutability"] == "MUTABLE"
    assert ensure_repository(REGISTRY, "us-east-1", "headrace-script") is False


def test_the_login(aws: str) -> None:
    """What moto answers."""
    assert ecr_login("us-east-1") == {"username": "AWS", "password": "123456789012-auth-token"}
