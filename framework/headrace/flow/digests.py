"""Digests of all that a job's result depends on: a job with the same ones need not run again.

* ``configuration``: the request, without names and places that differ from run to run,
* ``code``: the program and its parameters: the files that travel with the job,
* ``packages``: the wheels among them,
* ``data``: the files that it reads from outside the flow, by size and time or by their content,
* ``jobs``: the manifests of the results that it reads,
* ``headrace``: the version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import runtime
from headrace.aws.request import meaning
from headrace.flow.references import with_texts
from headrace.runtime.spec import PACKAGES, digest
from headrace.uris import S3, join, uri_of, within

if TYPE_CHECKING:
    from headrace.job.inputs import DataInput
    from headrace.prepare import Ready

Digests = dict[str, str]
UPSTREAM = "flow:"


def digests_of(
    ready: Ready, places: Mapping[str, str], manifests: Mapping[str, str], *, strict: bool
) -> Digests:
    """Return the digests of a job.

    Args:
        ready: The compiled job; what it reads of other jobs is there.
        places: ``job.channel`` of each output of the flow → its URI.
        manifests: Job that it needs → SHA-256 of the manifest of its result.
        strict: Read local input files instead of trusting their size and time.
    """
    job, output = ready.job, uri_of(ready.config.output.path)
    said = with_texts(meaning(job.view, output), lambda text: _without_place(text, places))
    files = {path: hashlib.sha256(content).hexdigest() for path, content in job.files.items()}
    packages = {path: each for path, each in files.items() if path.startswith(f"{PACKAGES}/")}
    code = {path: each for path, each in files.items() if path not in packages}
    return {
        "configuration": digest({"request": said, "target": ready.config.target.name}),
        "code": digest({**code, "program": job.program.sha256, **_code_on_s3(ready)}),
        "packages": digest(packages),
        "data": digest(dict(_data(ready, places, strict))),
        "jobs": digest(dict(manifests)),
        "headrace": runtime.VERSION,
    }


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the names of the digests that differ."""
    return [name for name in new if old.get(name) != new[name]]


def _without_place(text: str, places: Mapping[str, str]) -> str:
    """Return a text in which the place of another job's output is its name."""
    for name, uri in places.items():
        if "://" in text and within(text, uri):
            return f"{UPSTREAM}{name}{text.removeprefix(uri)}"
    return text


def _data(
    ready: Ready, places: Mapping[str, str], strict: bool
) -> Iterator[tuple[str, list[list[Any]]]]:
    for name, data in ready.inputs.items():
        if not any(within(data.uri, uri) for uri in places.values()):
            yield name, list(_files(data, strict))


def _files(data: DataInput, strict: bool) -> Iterator[list[Any]]:
    """Yield what tells that a file is the same: its name, its size, its time or its content."""
    if data.files:
        for file in map(Path, data.files):
            found, name = file.stat(), str(file.relative_to(data.folder))
            yield [name, found.st_size, sha256_of(file) if strict else found.st_mtime_ns]
    elif data.uri.startswith(S3):
        from headrace.aws.clients import explained
        from headrace.aws.s3 import with_prefix  # boto3 takes its time

        with explained():
            objects = data.objects or with_prefix(data.uri)
            yield from ([each.uri, each.size, each.etag] for each in objects)


def _code_on_s3(ready: Ready) -> dict[str, str]:
    """Return URI → ETag of a script that lies on S3."""
    path = ready.job.program.path
    if not path.startswith(S3):
        return {}
    from headrace.aws.clients import explained
    from headrace.aws.s3 import with_prefix  # boto3 takes its time

    place = path if path.endswith(f"/{ready.job.program.entry}") else join(path, "")
    with explained():
        return {each.uri: each.etag for each in with_prefix(place)}


def sha256_of(file: Path) -> str:
    """Return the digest of a file's content."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
