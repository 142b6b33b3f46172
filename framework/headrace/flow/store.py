"""Records of what a flow's results were made of, one for each job, below the flow's own place.

A record alone says nothing. It counts only beside the very manifest that it names, with every file
of that result there as it was; whatever else is there, the job runs again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from headrace.errors import JobFailed
from headrace.flow.digests import Digests, sha256_of
from headrace.results.destination import shown
from headrace.results.layout import MANIFEST, listed
from headrace.results.stored import StoredResult, UnreadableError
from headrace.results.whole_files import json_text, write_whole
from headrace.uris import S3, join, path_of, uri_of

FOLDER = ".flow"
"""Holds the records, below the place of the flow."""
LOCK = "lock"
ASIDE = "aside"
"""Holds, below `FOLDER`, results that somebody has changed."""
BUSY = "another run of the flow is at work in {place}; wait for its end, or choose another place"


@dataclass(frozen=True)
class Record:
    """A job that a flow has run, or is about to run."""

    label: str
    place: str
    """Location of its result: a path or a URI."""
    digests: Digests
    manifest: str = ""
    """SHA-256 of ``report/manifest.json``; empty until the job has ended."""
    files: dict[str, list[Any]] = field(default_factory=dict)
    """Path below `place` → size and time (or ETag) of each file that the manifest lists."""
    seconds: float = 0.0
    """Wall time of the job."""
    sweep: str = ""
    """The sweep that ran it."""

    def is_of(self, digests: Mapping[str, str]) -> bool:
        """Return whether the job ended, and was the same."""
        return bool(self.manifest) and self.digests == dict(digests)

    def is_of_run(self, place: str, sweep: str) -> bool:
        """Return whether a run of a sweep has left its result at a place."""
        return bool(self.manifest) and (self.place, self.sweep) == (place, sweep)

    def is_whole(self, *, strict: bool) -> bool:
        """Return whether the result that the record is of is there, as it was.

        Args:
            strict: Read every file instead of trusting size and time.
        """
        try:
            manifest = StoredResult(self.place).read(MANIFEST)
        except UnreadableError:
            return False
        if hashlib.sha256(manifest).hexdigest() != self.manifest:
            return False
        found, result = _stamps(self.place), listed(manifest)
        for file, stamp in self.files.items():
            if file not in found or found[file][0] != stamp[0]:
                return False
            is_same = found[file] == stamp and not strict
            if not is_same and not _has_content(self.place, file, result.digests if result else {}):
                return False
        return True


@dataclass(frozen=True)
class Store:
    """The records of one place."""

    root: str
    """The place of a flow: a path or a URI."""

    def read(self, name: str) -> Record | None:
        """Return a record; None if there is none that can be read.

        Args:
            name: Label of its job or, of one that a sweep shares, `shared_name`.
        """
        try:
            return _records().validate_json(StoredResult(self.root).read(f"{FOLDER}/{name}.json"))
        except (UnreadableError, ValueError):  # pydantic's error is one
            return None

    def write(self, record: Record, name: str = "") -> None:
        """Write the record of a job.

        Args:
            record: The record.
            name: Of the record; default: the job's label.

        Raises:
            JobFailed: It cannot be written.
        """
        content = json_text(asdict(record)).encode()
        name = f"{FOLDER}/{name or record.label}.json"
        if self.root.startswith(S3):
            from headrace.aws.clients import client, explained
            from headrace.aws.s3 import bucket_and_key  # boto3 takes its time

            bucket, key = bucket_and_key(join(self.root, name))
            with explained():
                client("s3").put_object(Bucket=bucket, Key=key, Body=content)
            return
        path = self.folder / name
        try:
            write_whole(path, content)
        except OSError as error:
            raise JobFailed(f"cannot write {shown(path)}: {error.strerror}") from error

    @property
    def folder(self) -> Path:
        """Return the place on this machine."""
        return path_of(uri_of(self.root)) or Path(self.root)

    def set_aside(self, label: str, place: str) -> Path:
        """Move what is at the place of a job out of the way, and return where it is now.

        Raises:
            JobFailed: It cannot be moved.
        """
        folder, above = path_of(uri_of(place)) or Path(place), self.folder / FOLDER / ASIDE
        try:
            above.mkdir(parents=True, exist_ok=True)
            new = Path(tempfile.mkdtemp(prefix=f"{label}-", dir=above))
            return folder.replace(new)
        except OSError as error:
            raise JobFailed(f"cannot move {shown(folder)}: {error.strerror}") from error

    def above(self) -> Store:
        """Return the store of the place that this one is in; a bucket is in none but itself."""
        if not self.root.startswith(S3):
            return Store(str(self.folder.parent))
        folder = self.root.rstrip("/").rpartition("/")[0]
        return Store(folder) if folder.startswith(S3) else self

    @contextmanager
    def locked(self, name: str = LOCK, *, waits: bool = False) -> Iterator[None]:
        """Hold a lock; on S3, where each job has one of its own, there is none.

        Raises:
            JobFailed: Another process holds it, and nobody waits.
        """
        if self.root.startswith(S3):
            yield
            return
        path = self.folder / FOLDER / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise JobFailed(f"cannot write {shown(path)}: {error.strerror}") from error
        try:
            with suppress(OSError) if waits else _busy(self.folder):
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
            yield
        finally:
            os.close(descriptor)


@cache
def _records() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


def shared_name(label: str, digests: Mapping[str, str]) -> str:
    """Return the name of a record that all runs of a sweep find: that of a job and its digests."""
    return f"{label}-{hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()[:16]}"


@contextmanager
def _busy(folder: Path) -> Iterator[None]:
    try:
        yield
    except BlockingIOError as error:
        raise JobFailed(BUSY.format(place=shown(folder))) from error
    except OSError:  # a file system that has no locks
        pass


def ended(record: Record, seconds: float) -> Record:
    """Return the record of a job that has left its result.

    Raises:
        UnreadableError: There is no manifest.
    """
    manifest = StoredResult(record.place).read(MANIFEST)
    found, result = _stamps(record.place), listed(manifest)
    files = {name: found[name] for name in (result.digests if result else ()) if name in found}
    sha256 = hashlib.sha256(manifest).hexdigest()
    return replace(record, manifest=sha256, files=files, seconds=round(seconds, 3))


def _stamps(place: str) -> dict[str, list[Any]]:
    """Return path below a place → size, and what changes when the file does."""
    if place.startswith(S3):
        from headrace.aws.clients import explained
        from headrace.aws.s3 import with_prefix  # boto3 takes its time

        base = join(place, "")
        with explained():
            return {
                each.uri.removeprefix(base): [each.size, each.etag] for each in with_prefix(base)
            }
    folder, found = path_of(uri_of(place)) or Path(place), {}
    for name, _, files in os.walk(folder):
        for file in files:
            path = Path(name, file)
            with suppress(OSError):
                status = path.lstat()
                found[str(path.relative_to(folder))] = [status.st_size, status.st_mtime_ns]
    return found


def _has_content(place: str, file: str, digests: Mapping[str, str]) -> bool:
    """Return whether a file has the content that the manifest says."""
    try:
        if place.startswith(S3):
            sha256 = hashlib.sha256(StoredResult(place).read(file)).hexdigest()
        else:
            sha256 = sha256_of((path_of(uri_of(place)) or Path(place)) / file)
    except (OSError, UnreadableError):
        return False
    return digests.get(file) == sha256
