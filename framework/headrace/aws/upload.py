"""From this machine to S3: all of it or, as far as that is possible, nothing.

boto3's own transfer manager does the work: large files go in parts, several at a time, and each
part carries a CRC32 that S3 compares before it takes it. (For stores that know no such thing there
is ``AWS_REQUEST_CHECKSUM_CALCULATION=when_required``.) Then a listing is compared with what was
sent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from headrace.aws.clients import AwsError, explained, reason
from headrace.aws.daemons import DaemonExecutor, interruptible
from headrace.aws.meter import Meter
from headrace.aws.s3 import remove, with_prefix
from headrace.aws.transfers import Transfers
from headrace.errors import JobFailed

REMOVAL_SECONDS = 20.0
"""For taking back what has been uploaded: the network may be gone."""

Sources = Mapping[str, Path | bytes]
"""URI → what goes there."""


def upload(
    sources: Sources, kms_key: str | None = None, check: Callable[[], None] = lambda: None
) -> None:
    """Upload files; if one fails, none stays. See `Uploads`."""
    with Uploads(kms_key, check).together() as uploads:
        uploads.place(sources)


class Uploads:
    """Uploads files, and knows the way back.

    Args:
        kms_key: Encrypts the objects; default: as the bucket has it.
        check: Called all the while, in this thread; what it raises ends the upload.
    """

    def __init__(self, kms_key: str | None, check: Callable[[], None]) -> None:
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
        self._encryption = encryption if kms_key else {}
        self._check = check
        self._placed: list[str] = []

    @contextmanager
    def together(self) -> Iterator[Uploads]:
        """What is uploaded inside stays or, if an exception leaves it, is removed again.

        That is an attempt: if it fails too, stderr tells what is left.
        """
        try:
            yield self
        except BaseException:
            self._take_back()
            raise

    def place(self, sources: Sources) -> None:
        """Upload files, side by side and in no order, and see that they are there.

        Raises:
            JobFailed: One cannot be read, S3 does not take it or does not have it afterwards.
        """
        sizes = {uri: _size(source) for uri, source in sources.items()}
        self._placed += sources
        with explained(), Meter("uploading", sum(sizes.values())) as meter:
            with Transfers(len(sources), self._encryption, meter).together() as transfers:
                for uri, source in sources.items():
                    transfers.start(source, uri)
                transfers.wait(self._check)
            interruptible(lambda: _compare(sizes), self._check)

    def _take_back(self) -> None:
        if not self._placed:
            return
        executor = DaemonExecutor(1)  # waited for so long and no longer
        removal = executor.submit(remove, self._placed[::-1])  # what came last vouches for the rest
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


def _size(source: Path | bytes) -> int:
    try:
        return len(source) if isinstance(source, bytes) else source.stat().st_size
    except OSError as exc:
        raise JobFailed(f"cannot read {str(source)!r}: {exc.strerror}") from exc


def _compare(sizes: Mapping[str, int]) -> None:
    """See whether S3 lists everything as it was sent."""
    listed = {each.uri: each.size for folder in _folders(sizes) for each in with_prefix(folder)}
    for uri, size in sizes.items():
        if listed.get(uri) != size:
            has = f"{listed[uri]:,}" if uri in listed else "none"
            raise JobFailed(f"{uri} should have {size:,} bytes on S3, and has {has}")


def _folders(uris: Mapping[str, int]) -> list[str]:
    """The folders of all of them, but none inside another."""
    folders = sorted({uri.rpartition("/")[0] + "/" for uri in uris})
    outer: list[str] = []
    for folder in folders:
        if not outer or not folder.startswith(outer[-1]):
            outer.append(folder)
    return outer
