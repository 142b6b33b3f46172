"""A bucket, and a proxy in front of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3.session
import pytest

from headrace.aws import clients, download
from tests.s3.proxy import Proxy

BUCKET = "logs"


@pytest.fixture(scope="session")
def session() -> boto3.session.Session:
    """One for all tests: each would read botocore's files anew."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.session.Session(region_name="us-east-1", **keys)


@pytest.fixture
def s3(aws: str, session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client that talks to the server itself, past every proxy; there is one bucket."""
    monkeypatch.setattr(clients, "session", lambda *_: session)
    direct = clients.client("s3")
    direct.create_bucket(Bucket=BUCKET)
    return direct


@pytest.fixture
def proxy(aws: str, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """From now on, this process and those that it starts reach S3 through it."""
    proxy = Proxy(aws)
    with proxy.running() as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        yield proxy


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between attempts take no time; there are as many attempts as ever."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    limiter = "botocore.retries.adaptive.ClientRateLimiter"
    monkeypatch.setattr(f"{limiter}.on_sending_request", lambda *_, **__: None)
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def put(s3: Any) -> Callable[..., None]:
    """Puts objects into the bucket: key → content."""

    def put(objects: dict[str, bytes], **arguments: str) -> None:
        for key, content in objects.items():
            s3.put_object(Bucket=BUCKET, Key=key, Body=content, **arguments)

    return put


@pytest.fixture
def keys(s3: Any) -> Callable[[], list[str]]:
    """What the bucket holds."""

    def keys() -> list[str]:
        return [each["Key"] for each in s3.list_objects_v2(Bucket="logs").get("Contents", ())]

    return keys


@pytest.fixture
def content(s3: Any) -> Callable[[str], bytes]:
    """What an object holds."""
    return lambda key: s3.get_object(Bucket="logs", Key=key)["Body"].read()


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, of this process and of those that it starts.

    After a test there is nothing in it.
    """
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    assert list(folder.iterdir()) == []
