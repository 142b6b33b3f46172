"""What is fetched from S3 is whole and is what was listed, or an error names the object."""

from __future__ import annotations

import errno
import http.client
import os
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from headrace.aws import download as downloads
from headrace.aws.download import download
from headrace.aws.s3 import S3Object, input_objects
from headrace.errors import JobFailed
from tests.s3.faults import (
    after,
    cut_answer,
    damage_answer,
    end_early,
    error,
    only_for,
    shorten_answer,
    stall,
    without,
)
from tests.s3.proxy import Proxy

pytestmark = pytest.mark.usefixtures("patient")
Put = Callable[..., None]
CONTENT = bytes(range(256)) * 4000
ONE = "/logs/in/a.csv"


def nothing() -> None: ...


def listed(key: str = "in/") -> list[S3Object]:
    return input_objects(f"s3://logs/{key}", "here")


def fetched(folder: Path, objects: list[S3Object]) -> dict[str, bytes]:
    """Downloads; what is there then, by path."""
    download({folder / each.key: each for each in objects}, nothing)
    return below(folder)


def below(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def refused(folder: Path, objects: list[S3Object]) -> str:
    with pytest.raises(JobFailed) as caught:
        fetched(folder, objects)
    assert below(folder) == {}
    return str(caught.value)


# -- whatever is there


@pytest.mark.parametrize(
    "key", ["a b+c.csv", "é/ü%20%.csv", "日本/день.csv", "a&b=c?d#e.csv", "~'()!*$@,;:.csv"]
)
def test_keys_of_every_kind(key: str, put: Put, proxy: Proxy, tmp_path: Path) -> None:
    put({f"in/{key}": b"1", f"in/{key}.not": b"2"})
    assert fetched(tmp_path, listed()) == {f"in/{key}": b"1", f"in/{key}.not": b"2"}


@pytest.mark.long
def test_two_thousand_objects(s3: Any, aws: str, tmp_path: Path) -> None:
    wanted = {f"in/{number:04}": str(number).encode() for number in range(2000)}
    server = http.client.HTTPConnection(urlsplit(aws).netloc)  # boto3 would take its time
    for key, content in wanted.items():
        server.request("PUT", f"/logs/{key}", content)
        server.getresponse().read()
    server.close()
    assert fetched(tmp_path, listed()) == wanted


def test_a_large_object_comes_in_pieces(
    put: Put, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "PIECE_BYTES", 300_000)
    put({"in/large": CONTENT, "in/none": b"", "in/exact": CONTENT[:300_000]})
    assert fetched(tmp_path, listed()) == {
        "in/large": CONTENT,
        "in/none": b"",
        "in/exact": CONTENT[:300_000],
    }
    assert proxy.count("GET", "/in/large") == 4
    assert proxy.count("GET", "/in/exact") == 1


def test_nothing_to_fetch(aws: str, tmp_path: Path) -> None:
    assert fetched(tmp_path, []) == {}


def test_a_bucket_in_another_region(put: Put, proxy: Proxy, tmp_path: Path) -> None:
    put({"in/a.csv": CONTENT})
    for method in ("GET", "HEAD"):
        proxy.on(method, "^/logs", only_for("eu-central-1"))
    assert fetched(tmp_path, listed()) == {"in/a.csv": CONTENT}


# -- what a network does


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, "InternalError")])
def test_a_server_that_is_too_busy_is_asked_again(
    put: Put, proxy: Proxy, tmp_path: Path, status: int, code: str
) -> None:
    put({"in/a.csv": CONTENT})
    objects = listed()
    proxy.on("GET", ONE, error(status, code), times=3)
    assert fetched(tmp_path, objects) == {"in/a.csv": CONTENT}
    assert proxy.count("GET", ONE) == 4


def test_a_server_that_stays_too_busy(put: Put, proxy: Proxy, tmp_path: Path) -> None:
    put({"in/a.csv": CONTENT})
    objects = listed()
    proxy.on("GET", ONE, error(500, "InternalError", "We are sorry"))
    assert refused(tmp_path, objects) == (
        "s3://logs/in/a.csv cannot be read: AWS refused GetObject: InternalError: We are sorry"
    )
    assert proxy.count("GET", ONE) == 8


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_cut_in_the_middle_goes_on_where_it_was(
    put: Put, proxy: Proxy, tmp_path: Path, reset: bool
) -> None:
    put({"in/a.csv": CONTENT})
    objects = listed()
    proxy.on("GET", ONE, cut_answer(700_000, reset), times=1)
    proxy.on("GET", ONE, cut_answer(1, reset), times=1)
    assert fetched(tmp_path, objects) == {"in/a.csv": CONTENT}
    assert proxy.count("GET", ONE) == 3


