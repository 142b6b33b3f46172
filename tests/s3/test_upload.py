"""What is uploaded is on S3 as it was here, or nothing of it is."""

from __future__ import annotations

import base64
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest

from headrace.aws import s3 as objects
from headrace.aws import upload
from headrace.errors import JobFailed
from tests.s3.faults import (
    after,
    cut_request,
    damage_request,
    error,
    only_for,
    stall,
    stall_request,
)
from tests.s3.proxy import Act, Proxy, pass_on

pytestmark = pytest.mark.usefixtures("patient")
CONTENT = bytes(range(256)) * 4000
ONE = "/logs/out/a"
KEY = "arn:aws:kms:us-east-1:123456789012:key/6f1ad9a0-0f7b-4a5e-8b0c-1f6b1b9f0a11"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of more than 12 MB go in parts: S3 takes none of less than 5 MB."""
    monkeypatch.setattr(upload, "PART_BYTES", 6 << 20)


def there(s3: Any) -> dict[str, bytes]:
    """What the bucket holds: key → content."""
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket="logs").get("Contents", ())]
    return {key: s3.get_object(Bucket="logs", Key=key)["Body"].read() for key in keys}


def refused(s3: Any, sources: upload.Sources) -> str:
    with pytest.raises(JobFailed) as caught:
        upload.upload(sources)
    assert there(s3) == {}
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="logs")
    return str(caught.value)


def test_files_and_contents_of_every_name(s3: Any, proxy: Proxy, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(CONTENT)
    names = ("a b+c", "é/ü%20%", "日本", "a&b=c?d#e", "~'()!*$@,;:.")
    upload.upload({"s3://logs/file": file, **{f"s3://logs/{name}": b"1" for name in names}})
    assert there(s3) == {"file": CONTENT, **dict.fromkeys(names, b"1")}


def test_nothing_at_all(s3: Any) -> None:
    upload.upload({})
    assert there(s3) == {}


def test_s3_is_told_a_checksum_and_keeps_it(s3: Any) -> None:
    upload.upload({"s3://logs/a": CONTENT})
    kept = s3.head_object(Bucket="logs", Key="a", ChecksumMode="ENABLED")["ChecksumCRC32"]
    assert kept == base64.b64encode(zlib.crc32(CONTENT).to_bytes(4)).decode()


def test_a_large_file_goes_in_parts(
    s3: Any, proxy: Proxy, small_parts: None, tmp_path: Path
) -> None:
    file = tmp_path / "a"
    file.write_bytes(CONTENT * 13)
    upload.upload({"s3://logs/file": file, "s3://logs/content": CONTENT * 13})
    assert there(s3) == {"file": CONTENT * 13, "content": CONTENT * 13}
    assert proxy.count("PUT", "partNumber=") == 6


def test_a_kms_key(s3: Any, small_parts: None) -> None:
    upload.upload({"s3://logs/a": b"a", "s3://logs/b": CONTENT * 13}, KEY)
    for key in "ab":
        head = s3.head_object(Bucket="logs", Key=key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KEY)


def test_a_bucket_in_another_region(s3: Any, proxy: Proxy) -> None:
    for method in ("GET", "PUT", "POST"):
        proxy.on(method, "^/logs", only_for("eu-central-1"))
    upload.upload({"s3://logs/a": CONTENT})
    assert there(s3) == {"a": CONTENT}


# -- what a network does


@pytest.mark.parametrize(
    "fault",
    [
        error(503, "SlowDown"),
        error(500, "InternalError"),
        cut_request(0),
        cut_request(100_000),
    ],
)
def test_a_fault_that_passes(s3: Any, proxy: Proxy, fault: Act) -> None:
    proxy.on("PUT", ONE, fault, times=2)
    upload.upload({"s3://logs/out/a": CONTENT})
    assert there(s3) == {"out/a": CONTENT}
    assert proxy.count("PUT", ONE) == 3


def test_a_part_that_is_cut_is_sent_again(s3: Any, proxy: Proxy, small_parts: None) -> None:
    proxy.on("PUT", "partNumber=2", cut_request(100_000), times=2)
    upload.upload({"s3://logs/out/a": CONTENT * 13})
    assert there(s3) == {"out/a": CONTENT * 13}
    assert proxy.count("PUT", "partNumber=") == 5


@pytest.mark.parametrize(
    ("fault", "why", "attempts"),
    [
        (
            damage_request,
            "AWS refused PutObject: BadDigest: The CRC32 you specified did not match",
            1,
        ),
        (
            error(503, "SlowDown", "Please reduce your request rate."),
            "AWS refused PutObject: SlowDown: Please reduce your request rate.",
            8,
        ),
        (
            cut_request(100_000),
            "Connection was closed before we received a valid response from endpoint URL",
            8,
        ),
        (
            error(400, "ExpiredToken", "The provided token has expired."),
            "the AWS credentials have expired (ExpiredToken); run 'aws configure', or set "
            "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            1,
        ),
        (
            error(403, "AccessDenied", "Access Denied"),
            "AWS refused PutObject: AccessDenied: Access Denied",
            1,
        ),
    ],
)
def test_a_fault_that_stays(s3: Any, proxy: Proxy, fault: Act, why: str, attempts: int) -> None:
    proxy.on("PUT", ONE, fault)
    message = refused(s3, {"s3://logs/out/a": CONTENT, "s3://logs/out/b": b"b"})
    assert message.partition(': "http')[0] == f"s3://logs/out/a cannot be written: {why}"
    assert proxy.count("PUT", ONE) == attempts


def test_a_part_that_fails_leaves_no_parts(s3: Any, proxy: Proxy, small_parts: None) -> None:
    proxy.on("PUT", "partNumber=2", error(403, "AccessDenied", "Access Denied"))
    assert refused(s3, {"s3://logs/out/a": CONTENT * 13, "s3://logs/out/b": b"b"}) == (
        "s3://logs/out/a cannot be written: AWS refused UploadPart: AccessDenied: Access Denied"
    )


def test_there_is_no_such_bucket(s3: Any) -> None:
    assert refused(s3, {"s3://elsewhere/a": b"a"}) == (
        "s3://elsewhere/a cannot be written: "
        "AWS refused PutObject: NoSuchBucket: The specified bucket does not exist"
    )


def test_an_object_that_s3_took_and_does_not_have(s3: Any, proxy: Proxy) -> None:
    proxy.on("GET", "list-type=2", after(lambda: s3.delete_object(Bucket="logs", Key="out/a")))
    assert refused(s3, {"s3://logs/out/a": b"a", "s3://logs/out/deep/b": b"b"}) == (
        "s3://logs/out/a should have 1 bytes on S3, and has none"
    )


def test_an_object_that_s3_has_with_another_size(s3: Any, proxy: Proxy) -> None:
    other = after(lambda: s3.put_object(Bucket="logs", Key="out/a", Body=bytes(1000)))
    proxy.on("GET", "list-type=2", other)
    assert refused(s3, {"s3://logs/out/a": bytes(2000)}) == (
        "s3://logs/out/a should have 2,000 bytes on S3, and has 1,000"
    )


def test_a_file_that_is_not_there(s3: Any, tmp_path: Path) -> None:
    assert refused(s3, {"s3://logs/out/a": tmp_path / "a", "s3://logs/out/b": b"b"}) == (
        f"cannot read '{tmp_path}/a': No such file or directory"
    )


def test_a_file_that_cannot_be_read(s3: Any, tmp_path: Path) -> None:
    assert refused(s3, {"s3://logs/out/a": tmp_path, "s3://logs/out/b": b"b"}) == (
        f"cannot read '{tmp_path}' for s3://logs/out/a: Is a directory"
    )


# -- the way back


def test_what_cannot_be_removed_is_told(
    s3: Any, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    denied = error(403, "AccessDenied", "Access Denied")
    proxy.on("PUT", ONE, denied)
    proxy.on("POST", "delete", denied)
    with pytest.raises(JobFailed, match=r"^s3://logs/out/a cannot be written: .*Access Denied$"):
        upload.upload({"s3://logs/out/b": b"b", "s3://logs/out/a": b"a"})
    assert capsys.readouterr().err == (
        "s3://logs/out/b and perhaps 1 more could not be removed again "
        "(AWS refused DeleteObjects: AccessDenied: Access Denied); this is no result\n"
    )


def test_a_removal_on_which_nothing_moves_is_not_waited_for(
    s3: Any, proxy: Proxy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "REMOVAL_SECONDS", 0.1)
    proxy.on("PUT", ONE, error(403, "AccessDenied"))
    proxy.on("POST", "delete", stall(threading.Event(), proxy.over))
    with pytest.raises(JobFailed):
        upload.upload({"s3://logs/out/a": b"a"})
    assert capsys.readouterr().err == (
        "s3://logs/out/a could not be removed again (that takes too long); this is no result\n"
    )


def test_an_interrupt_ends_it_even_if_nothing_moves(s3: Any, proxy: Proxy) -> None:
    started = threading.Event()
    proxy.on("PUT", ONE, stall_request(started, proxy.over))

    def check() -> None:
        if started.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upload.upload({"s3://logs/out/a": CONTENT, "s3://logs/out/b": b"b"}, check=check)
    assert there(s3) == {}


def test_what_follows_an_upload_can_take_it_back(s3: Any) -> None:
    def fail_after_two() -> None:
        with upload.Uploads(None, lambda: None).together() as uploads:
            uploads.place({"s3://logs/out/a": b"a"})
            uploads.place({"s3://logs/out/b": b"b"})
            assert set(there(s3)) == {"out/a", "out/b"}
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail_after_two()
    assert there(s3) == {}


def test_what_came_last_goes_first(s3: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "MOST_AT_ONCE", 1)
    proxy.on("POST", "delete", pass_on, times=1)
    proxy.on("POST", "delete", error(403, "AccessDenied"))

    def fail_after_two() -> None:
        with upload.Uploads(None, lambda: None).together() as uploads:
            uploads.place({"s3://logs/out/part": b"1"})
            uploads.place({"s3://logs/out/manifest.json": b"{}"})
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail_after_two()
    assert there(s3) == {"out/part": b"1"}
