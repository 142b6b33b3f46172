"""An exclusive lock on a prefix: an object that a conditional put creates and that is renewed.

``If-None-Match: *`` creates it, so that of two jobs only one gets it. Every half minute it is
written again with ``If-Match``. A lock that has not been renewed for two minutes, or whose process
on this machine has ended, is taken over the same way. Ages are measured by S3's own clock.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from headrace.aws.clients import AwsError, client, code_of, explained, reason
from headrace.aws.s3 import bucket_and_key
from headrace.aws.threads import DaemonExecutor, interruptible
from headrace.errors import JobFailed
from headrace.runtime.shown import plain, quoted
from headrace.uris import join

NAME = ".headrace.lock"
RENEWAL_SECONDS = 30.0
LEASE_SECONDS = 120.0
"""Time after which a lock that is not renewed ends."""
RELEASE_SECONDS = 20.0
"""Time for removing a lock at the end: the network may be down."""
ATTEMPTS = 5
"""Attempts to take a lock that others create and remove meanwhile."""
GRACE_SECONDS = 2.0
"""Time for removing a lock that has perhaps not been taken."""
ADVICE = "a lock that nobody renews ends after two minutes"
UNCONDITIONAL = (
    "this store has no conditional puts, so two jobs that begin in the same moment are not kept "
    "apart"
)

_MOST_BYTES = 4096
_ABSENT = frozenset({"NoSuchKey", "404"})
_REFUSED = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409", *_ABSENT})
"""Answers to a conditional put if another job was faster."""
_UNKNOWN = frozenset({"NotImplemented", "501"})
"""Answers of a store that has no conditional puts."""
_PROC = Path("/proc")
_BOOT = _PROC / "sys/kernel/random/boot_id"


@dataclass(frozen=True)
class Holder:
    """The holder of a lock."""

    job: str
    """The job's name."""
    host: str
    """Name of the machine, for people: several may have the same one."""
    machine: str
    """Names the machine since it was started, and in it the space of process numbers."""
    pid: int
    begun: int
    """Start of the process, in the kernel's ticks: its number may be given to another one."""
    started: str
    """Time at which the lock was taken, by the machine's clock."""
    token: str
    """Tells one attempt to take a lock from all others."""

    @classmethod
    def here(cls, job: str) -> Holder:
        """Return this process."""
        pid, now = os.getpid(), datetime.now(UTC).isoformat(timespec="seconds")
        return cls(job, socket.gethostname(), _machine(), pid, _begun(pid), now, uuid4().hex)

    @classmethod
    def from_json(cls, content: bytes) -> Holder | None:
        """Read what `to_json` made; return None for anything else."""
        try:
            found = json.loads(content)
            values = {field.name: found[field.name] for field in fields(cls)}
        except (ValueError, LookupError, TypeError, RecursionError):
            return None
        numbers = (values.pop("pid"), values.pop("begun"))
        if not all(type(number) is int and number >= 0 for number in numbers):
            return None
        if not all(isinstance(text, str) for text in values.values()):
            return None
        return cls(pid=numbers[0], begun=numbers[1], **values)

    def to_json(self, **more: int) -> bytes:
        """Return the content of a lock; `more` goes into it and is not read back."""
        described: Mapping[str, Any] = {**asdict(self), **more}
        return (json.dumps(described, indent=2) + "\n").encode()

    def has_ended(self) -> bool:
        """Return whether it is known to be gone, as only its own machine can tell."""
        return self.machine == _machine() and not _is_running(self.pid, self.begun)

    def __str__(self) -> str:
        return f"the job {plain(self.job)} (process {self.pid} on {plain(self.host)})"


@dataclass(frozen=True)
class Found:
    """A lock that is there."""

    holder: Holder
    etag: str
    age: float
    """Seconds since it was renewed."""

    @property
    def is_held(self) -> bool:
        """Return whether its holder may still be at work."""
        return self.age <= LEASE_SECONDS and not self.holder.has_ended()


def held_by(output: str) -> Holder | None:
    """Return the holder that is writing to a prefix; None if there is none.

    Args:
        output: URI of the prefix.

    Raises:
        JobFailed: The object is no lock of ours.
        botocore.exceptions.ClientError: It cannot be read.
    """
    found = _read(client("s3"), join(output, NAME))
    return found.holder if found and found.is_held else None


def in_use(output: str, holder: Holder) -> str:
    """Say who is writing to a prefix, and what can be done about it."""
    how = f"wait for its end ({ADVICE}), or choose another prefix"
    return f"{holder} is writing to {quoted(output, 400)}; {how}"


@contextmanager
def locked(output: str, job: str, kms_key: str | None, check: Callable[[], None]) -> Iterator[Lock]:
    """Hold the lock of a prefix.

    Args:
        output: URI of the prefix.
        job: Name of the job that is going to write there.
        kms_key: Encrypts the lock as it does what is going to be written.
        check: Called while the lock is being taken; what it raises ends that.

    Raises:
        JobFailed: Somebody else holds it, or S3 does not take it.
    """
    lock = Lock(output, job, kms_key)
    try:
        with explained():
            interruptible(lock.acquire, check)
        yield lock
    finally:
        lock.release()