def test_an_answer_that_never_said_how_long_it_is(put: Put, proxy: Proxy, tmp_path: Path) -> None:
    put({"in/a.csv": CONTENT})
    objects = listed()
    proxy.on("GET", ONE, end_early(700_000), times=1)
    assert fetched(tmp_path, objects) == {"in/a.csv": CONTENT}
    assert proxy.count("GET", ONE) == 2


def test_a_piece_that_is_cut_goes_on_where_it_was(
    put: Put, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "PIECE_BYTES", 300_000)
    put({"in/a.csv": CONTENT})
    objects = listed()
    proxy.on("GET", ONE, cut_answer(100_000), times=4)
    assert fetched(tmp_path, objects) == {"in/a.csv": CONTENT}
    assert proxy.count("GET", ONE) == 8


def test_a_connection_that_is_cut_every_time(put: Put, proxy: Proxy, tmp_path: Path) -> None:
    put({"in/a.csv": CONTENT, "in/b.csv": b"b"})
    objects = listed()[:1]
    proxy.on("GET", ONE, cut_answer(1000))
    assert refused(tmp_path, objects) == (
        "s3://logs/in/a.csv cannot be read in 5 attempts: "
        "the connection broke at byte 5,000 of 1,024,000"
    )
    assert proxy.count("GET", ONE) == 5


def test_damage_on_the_way_is_noticed_by_the_checksum(
    put: Put, proxy: Proxy, tmp_path: Path
) -> None:
    put({"in/a.csv": CONTENT})
    objects = listed()
    proxy.on("GET", ONE, damage_answer, times=1)
    assert fetched(tmp_path, objects) == {"in/a.csv": CONTENT}
    assert proxy.count("GET", ONE) == 2


def test_an_object_that_always_arrives_damaged(put: Put, proxy: Proxy, tmp_path: Path) -> None:
    put({"in/a.csv": CONTENT})
    objects = listed()
    proxy.on("GET", ONE, damage_answer)
    assert refused(tmp_path, objects) == (
        "s3://logs/in/a.csv cannot be read in 5 attempts: "
        "it arrives with another checksum than S3 says"
    )


def test_an_answer_of_another_length(put: Put, proxy: Proxy, tmp_path: Path) -> None:
    put({"in/a.csv": CONTENT})
    objects = listed()
    proxy.on("GET", ONE, shorten_answer)
    assert refused(tmp_path, objects) == (
        "s3://logs/in/a.csv cannot be read: 1,023,999 bytes come where 1,024,000 were listed"
    )


def test_damage_to_a_piece_is_noticed_by_the_etag(
    put: Put, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "PIECE_BYTES", 300_000)
    put({"in/a.csv": CONTENT})
    objects = listed()
    proxy.on("GET", ONE, damage_answer, times=1)
    assert refused(tmp_path, objects) == (
        "s3://logs/in/a.csv arrived damaged: its MD5 is another than S3 says"
    )


def test_an_object_that_kms_encrypted_has_no_such_etag(
    put: Put, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "PIECE_BYTES", 300_000)
    put({"in/a.csv": CONTENT}, ServerSideEncryption="aws:kms")
    proxy.on("GET", ONE, damage_answer, times=1)
    assert fetched(tmp_path, listed())["in/a.csv"] != CONTENT


