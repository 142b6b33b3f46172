"""A stored result: in a folder of this machine or below a prefix on S3."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from headrace.errors import HeadraceError
from headrace.results import reports
from headrace.results.layout import MANIFEST, REQUEST
from headrace.results.reports import JUDGED, METRICS, TIMINGS, ForeignError
from headrace.runtime.spec import REPORT
from headrace.uris import S3, join

_LARGEST = 1 << 63
_LARGE = 64 << 20
"""Bytes of an object that are not read only to compare its digest."""
_NO_FILE = (FileNotFoundError, NotADirectoryError)
_NO_OBJECT = "NoSuchKey"


class UnreadableError(HeadraceError):
    """There is no result, or one of its files cannot be read."""


@dataclass(frozen=True)
class RunRecord:
    """The report of one finished run; each attribute is a file of ``report/``."""

    folder: Path
    """``output.path``."""
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    timings: dict[str, Any]
    evaluation: dict[str, Any] | None = None
    request: dict[str, Any] | None = None
    """``request.json``, if it is still there."""
    place: str = ""
    """Its location, for who opens it: an absolute path, or ``s3://…``."""
    written: datetime | None = None
    """Time at which its manifest was written."""

    @property
    def is_program(self) -> bool:
        """Return whether a program of the user's own made the result: it has outputs, no rows."""
        return "program" in self.manifest

    def refuse_incomplete(self) -> None:
        """Refuse a manifest that does not tell all that headrace writes into one.

        Raises:
            UnreadableError: It lacks something.
        """
        if problem := reports.incomplete(self.manifest):
            raise UnreadableError(f"{self.place}: its manifest is not complete ({problem})")

    @classmethod
    def read(cls, folder: Path) -> RunRecord:
        """Read a run's result.

        Raises:
            UnreadableError: There is none (no manifest, no result), or a file cannot be read.
        """
        return StoredResult(str(folder)).record()


