"""A proxy between a client and a real S3 server that does to some requests what networks do."""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

RESET = struct.pack("ii", 1, 0)
"""Makes the end of a connection a reset."""
NOT_PASSED_ON = ("connection", "expect", "transfer-encoding")


@dataclass(frozen=True)
class Answer:
    """What goes back to the client."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def with_body(self, body: bytes) -> Answer:
        """The same with another content, of which it tells the right length."""
        headers = [(name, value) for name, value in self.headers if name != "content-length"]
        return Answer(self.status, (*headers, ("content-length", str(len(body)))), body)


class Exchange:
    """One request, and everything that can be done about it."""

    def __init__(self, handler: BaseHTTPRequestHandler, upstream: str) -> None:
        self._handler = handler
        self._upstream = upstream
        self.method = handler.command
        self.path = handler.path
        self.headers = handler.headers
        self._body: bytes | None = None

    def read(self, count: int | None = None) -> bytes:
        """The body, or that many bytes of it; the same each time."""
        if self._body is None:
            length = int(self.headers.get("content-length", 0))
            count = length if count is None else min(count, length)
            self._body = self._handler.rfile.read(count)
        return self._body

    def forward(self, body: bytes) -> Answer:
        """What the server says to it."""
        connection = http.client.HTTPConnection(self._upstream, timeout=60)
        try:
            connection.putrequest(self.method, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in NOT_PASSED_ON:
                    connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            headers = [(name.lower(), value) for name, value in response.getheaders()]
            kept = tuple(each for each in headers if each[0] not in NOT_PASSED_ON)
            return Answer(response.status, kept, response.read())
        finally:
            connection.close()

    def send(self, answer: Answer, count: int | None = None) -> None:
        """Send an answer, or its head and that many bytes of its body."""
        self._handler.send_response_only(answer.status)
        for name, value in (*answer.headers, ("connection", "close")):
            self._handler.send_header(name, value)
        self._handler.end_headers()
        self._handler.wfile.write(answer.body[:count])
        self._handler.wfile.flush()

    def reset(self) -> None:
        """Break the connection when this request is done with."""
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


Act = Callable[[Exchange], None]


def pass_on(exchange: Exchange) -> None:
    """What happens to a request that has no fault."""
    exchange.send(exchange.forward(exchange.read()))


@dataclass
class _Rule:
    method: str
    path: re.Pattern[str]
    act: Act
    left: int


class Proxy:
    """Passes requests on, apart from those that a rule is about.

    Args:
        upstream: Address of the server, as in ``http://127.0.0.1:5000``.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream).netloc
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self.seen: list[str] = []
        """Method and path of each request."""
        self.over = threading.Event()

    def on(self, method: str, path: str, act: Act, times: int = 1_000_000) -> None:
        """From now on, so many requests of that method and path (a pattern) are treated so."""
        self._rules.append(_Rule(method, re.compile(path), act, times))

    def count(self, method: str, path: str = "") -> int:
        """How many requests there were."""
        return sum(each.startswith(f"{method} ") and path in each for each in self.seen)

    @contextmanager
    def running(self) -> Iterator[str]:
        """Gives the address; afterwards the proxy is gone."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            self.over.set()
            server.shutdown()
            thread.join()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:  # the client has gone away
                    self.close_connection = True

            def answer(self) -> None:
                self.close_connection = True
                proxy._act(self)(Exchange(self, proxy._upstream))

            do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        return Handler

    def _act(self, handler: BaseHTTPRequestHandler) -> Act:
        with self._lock:
            self.seen.append(f"{handler.command} {handler.path}")
            for rule in self._rules:
                matches = rule.method == handler.command and rule.path.search(handler.path)
                if matches and rule.left:
                    rule.left -= 1
                    return rule.act
        return pass_on
