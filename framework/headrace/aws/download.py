"""From S3 to this machine: whole objects, the ones that were listed, or an error that names one.

boto3's own transfer manager would not do. It asks for small objects without saying which version it
means, and it checks nothing of what it fetches in ranges. So objects are fetched here with
``GetObject`` and ``If-Match``, several at a time and large ones in pieces. Then

* botocore compares the checksum that S3 sends along, if the object came in one piece and has a
  checksum of the whole that botocore can compute (CRC32, SHA-1, SHA-256);
* else `headrace.aws.etags` compares the ETag, if it is made of MD5s. That costs 1.5 s for a GB,
  beside the line's own time.

What KMS has encrypted has no such ETag: if it is large, TLS, its size and ``If-Match`` must do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from headrace.aws.clients import client, explained
from headrace.aws.fetch import Fetch, Line
from headrace.aws.s3 import S3Object
from headrace.aws.threads import THREADS, DaemonExecutor, Meter, wait

GRACE_SECONDS = 2.0
"""For the threads to notice that nobody wants them any more."""


def download(wanted: Mapping[Path, S3Object], check: Callable[[], None]) -> None:
    """Fetch objects; each file is there when it is whole.

    Args:
        wanted: File → object. Folders are made.
        check: Called all the while, in this thread; what it raises ends the download.

    Raises:
        JobFailed: An object changed or vanished, arrives damaged or not at all, or the disk is
            full. The files that were whole by then are there.
    """
    stop = Event()
    with explained(), Meter("downloading", sum(each.size for each in wanted.values())) as meter:
        line = Line(client("s3"), meter, stop)
        fetches = [Fetch(each, path, line) for path, each in wanted.items()]
        with _threads(stop, fetches) as executor:
            running = [executor.submit(piece) for fetch in fetches for piece in fetch.pieces()]
            wait(running, check, meter.show)


@contextmanager
def _threads(stop: Event, fetches: Sequence[Fetch]) -> Iterator[DaemonExecutor]:
    """Threads to fetch with; afterwards they are gone, and so is what is not whole."""
    executor = DaemonExecutor(THREADS)
    try:
        yield executor
    finally:
        stop.set()
        executor.shutdown(wait=False, cancel_futures=True)
        executor.join(GRACE_SECONDS)
        for fetch in fetches:
            with contextlib.suppress(OSError):
                fetch.discard()