@dataclass(frozen=True)
class StoredResult:
    """The files that one run left behind."""

    place: str
    """``output.path``: a folder or ``s3://bucket/folder``."""

    @property
    def is_on_s3(self) -> bool:
        """Return whether it is not on this machine."""
        return self.place.startswith(S3)

    def manifest(self) -> dict[str, Any]:
        """Return the manifest.

        Raises:
            UnreadableError: There is no manifest, and so no result, or it cannot be read.
        """
        if not self.is_on_s3:
            found = self._object(MANIFEST)
        else:
            from headrace.aws.clients import explained  # boto3 takes its time
            from headrace.results.reports.s3_report import manifest_at

            with explained(self._error), self._explained(MANIFEST):
                found = manifest_at(join(self.place, REPORT))
        if not found:
            raise self._error(f"holds no result ({MANIFEST} is missing)")
        return found

    def record(self) -> RunRecord:
        """Return the report, as its page needs it; parts are not read.

        Raises:
            UnreadableError: There is no result, or a file of it cannot be read.
        """
        manifest, request = self.manifest(), self._object(REQUEST)
        if self.is_on_s3:
            folder, place = Path(PurePosixPath(self.place).name), self.place.rstrip("/")
        else:
            folder, place = Path(self.place), str(Path(self.place).absolute())
        metrics, timings, evaluation = self.reports(manifest)
        if "program" in manifest:  # beside the manifest may be files of the program's own
            metrics, timings, evaluation = {}, measured(timings), {}
        given = (metrics, timings, evaluation or None, request, place, self._written())
        return RunRecord(folder, manifest, *given)

    def reports(self, manifest: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        """Return metrics, timings and evaluation; empty what is not there.

        Args:
            manifest: Of the result. If a program has made it, the files may be the program's own,
                and anything may be in them; those that hold no object are left out.

        Raises:
            UnreadableError: A file cannot be read, or is not what headrace has written.
        """
        names = (METRICS, TIMINGS, JUDGED)
        if "program" in manifest:
            return tuple(map(self._any_object, names))
        return tuple(self._object(name) or {} for name in names)

    def _any_object(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads(self.content(name) or b"{}")
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _written(self) -> datetime | None:
        """Return when the manifest was written, the last one of several."""
        if not self.is_on_s3:
            return datetime.fromtimestamp(Path(self.place, MANIFEST).stat().st_mtime, UTC)
        from headrace.aws.clients import explained
        from headrace.aws.s3 import with_prefix

        with explained(self._error):
            found = [
                each.modified
                for each in with_prefix(join(self.place, REPORT, ""))
                if each.key.endswith("/manifest.json")
            ]
        return max(found, default=None)

    def request(self) -> dict[str, Any] | None:
        """Return the arguments of ``CreateProcessingJob``; None if the file is not there.

        Raises:
            UnreadableError: It cannot be read.
        """
        return self._object(REQUEST)

    def read(self, name: str, last: int | None = None) -> bytes:
        """Return the bytes of a file.

        Args:
            name: Path below `place`.
            last: So many at its end; default: all.

        Raises:
            UnreadableError: It is not there, or cannot be read.
        """
        content = self.content(name, last)
        if content is None:
            raise self._error(f"{name} cannot be read (No such file or directory)")
        return content

    def refuse_changed(self, kept: Iterable[Mapping[str, Any]]) -> None:
        """Refuse a result of which a file is not there, or not the one that its manifest means.

        Of a large object on S3, which only the job will read, the digest is not compared here.

        Args:
            kept: The files as the manifest lists them, with ``file``, ``bytes`` and ``sha256``.

        Raises:
            UnreadableError: There is such a file.
        """
        for each in kept:
            is_left_to_the_job = self.is_on_s3 and each.get("bytes", 0) > _LARGE
            content = self.read(each["file"], 1 if is_left_to_the_job else None)
            if is_left_to_the_job or hashlib.sha256(content).hexdigest() == each["sha256"]:
                continue
            what = "is not the file that the manifest means (sha256 differs)"
            raise UnreadableError(f"{join(self.place, each['file'])}: {what}")

    def _object(self, name: str) -> dict[str, Any] | None:
        """Return the object in a file of JSON; None if there is no such file.

        Raises:
            UnreadableError: It cannot be read, or is not what headrace has written.
        """
        content = self.content(name)
        if content is None:
            return None
        with self._explained(name):
            return reports.parsed(name, content)

    def content(self, name: str, last: int | None = None) -> bytes | None:
        """Return the bytes of a file, as `read` does; None if there is no such file.

        Raises:
            UnreadableError: It cannot be read.
        """
        if not self.is_on_s3:
            try:
                with Path(self.place, name).open("rb") as file:
                    if last is not None:
                        file.seek(max(file.seek(0, os.SEEK_END) - last, 0))
                    return file.read()
            except _NO_FILE:
                return None
            except OSError as exc:
                raise self._error(f"{_named(name)} cannot be read ({exc.strerror})") from exc
        from headrace.aws.clients import AwsError, client, code_of, reason
        from headrace.aws.s3 import bucket_and_key

        bucket, key = bucket_and_key(join(self.place, name))
        try:
            end = {} if last is None else {"Range": f"bytes=-{last}"}
            content: bytes = client("s3").get_object(Bucket=bucket, Key=key, **end)["Body"].read()
        except AwsError as exc:
            if code_of(exc) == _NO_OBJECT:
                return None
            raise self._error(f"{_named(name)} cannot be read ({reason(exc)})") from exc
        return content

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        try:
            yield
        except ForeignError as exc:
            raise self._error(f"holds no result ({exc})") from exc
        except ValueError as exc:
            raise self._error(f"{_named(name)} cannot be read ({exc})") from exc

    def _error(self, what: str) -> UnreadableError:
        return UnreadableError(f"{self.place}: {what}")


def measured(timings: dict[str, Any]) -> dict[str, Any]:
    """Return what headrace has measured of a program; a file of its own may have that name."""
    known = ("seconds", "cpu_seconds", "peak_memory_mb")
    return {key: timings[key] for key in known if _is_amount(timings.get(key))}


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value < _LARGEST


def _named(name: str) -> str:
    return "its manifest" if name == MANIFEST else name
