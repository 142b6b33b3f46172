"""What networks and servers do to requests, as rules for the proxy."""

from __future__ import annotations

import base64
import re
import threading
import zlib
from collections.abc import Callable

from tests.s3.proxy import Act, Answer, Exchange, pass_on

SIGNED_FOR = re.compile(r"Credential=[^/]+/\d+/(?P<region>[\w-]+)/s3/")


def error(status: int, code: str, message: str = "because", **headers: str) -> Act:
    """An answer as S3 gives it when it refuses something."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    more = [(name.replace("_", "-"), value) for name, value in headers.items()]

    def act(exchange: Exchange) -> None:
        exchange.read()
        answer = Answer(status, (("content-type", "application/xml"), *more), b"")
        exchange.send(answer.with_body(b"" if exchange.method == "HEAD" else body))

    return act


def cut_answer(after: int, reset: bool = False) -> Act:
    """The connection ends after so many bytes of the answer's body."""

    def act(exchange: Exchange) -> None:
        exchange.send(exchange.forward(exchange.read()), after)
        if reset:
            exchange.reset()

    return act


def end_early(after: int) -> Act:
    """The answer does not say how long it is, and ends after so many bytes."""

    def act(exchange: Exchange) -> None:
        answer = exchange.forward(exchange.read())
        headers = tuple(each for each in answer.headers if each[0] != "content-length")
        exchange.send(Answer(answer.status, headers, answer.body), after)

    return act


def cut_request(after: int) -> Act:
    """The connection is reset after so many bytes of the request's body."""

    def act(exchange: Exchange) -> None:
        exchange.read(after)
        exchange.reset()

    return act


def damage_answer(exchange: Exchange) -> None:
    """One byte of the answer's body is another."""
    answer = exchange.forward(exchange.read())
    exchange.send(answer.with_body(_damaged(answer.body)))


def shorten_answer(exchange: Exchange) -> None:
    """The answer lacks its last byte, and says so."""
    answer = exchange.forward(exchange.read())
    exchange.send(answer.with_body(answer.body[:-1]))


def damage_request(exchange: Exchange) -> None:
    """One byte of the request's body arrives as another, and S3 compares the checksum."""
    body = _damaged(exchange.read())
    checksum = base64.b64encode(zlib.crc32(body).to_bytes(4)).decode()
    if exchange.headers["x-amz-checksum-crc32"] == checksum:
        raise AssertionError("this byte makes no difference")
    error(400, "BadDigest", "The CRC32 you specified did not match")(exchange)


def _damaged(body: bytes) -> bytes:
    return bytes([body[0] ^ 1]) + body[1:]


def stall(started: threading.Event, over: threading.Event) -> Act:
    """The answer stops after its first byte, until the test is over."""

    def act(exchange: Exchange) -> None:
        exchange.send(exchange.forward(exchange.read()), 1)
        started.set()
        over.wait(60)

    return act


def stall_request(started: threading.Event, over: threading.Event) -> Act:
    """Nobody reads more than the request's first byte, until the test is over."""

    def act(exchange: Exchange) -> None:
        exchange.read(1)
        started.set()
        over.wait(60)
        exchange.reset()

    return act


def only_for(region: str) -> Act:
    """As S3 does it for a bucket of that region: whoever signs for another is told."""

    def act(exchange: Exchange) -> None:
        signed = SIGNED_FOR.search(exchange.headers["authorization"])
        if signed is not None and signed["region"] == region:
            pass_on(exchange)
        else:
            error(301, "PermanentRedirect", x_amz_bucket_region=region)(exchange)

    return act


def after(first: Callable[[], object], then: Act = pass_on) -> Act:
    """Somebody does something just before the server hears of the request."""

    def act(exchange: Exchange) -> None:
        first()
        then(exchange)

    return act


def without(header: str) -> Act:
    """The server never sees that header."""

    def act(exchange: Exchange) -> None:
        del exchange.headers[header]
        pass_on(exchange)

    return act