class Lock:
    """The lock of one prefix; see `locked`.

    Args:
        output: URI of the prefix.
        job: Name of the job.
        kms_key: Encrypts the lock.
    """

    def __init__(self, output: str, job: str, kms_key: str | None) -> None:
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
        self.job = job
        """Name of the job."""
        self._output = output
        self._encryption = encryption if kms_key else {}
        self._uri = join(output, NAME)
        self._me = Holder.here(job)
        self._s3 = client("s3")
        self._writing = threading.Lock()
        self._over = threading.Event()
        self._etag: str | None = None
        self._renewals = 0
        self._lost: JobFailed | None = None
        self._is_conditional = True

    def acquire(self) -> None:
        """Take the lock and keep it alive from now on.

        Raises:
            JobFailed: Somebody else holds it.
            botocore.exceptions.ClientError: S3 does not take it.
        """
        with self._writing:
            former = self._take()
        if former is not None:
            print(f"note: {former} ended and left its lock behind; going on", file=sys.stderr)
        if not self._is_conditional:
            print(f"note: {self._output}: {UNCONDITIONAL}", file=sys.stderr)
        threading.Thread(target=self._keep_alive, daemon=True).start()

    def confirm(self) -> None:
        """Check that the lock is still ours, by renewing it.

        Raises:
            JobFailed: It is not, because this process stood still for minutes, for example.
        """
        with explained():
            self._renew()

    def release(self) -> None:
        """Remove the lock, if it is ours; stderr tells if that fails."""
        self._over.set()
        removal = DaemonExecutor(1).submit(self._remove)
        try:
            removal.result(RELEASE_SECONDS if self._etag else GRACE_SECONDS)
        except TimeoutError:
            self._tell("that takes too long")
        except AwsError as exc:
            self._tell(reason(exc))

    def _take(self) -> Holder | None:
        """Take the lock, and return the holder that left it behind."""
        for _ in range(ATTEMPTS):
            found = _read(self._s3, self._uri)
            if found and found.holder == self._me:  # the answer to our own put got lost
                self._etag = found.etag
                return None
            if found and found.is_held:
                raise JobFailed(in_use(self._output, found.holder))
            if self._put({"IfMatch": found.etag} if found else {"IfNoneMatch": "*"}):
                return found.holder if found else None
        raise JobFailed(f"{self._uri} changes all the time: several jobs begin to write there")

    def _keep_alive(self) -> None:
        while self._lost is None and not self._over.wait(RENEWAL_SECONDS):
            try:
                self._renew()
            except AwsError:
                pass  # the next renewal may succeed; the lock is valid for longer than that
            except JobFailed as error:
                self._lost = error

    def _renew(self) -> None:
        with self._writing:
            if self._over.is_set():
                return
            if self._lost is not None:
                raise self._lost
            self._renewals += 1
            if self._put({"IfMatch": self._etag}):
                return
            found = _read(self._s3, self._uri)
            if found is None or found.holder != self._me:
                who = f"{found.holder} has taken it over" if found else "somebody has removed it"
                raise JobFailed(f"the lock {self._uri} is lost: {who}; nothing more is written")
            self._etag = found.etag  # the answer to our last put got lost

    def _put(self, condition: dict[str, str | None]) -> bool:
        """Write the lock, and return whether the condition held."""
        bucket, key = bucket_and_key(self._uri)
        # Another content each time, and so another ETag: a job that read the last one cannot
        # replace this one.
        body = self._me.to_json(renewals=self._renewals)
        lock = {"Bucket": bucket, "Key": key, "Body": body, **self._encryption}
        try:
            conditions = condition if self._is_conditional else {}
            self._etag = self._s3.put_object(**lock, **conditions)["ETag"]
        except AwsError as exc:
            if code_of(exc) in _UNKNOWN and self._is_conditional:
                self._is_conditional = False
                return self._put(condition)
            if code_of(exc) not in _REFUSED:
                raise
            return False
        return True

    def _remove(self) -> None:
        with self._writing:
            if self._etag is None:  # never taken
                return
            found = _read(self._s3, self._uri)
            if found is None or found.holder != self._me:
                return
            bucket, key = bucket_and_key(self._uri)
            condition = {"IfMatch": found.etag} if self._is_conditional else {}
            try:
                self._s3.delete_object(Bucket=bucket, Key=key, **condition)
            except AwsError as exc:
                if code_of(exc) in _UNKNOWN:  # has conditional puts, but no such deletions
                    self._s3.delete_object(Bucket=bucket, Key=key)
                elif code_of(exc) not in _REFUSED:
                    raise

    def _tell(self, why: str) -> None:
        print(f"{self._uri} could not be removed ({why}); {ADVICE}", file=sys.stderr)


def _read(s3: Any, uri: str) -> Found | None:
    """Return the lock of that URI; None if there is none."""
    bucket, key = bucket_and_key(uri)
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except AwsError as exc:
        if code_of(exc) in _ABSENT:
            return None
        raise
    with closing(answer["Body"]) as body:
        holder = Holder.from_json(body.read(_MOST_BYTES))
    if holder is None:
        raise JobFailed(f"{uri} is no lock of headrace; remove it or choose another prefix")
    now = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    moment = parsedate_to_datetime(now) if now else datetime.now(UTC)
    return Found(holder, answer["ETag"], (moment - answer["LastModified"]).total_seconds())


def _machine() -> str:
    try:
        return f"{_BOOT.read_text().strip()} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:  # no Linux, or a /proc that hides it: a process is never known to have ended
        return uuid4().hex


def _is_running(pid: int, begun: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:  # a process of another user
        pass
    except (OSError, OverflowError):
        return False
    now = _begun(pid)
    return not (now and begun) or now == begun


def _begun(pid: int) -> int:
    """Return when a process began; 0 if that cannot be seen, -1 for a zombie, which has ended."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0
    state, *rest = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return -1 if state == "Z" else int(rest[18])
