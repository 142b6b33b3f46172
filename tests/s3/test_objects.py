"""Listings and removals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headrace.aws.s3 import input_objects, object_at, remove, with_prefix
from headrace.config.models import OutputConfig
from headrace.errors import ConfigError, JobFailed, Problem
from headrace.results import output_prefix
from tests.s3.faults import error, only_for
from tests.s3.proxy import Exchange, Proxy

pytestmark = pytest.mark.usefixtures("patient")
Put = Callable[..., None]


def test_one_object_among_those_whose_keys_begin_alike(put: Put, aws: str) -> None:
    put({"a/b": b"1", "a/b.old": b"22", "a/": b""})
    assert object_at("s3://logs/a/b", "here").size == 1
    with pytest.raises(ConfigError) as caught:
        object_at("s3://logs/a", "here")
    assert str(caught.value.problems[0]) == "here: there is no object 's3://logs/a'"


def test_a_listing_from_another_region(put: Put, proxy: Proxy) -> None:
    put({"a/b": b"1"})
    proxy.on("GET", "^/logs", only_for("eu-central-1"))
    assert [each.uri for each in with_prefix("s3://logs/a")] == ["s3://logs/a/b"]


def test_a_listing_is_asked_for_again(put: Put, proxy: Proxy) -> None:
    put({"a/b": b"1"})
    proxy.on("GET", "list-type", error(503, "SlowDown"), times=3)
    assert [each.uri for each in with_prefix("s3://logs/")] == ["s3://logs/a/b"]


@pytest.mark.parametrize(
    ("status", "code", "why"),
    [
        (403, "AccessDenied", "AWS refused ListObjectsV2: AccessDenied: because"),
        (
            400,
            "ExpiredToken",
            "the AWS credentials have expired (ExpiredToken); run 'aws configure', or set "
            "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
    ],
)
def test_what_may_not_be_listed(proxy: Proxy, status: int, code: str, why: str) -> None:
    proxy.on("GET", "list-type", error(status, code))
    problem = f"cannot list 's3://logs/a': {why}"
    for listing in (input_objects, object_at):
        with pytest.raises(ConfigError) as caught:
            listing("s3://logs/a", "here")
        assert caught.value.problems == (Problem("here", problem),)
    output = OutputConfig(path="s3://logs/a", overwrite=True)
    assert output_prefix.check(output) == [Problem("output.path", problem)]


def test_an_output_without_a_bucket() -> None:
    problem = Problem("output.path", "'s3://' names no bucket")
    assert output_prefix.check(OutputConfig(path="s3://")) == [problem]


def test_more_objects_than_one_request_removes(put: Put, s3: Any, proxy: Proxy) -> None:
    put({"a": b"", "ä b+%": b"", "z": b""})
    remove([*(f"s3://logs/{number}" for number in range(1000)), "s3://logs/a", "s3://logs/ä b+%"])
    assert [each.uri for each in with_prefix("s3://logs/")] == ["s3://logs/z"]
    assert proxy.count("POST", "delete") == 2


def test_an_object_that_s3_keeps(s3: Any, proxy: Proxy) -> None:
    def keep(exchange: Exchange) -> None:
        answer = exchange.forward(exchange.read())
        refusal = "<Key>a</Key><Code>AccessDenied</Code><Message>Access Denied</Message>"
        text = f"<DeleteResult><Error>{refusal}</Error></DeleteResult>"
        exchange.send(answer.with_body(text.encode()))

    proxy.on("POST", "delete", keep)
    with pytest.raises(JobFailed) as caught:
        remove(["s3://logs/a"])
    assert str(caught.value) == "s3://logs/a cannot be removed: AccessDenied: Access Denied"
