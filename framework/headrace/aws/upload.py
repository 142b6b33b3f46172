"""Upload files to S3: all of them or, as far as that is possible, none.

boto3's own transfer manager does the work: large files go in parts, several at a time, and each
part carries a CRC32 that S3 compares before it takes it. (For stores without checksums there is
``AWS_REQUEST_CHECKSUM_CALCULATION=when_required``.) Then a listing is compared with what was sent.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from s3transfer.futures import TransferFuture
from s3transfer.manager import TransferConfig, TransferManager
from s3transfer.subscribers import BaseSubscriber

from headrace.aws.clients import AwsError, client, explained, reason
from headrace.aws.s3 import bucket_and_key, remove, with_prefix
from headrace.aws.threads import LOOK_SECONDS, THREADS, DaemonExecutor, Meter, interruptible
from headrace.errors import JobFailed

REMOVAL_SECONDS = 20.0
"""Time for removing again what has been uploaded: the network may be down."""
Sources = Mapping[str, Path | bytes]
"""URI → the file, or the content."""
PART_BYTES = 32 << 20
"""Size of the parts of a file at least twice as large; more if there would be too many parts."""
GRACE_SECONDS = 2.0
"""Time for requests to end that have been cancelled."""


def upload(
    sources: Sources, kms_key: str | None = None, check: Callable[[], None] = lambda: None
) -> None:
    """Upload files; if one fails, none stays. See `Uploads`."""
    with Uploads(kms_key, check).together() as uploads:
        uploads.place(sources)


class Uploads:
    """Uploads files, and removes them again if a later step fails.

    Args:
        kms_key: Encrypts the objects; default: the encryption of the bucket.
        check: Called again and again in this thread; what it raises ends the upload.
    """

    def __init__(self, kms_key: str | None, check: Callable[[], None]) -> None:
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
        self._encryption = encryption if kms_key else {}
        self._check = check
        self._placed: list[str] = []

    @contextmanager
    def together(self) -> Iterator[Uploads]:
        """Remove what is uploaded inside the ``with`` block again if an exception leaves it.

        If that fails too, stderr says what is left.
        """
        try:
            yield self
        except BaseException:
            self._take_back()
            raise

    def place(self, sources: Sources) -> None:
        """Upload files, several at a time and in no order, and check that they are there.

        Raises:
            JobFailed: One cannot be read, S3 does not take it or does not have it afterwards.
        """
        sizes = {uri: _size(source) for uri, source in sources.items()}
        self._placed += sources
        with explained(), Meter("uploading", sum(sizes.values())) as meter:
            with _Transfers(len(sources), self._encryption, meter).together() as transfers:
                for uri, source in sources.items():
                    transfers.start(source, uri)
                transfers.wait(self._check)
            interruptible(lambda: _compare(sizes), self._check)

    def _take_back(self) -> None:
        if not self._placed:
            return
        executor = DaemonExecutor(1)  # a thread, so that the waiting has a limit
        removal = executor.submit(remove, self._placed[::-1])  # first the manifest, written last
        try:
            removal.result(REMOVAL_SECONDS)
        except TimeoutError:
            self._tell("that takes too long")
        except (*AwsError, JobFailed) as exc:
            self._tell(reason(exc))

    def _tell(self, why: str) -> None:
        others = len(self._placed) - 1
        what = self._placed[0] + (f" and perhaps {others:,} more" if others else "")
        print(f"{what} could not be removed again ({why}); this is no result", file=sys.stderr)


class _Transfers:
    """Several uploads at the same time.

    Args:
        count: Number of uploads.
        encryption: Arguments of ``PutObject``.
        meter: Counts the bytes that have been sent.
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
    def together(self) -> Iterator[_Transfers]:
        """Cancel all uploads if an exception leaves the ``with`` block; no parts of a file stay."""
        try:
            yield self
        finally:
            for future in self._running:
                future.cancel()
            # It waits for what cannot be cancelled, for ever if no data moves.
            end = threading.Thread(target=self._manager.shutdown, daemon=True)
            end.start()
            end.join(GRACE_SECONDS)

    def start(self, source: Path | bytes, uri: str) -> None:
        """Start to upload a file or a content."""
        bucket, key = bucket_and_key(uri)
        body = io.BytesIO(source) if isinstance(source, bytes) else str(source)
        subscribers = [_Subscriber(uri, self._meter, self._ended)]
        self._running.append(
            self._manager.upload(body, bucket, key, dict(self._encryption), subscribers)
        )

    def wait(self, check: Callable[[], None]) -> None:
        """Wait for the end of all uploads.

        Args:
            check: Called again and again; what it raises ends the waiting.

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
    """Counts the bytes of one upload, and reports its end."""

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


def _size(source: Path | bytes) -> int:
    try:
        return len(source) if isinstance(source, bytes) else source.stat().st_size
    except OSError as exc:
        raise JobFailed(f"cannot read {str(source)!r}: {exc.strerror}") from exc


def _compare(sizes: Mapping[str, int]) -> None:
    """Check that S3 lists everything as it was sent."""
    listed = {s3.uri: s3.size for folder in _folders(sizes) for s3 in with_prefix(folder)}
    for uri, size in sizes.items():
        if listed.get(uri) != size:
            has = f"{listed[uri]:,}" if uri in listed else "none"
            raise JobFailed(f"{uri} should have {size:,} bytes on S3, and has {has}")


def _folders(uris: Mapping[str, int]) -> list[str]:
    """Return the folders of all of them, but none inside another."""
    folders = sorted({uri.rpartition("/")[0] + "/" for uri in uris})
    outer: list[str] = []
    for folder in folders:
        if not outer or not folder.startswith(outer[-1]):
            outer.append(folder)
    return outer


def _see(uri: str, future: TransferFuture) -> None:
    try:
        future.result()
    except AwsError as exc:
        raise JobFailed(f"{uri} cannot be written: {reason(exc)}") from exc
    except OSError as exc:
        raise JobFailed(f"cannot read {str(exc.filename)!r} for {uri}: {exc.strerror}") from exc
