"""The policy names what the request names, and nothing more."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest
from omegaconf import DictConfig

from headrace.cli import actions
from headrace.cli.actions.policy import policy
from headrace.config.compose import compose

Composer = Callable[..., DictConfig]
ROLE = "job.role=arn:aws:iam::123456789012:role/processing"
ON_S3 = (
    "action=policy", "backend.region=eu-west-1", ROLE, "dataset=avazu",
    "dataset.path=s3://logs/avazu/", "output.path=s3://features/ctr",
)  # fmt: skip
KEY = "arn:aws:kms:eu-west-1:123456789012:key/abc"


def statements(composed: Composer, *overrides: str) -> dict[str, dict[str, Any]]:
    document = policy(compose(composed(*ON_S3, *overrides)))
    assert document["Version"] == "2012-10-17"
    by_name = {each.pop("Sid"): each for each in copy.deepcopy(document["Statement"])}
    assert all(name.isalnum() for name in by_name)
    return by_name


def allows(found: dict[str, dict[str, Any]], action: str, arn: str) -> bool:
    """A small judge of IAM's rules for statements without a condition."""
    return any(
        action in each["Action"] and any(fnmatchcase(arn, one) for one in each["Resource"])
        for each in found.values()
        if "Condition" not in each
    )


def test_reading_and_writing_are_allowed_where_the_job_does_it(composed: Composer) -> None:
    found = statements(composed)
    for action, key, wanted in [
        ("s3:GetObject", "logs/avazu/day=1/a.csv", True),
        ("s3:GetObject", "logs/other/a.csv", False),
        ("s3:GetObject", "features/ctr/code/entry.pyz", True),
        ("s3:GetObject", "features/ctr/train/part-00000.npz", False),
        ("s3:PutObject", "features/ctr/train/part-00000.npz", True),
        ("s3:PutObject", "features/ctr/report/manifest.json", True),
        ("s3:PutObject", "features/ctr/code/entry.pyz", False),
        ("s3:PutObject", "logs/avazu/a.csv", False),
        ("s3:DeleteObject", "features/ctr/train/part-00000.npz", False),
    ]:
        assert allows(found, action, f"arn:aws:s3:::{key}") is wanted, (action, key)


def test_packages_may_be_read(composed: Composer) -> None:
    """Which wheels they are takes pip, and does not matter."""
    packages = {f"arn:aws:s3:::features/ctr/packages{end}" for end in ("/a.whl", "-old/a.whl")}
    found = statements(composed, "backend.requirements=[pyarrow]")
    allowed = {arn for arn in packages if allows(found, "s3:GetObject", arn)}
    assert allowed == {"arn:aws:s3:::features/ctr/packages/a.whl"}
    without = statements(composed)
    assert not any(allows(without, "s3:GetObject", arn) for arn in packages)


def test_listing_is_held_to_the_prefixes(composed: Composer) -> None:
    found = statements(composed)
    listing = [each for each in found.values() if "s3:ListBucket" in each["Action"]]
    buckets = [each["Resource"] for each in listing]
    assert buckets == [["arn:aws:s3:::logs"], ["arn:aws:s3:::features"]]
    prefixes = [each["Condition"]["StringLike"]["s3:prefix"] for each in listing]
    assert prefixes == [
        ["avazu/*"],
        ["ctr/code/entry.pyz*", "ctr/train/*", "ctr/validation/*", "ctr/report/*"],
    ]


@pytest.mark.parametrize(
    ("override", "repository"),
    [
        ("backend=sklearn", "eu-west-1:141502667606:repository/sagemaker-scikit-learn"),
        ("backend=script", "eu-west-1:123456789012:repository/headrace-script"),
        (
            "backend.image_uri=111122223333.dkr.ecr.us-east-2.amazonaws.com/team/mine@sha256:ab",
            "us-east-2:111122223333:repository/team/mine",
        ),
    ],
)
def test_the_image_alone_may_be_pulled(composed: Composer, override: str, repository: str) -> None:
    found = statements(composed, override)
    assert found["PullImage"]["Resource"] == [f"arn:aws:ecr:{repository}"]


def test_an_image_elsewhere_needs_no_rights(composed: Composer) -> None:
    assert "PullImage" not in statements(composed, "backend.image_uri=registry.example.com/mine:1")


def test_a_key_and_a_network_are_named(composed: Composer) -> None:
    found = statements(
        composed, f"job.kms_key={KEY}", "job.subnets=[subnet-1]", "job.security_group_ids=[sg-1]"
    )
    assert found["UseKey"]["Resource"] == [KEY]
    assert found["JoinNetwork"]["Resource"] == [
        "arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-1",
        "arn:aws:ec2:eu-west-1:123456789012:security-group/sg-1",
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
    ]
    assert statements(composed).keys().isdisjoint({"UseKey", "JoinNetwork", "LookAtNetwork"})


def test_an_alias_stands_for_the_key_that_has_it(composed: Composer) -> None:
    found = statements(composed, "job.kms_key=alias/logs")
    assert found["UseKey"]["Resource"] == ["arn:aws:kms:eu-west-1:123456789012:key/*"]
    condition = found["UseKey"]["Condition"]
    assert condition == {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/logs"}}


def test_stars_stand_only_where_aws_knows_no_resource(composed: Composer) -> None:
    everywhere = {
        action
        for each in statements(composed).values()
        if each["Resource"] == ["*"]
        for action in each["Action"]
    }
    assert everywhere == {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"}


def test_china_has_its_own_partition(composed: Composer) -> None:
    found = statements(composed, "backend.region=cn-north-1")
    resources = [one for each in found.values() for one in each["Resource"] if one != "*"]
    assert all(one.startswith("arn:aws-cn:") for one in resources)


def test_without_s3_the_policy_is_for_the_default_bucket(
    composed: Composer, capsys: pytest.CaptureFixture[str]
) -> None:
    actions.perform(compose(composed("action=policy", "backend.region=eu-west-1", ROLE)))
    printed = json.loads(capsys.readouterr().out)
    resources = {one for each in printed["Statement"] for one in each["Resource"]}
    bucket = "arn:aws:s3:::sagemaker-eu-west-1-123456789012"
    assert f"{bucket}/headrace/*/input/data/*" in resources
    assert f"{bucket}/headrace/*/train/*" in resources


def test_the_account_may_be_that_of_the_credentials(
    aws: str, composed: Composer, capsys: pytest.CaptureFixture[str]
) -> None:
    found = policy(compose(composed("action=policy", "backend=script")))["Statement"]
    images = [each["Resource"] for each in found if each["Sid"] == "PullImage"]
    assert images == [["arn:aws:ecr:us-east-1:123456789012:repository/headrace-script"]]
    assert capsys.readouterr().err == ""


def test_an_unknown_account_is_said_to_be_unknown(
    aws: str,
    composed: Composer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    found = policy(compose(composed("action=policy", "backend=script")))["Statement"]
    images = [each["Resource"] for each in found if each["Sid"] == "PullImage"]
    assert images == [["arn:aws:ecr:us-east-1:*:repository/headrace-script"]]
    assert capsys.readouterr().err == (
        "note: the account is not known, so ARNs say '*' for it: AWS credentials: "
        "Unable to locate credentials; run 'aws "
        "configure', or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n"
    )
