"""A stored result: in a folder of this machine or below a prefix on S3."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from headrace.errors import HeadraceError
from headrace.results.layout import MANIFEST, REQUEST
from headrace.results.records import RunRecord, manifest_in, measured
from headrace.runtime.spec import REPORT
from headrace.uris import S3, join


class UnreadableError(HeadraceError):
    """There is no result, or one of its files cannot be read."""


@dataclass(frozen=True)
class StoredResult:
    """The files that one run left behind."""

    place: str
    """``output.path``: a folder or ``s3://bucket/folder``."""

    def manifest(self) -> dict[str, Any]:
        """Return the manifest.

        Raises:
            HeadraceError: There is no manifest, and so no result, or it cannot be read.
        """
        if not self.place.startswith(S3):
            return manifest_in(Path(self.place))
        from headrace.aws.clients import explained  # boto3 takes its time
        from headrace.results.s3_report import manifest_at

        try:
            with explained(self._error):
                found = manifest_at(join(self.place, REPORT))
        except ValueError as exc:
            raise self._error(f"its manifest cannot be read ({exc})") from exc
        if not found:
            raise self._error(f"holds no result ({MANIFEST} is missing)")
        return found

    def record(self) -> RunRecord:
        """Return the report, as its page needs it; parts are not read.

        Raises:
            HeadraceError: There is no result, or it cannot be read.
        """
        if not self.place.startswith(S3):
            return RunRecord.read(Path(self.place))
        manifest, request = self.manifest(), self.json(REQUEST) or None
        folder, written = Path(PurePosixPath(self.place).name), self._written()
        timings, place = self.report("timings"), self.place.rstrip("/")
        if "program" in manifest:
            return RunRecord(folder, manifest, {}, measured(timings), None, request, place, written)
        metrics, evaluation = self.report("metrics"), self.report("evaluation") or None
        return RunRecord(folder, manifest, metrics, timings, evaluation, request, place, written)

    def _written(self) -> datetime | None:
        """Return when the manifest on S3 was written, the last one of several."""
        from headrace.aws.clients import explained
        from headrace.aws.s3 import with_prefix

        with explained(self._error):
            found = [
                each.modified
                for each in with_prefix(join(self.place, REPORT, ""))
                if each.key.endswith("/manifest.json")
            ]
        return max(found, default=None)

    def report(self, name: str) -> dict[str, Any]:
        """Return a file of the report; empty if there is none, as with several instances.

        Args:
            name: ``metrics``, ``timings`` or ``evaluation``.
        """
        return self.json(f"{REPORT}/{name}.json")

    def json(self, name: str) -> dict[str, Any]:
        """Return an object in a file of JSON; empty if there is none.

        Args:
            name: Path below `place`.
        """
        try:
            return dict(json.loads(self.read(name)))
        except (UnreadableError, ValueError, TypeError):
            return {}

    def read(self, name: str, last: int | None = None) -> bytes:
        """Return the bytes of a file.

        Args:
            name: Path below `place`.
            last: So many at its end; default: all.

        Raises:
            UnreadableError: It is not there, or cannot be read.
        """
        if not self.place.startswith(S3):
            try:
                with Path(self.place, name).open("rb") as file:
                    if last is not None:
                        file.seek(max(file.seek(0, os.SEEK_END) - last, 0))
                    return file.read()
            except OSError as exc:
                raise self._error(f"{name} cannot be read ({exc.strerror})") from exc
        from headrace.aws.clients import client, explained
        from headrace.aws.s3 import bucket_and_key

        bucket, key = bucket_and_key(join(self.place, name))
        with explained(lambda why: self._error(f"{name} cannot be read ({why})")):
            end = {} if last is None else {"Range": f"bytes=-{last}"}
            content: bytes = client("s3").get_object(Bucket=bucket, Key=key, **end)["Body"].read()
        return content

    def _error(self, what: str) -> UnreadableError:
        return UnreadableError(f"{self.place}: {what}")