@pytest.mark.parametrize("ends", [(5 << 20, 10 << 20, 12 << 20), (6 << 20, 11 << 20, 12 << 20)])
def test_an_object_that_was_uploaded_in_parts(
    s3: Any, proxy: Proxy, tmp_path: Path, ends: tuple[int, ...]
) -> None:
    content = CONTENT * 13
    name = {"Bucket": "logs", "Key": "in/a.csv"}
    upload = {**name, "UploadId": s3.create_multipart_upload(**name)["UploadId"]}
    parts = []
    for number, (start, end) in enumerate(pairwise((0, *ends)), 1):
        body = content[start:end]
        part = s3.upload_part(**upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    objects = listed()
    assert objects[0].etag.endswith('-3"')
    assert fetched(tmp_path / "whole", objects) == {"in/a.csv": content[: ends[-1]]}
    proxy.on("GET", ONE, damage_answer)
    assert refused(tmp_path / "damaged", objects) == (
        "s3://logs/in/a.csv arrived damaged: its MD5 is another than S3 says"
    )
    proxy.on("HEAD", ONE, error(400, "NotImplemented"))  # a store that keeps no parts
    assert len(fetched(tmp_path / "unknown", objects)["in/a.csv"]) == ends[-1]


# -- what others do meanwhile


@pytest.mark.parametrize("size", [10, len(CONTENT)])
def test_an_object_that_changes_between_listing_and_reading(
    put: Put, aws: str, tmp_path: Path, size: int
) -> None:
    put({"in/a.csv": CONTENT})
    objects = listed()
    put({"in/a.csv": b"x" * size})
    assert refused(tmp_path, objects) == CHANGED


CHANGED = "s3://logs/in/a.csv changed while it was read; start again when nobody writes to it"


@pytest.mark.parametrize("content", [b"short", CONTENT[::-1]])
def test_an_object_that_changes_between_two_pieces(
    put: Put, proxy: Proxy, tmp_path: Path, content: bytes
) -> None:
    put({"in/a.csv": CONTENT})
    objects = listed()
    proxy.on("GET", ONE, cut_answer(1000), times=1)
    proxy.on("GET", ONE, after(lambda: put({"in/a.csv": content})))
    assert refused(tmp_path, objects) == CHANGED


def test_a_store_that_knows_no_conditions(put: Put, proxy: Proxy, tmp_path: Path) -> None:
    put({"in/a.csv": CONTENT})
    objects = listed()
    put({"in/a.csv": CONTENT[::-1]})
    proxy.on("GET", ONE, without("if-match"))
    assert refused(tmp_path, objects) == CHANGED


def test_an_object_that_vanishes(put: Put, s3: Any, tmp_path: Path) -> None:
    put({"in/a.csv": CONTENT})
    objects = listed()
    s3.delete_object(Bucket="logs", Key="in/a.csv")
    assert refused(tmp_path, objects) == (
        "s3://logs/in/a.csv is gone: it was there when the input was listed"
    )


def test_credentials_that_expire_underway(put: Put, proxy: Proxy, tmp_path: Path) -> None:
    put({"in/a.csv": CONTENT})
    objects = listed()
    proxy.on("GET", ONE, cut_answer(1000), times=1)
    proxy.on("GET", ONE, error(400, "ExpiredToken", "The provided token has expired."))
    assert refused(tmp_path, objects) == (
        "s3://logs/in/a.csv cannot be read: the AWS credentials have expired (ExpiredToken); "
        "run 'aws configure', or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )


def test_an_object_that_may_not_be_read(put: Put, proxy: Proxy, tmp_path: Path) -> None:
    put({"in/a.csv": CONTENT})
    objects = listed()
    proxy.on("GET", ONE, error(403, "AccessDenied", "Access Denied"))
    assert refused(tmp_path, objects) == (
        "s3://logs/in/a.csv cannot be read: AWS refused GetObject: AccessDenied: Access Denied"
    )


# -- what happens on this machine


def test_a_disk_that_is_full(
    put: Put, aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put({"in/a.csv": CONTENT})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "open", full)
    assert refused(tmp_path, listed()) == (
        f"s3://logs/in/a.csv cannot be stored as '{tmp_path}/in/a.csv': No space left on device"
    )


def test_an_interrupt_ends_it_even_if_nothing_moves(put: Put, proxy: Proxy, tmp_path: Path) -> None:
    put({"in/a.csv": CONTENT, "in/b.csv": b"b"})
    started = threading.Event()
    proxy.on("GET", ONE, stall(started, proxy.over))

    def check() -> None:
        if started.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download({tmp_path / "a": listed()[0]}, check)
    assert proxy.count("GET", ONE) == 1  # the client would wait for a minute, and ask again
    assert below(tmp_path) == {}
