"""The files that belong to a result or a plan: those that its manifest or its receipt lists.

This is the only place that decides it, for folders of this machine and for prefixes on S3. A
manifest counts if it is one of ours, unchanged since it was written, which its own digest shows;
whatever else has that name lists nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from headrace.runtime.output.seal import FILES, files_of_part, is_sealed, sealed
from headrace.runtime.spec import REPORT

REQUEST = "request.json"
MANIFEST = f"{REPORT}/manifest.json"
"""Lists the files of a result."""
RECEIPT = "plan.json"
"""Lists the files of a plan, or what a submission brought along."""
TRANSIENT = ".headrace"
"""Holds what is on its way while a job writes to the place; never a part of a result."""

_FORMAT_VERSION = 1


@dataclass(frozen=True)
class Listing:
    """The files of one result or plan.

    Attributes:
        files: Paths below ``output.path``, sorted, the manifest or the receipt among them.
        digests: Path → SHA-256 of those whose content is known.
        job: Name of the job that a receipt is of.
        region: AWS region that this job was submitted in, if it runs on SageMaker.
        program: What it runs, if a client has to write the manifest when it has completed.
    """

    files: tuple[str, ...]
    digests: Mapping[str, str]
    job: str | None = None
    region: str | None = None
    program: Mapping[str, Any] | None = None

    def is_unchanged(self, file: str, sha256: str) -> bool:
        """Return whether a file has the content that it had; of most files only parts are known."""
        return self.digests.get(file, sha256) == sha256


def listed(manifest: bytes) -> Listing | None:
    """Return what a manifest or a receipt lists; None if it is none of ours, as it was written.

    Args:
        manifest: Content of ``report/manifest.json`` or ``plan.json``, wherever it comes from.
    """
    try:
        content = json.loads(manifest)
        if not isinstance(content, dict) or not is_sealed(content):
            return None
        files = content[FILES]
        digests = dict(_digests(content))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    if not isinstance(files, list) or not all(map(is_inside, (*files, *digests))):
        return None
    job, region = (_text(content.get(key)) for key in ("job", "region"))
    program = content.get("program") if job is not None else None
    return Listing(tuple(files), digests, job, region, program)


def looks_like_ours(file: str, path: Path) -> bool:
    """Return whether a listed file, of which no digest is known, can be what a job left there.

    A manifest is the same for every run of a job, so it holds no digest of what names the run.

    Args:
        file: Path below ``output.path``, as it is listed.
        path: Where the file is.
    """
    if file != REQUEST:
        return True
    try:
        return "ProcessingJobName" in dict(json.loads(path.read_bytes()))
    except (ValueError, TypeError, RecursionError):
        return False


def receipt(job: str, files: Mapping[str, bytes | None]) -> bytes:
    """Return a receipt: it lists files that are no result, so that a next job may replace them.

    Args:
        job: Name of the job that they were made for.
        files: Path below ``output.path`` → content; None where the content is not to be checked.
    """
    contents = {
        name: None if content is None else hashlib.sha256(content).hexdigest()
        for name, content in files.items()
    }
    return receipt_of(job, contents)


def receipt_of(
    job: str,
    files: Mapping[str, str | None],
    region: str | None = None,
    program: Mapping[str, Any] | None = None,
) -> bytes:
    """Return a receipt of files whose digests are known.

    Args:
        job: Name of the job that they were made for.
        files: Path below ``output.path`` → SHA-256; None where the content is not to be checked.
        region: AWS region that the job is submitted in.
        program: What it runs, if whoever writes the manifest later has to know it.
    """
    digests = {name: sha256 for name, sha256 in sorted(files.items()) if sha256 is not None}
    content: dict[str, Any] = {"format_version": _FORMAT_VERSION, "job": job, "digests": digests}
    if region is not None:
        content["region"] = region
    if program is not None:
        content["program"] = dict(program)
    text = json.dumps(sealed(content, (*files, RECEIPT)), indent=2, ensure_ascii=False)
    return f"{text}\n".encode()


def is_inside(path: object) -> bool:
    """Return whether a listed path leads to a file below the place, and nowhere else."""
    if not isinstance(path, str) or not path or "\0" in path:
        return False
    try:
        path.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: no name of ours
        return False
    parts = path.split("/")
    return not {"", ".", "..", TRANSIENT}.intersection(parts)


def folders_of(path: str) -> list[str]:
    """Return the folders that a listed path lies in, the innermost first; not the place itself."""
    return [str(parent) for parent in PurePosixPath(path).parents][:-1]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _digests(content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the files whose content a manifest knows.

    Those of a chain are parts and learned states, those of a program its outputs and its code, and
    all of a receipt.
    """
    channels = content.get("channels", {}).values()
    parts = [part for channel in channels for part in channel["parts"]]
    known = [file for part in parts for file in files_of_part(part)]
    outputs = [each for each in content.get("outputs", {}).values() if "uri" not in each]
    known += [part for output in outputs for part in output["parts"]]
    known += content.get("states", {}).values()
    for each in known:
        if "sha256" in each:
            yield str(each["file"]), str(each["sha256"])
    for name, sha256 in content.get("digests", {}).items():
        yield name, str(sha256)
