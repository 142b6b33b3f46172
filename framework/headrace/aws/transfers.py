"""Uploads under way: boto3's transfer manager, made to end as soon as somebody wants it to."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from s3transfer.futures import TransferFuture
from s3transfer.manager import TransferConfig, TransferManager
from s3transfer.subscribers import BaseSubscriber

from headrace.aws.clients import AwsError, client, reason
from headrace.aws.daemons import LOOK_SECONDS, THREADS, DaemonExecutor
from headrace.aws.meter import Meter
from headrace.aws.s3 import bucket_and_key
from headrace.errors import JobFailed

PART_BYTES = 32 << 20
"""Twice as large a file goes in parts of this size, or of more where that makes too many."""
GRACE_SECONDS = 2.0
"""For requests under way to end when nobody wants them any more."""


class Transfers:
    """Some uploads at the same time.

    Args:
        count: How many there will be.
        encryption: Arguments of ``PutObject``.
        meter: Is told what has gone.
    """

    def __init__(self, count: int, encryption: dict[str, Any], meter: Meter) -> None:
        self._encryption = encryption
        self._meter = meter
        self._running: list[TransferFuture] = []
        self._ended: SimpleQueue[tuple[str, TransferFuture]] = SimpleQueue()
        config = TransferConfig(
            multipart_threshold=2 * PART_BYTES,
            multipart_chunksize=PART_BYTES,
            max_request_concurrency=THREADS,
            max_submission_queue_size=count + 1,  # so that `start` never waits
        )
        self._manager = TransferManager(client("s3"), config, executor_cls=DaemonExecutor)

    @contextmanager
    def together(self) -> Iterator[Transfers]:
        """If an exception leaves it, all are cancelled; parts of a file do not stay."""
        try:
            yield self
        finally:
            for future in self._running:
                future.cancel()
            # Waits for what cannot be cancelled, for ever if nothing moves on the line.
            end = threading.Thread(target=self._manager.shutdown, daemon=True)
            end.start()
            end.join(GRACE_SECONDS)

    def start(self, source: Path | bytes, uri: str) -> None:
        """Upload a file or a content; does not wait for it."""
        bucket, key = bucket_and_key(uri)
        body = io.BytesIO(source) if isinstance(source, bytes) else str(source)
        subscribers = [_Subscriber(uri, self._meter, self._ended)]
        self._running.append(
            self._manager.upload(body, bucket, key, dict(self._encryption), subscribers)
        )

    def wait(self, check: Callable[[], None]) -> None:
        """Wait for the end of all.

        Args:
            check: Called all the while; what it raises ends the waiting.

        Raises:
            JobFailed: One of them failed.
        """
        left = len(self._running)
        while left:
            check()
            try:
                uri, future = self._ended.get(timeout=LOOK_SECONDS)
                _see(uri, future)
                left -= 1
            except Empty:
                pass
            self._meter.show()


class _Subscriber(BaseSubscriber):  # type: ignore[misc] # it has no type hints
    """Hears of one upload."""

    def __init__(
        self, uri: str, meter: Meter, ended: SimpleQueue[tuple[str, TransferFuture]]
    ) -> None:
        self._uri = uri
        self._meter = meter
        self._ended = ended

    def on_progress(self, bytes_transferred: int, **_: object) -> None:
        self._meter.add(bytes_transferred)

    def on_done(self, future: TransferFuture, **_: object) -> None:
        self._ended.put((self._uri, future))


def _see(uri: str, future: TransferFuture) -> None:
    try:
        future.result()
    except AwsError as exc:
        raise JobFailed(f"{uri} cannot be written: {reason(exc)}") from exc
    except OSError as exc:
        raise JobFailed(f"cannot read {str(exc.filename)!r} for {uri}: {exc.strerror}") from exc
