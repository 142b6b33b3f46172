"""The delivery of a result: outputs of the hosts go to ``output.path``, all of them or none.

A result for S3 is put together in the scratch root and then uploaded, its manifest last, so that
half of a result is never taken for all of it. S3 has no rename. Where ``output.overwrite`` lets a
result replace an earlier one, the old manifest is deleted first, then what it lists, and only then
the new result comes: at no time does a manifest describe anything but what is there. A receipt
lists what has come so far; if this job is killed, the next one removes that.

If anything fails during the upload, what has been uploaded is removed as far as possible, and there
is no manifest. An earlier result does not come back then: it is lost as soon as its manifest is
deleted, which is when all has been computed and only the upload is left. Buckets with versioning
keep it.
"""

from __future__ import annotations

import filecmp
import hashlib
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from headrace.errors import JobFailed
from headrace.job.job import Job
from headrace.results.destination import OccupiedError, replaceable
from headrace.results.layout import MANIFEST, RECEIPT, is_inside, listed, receipt_of
from headrace.results.program_manifest import (
    NAME_TAKEN,
    Part,
    Ran,
    code_digest,
    counted,
    program_manifest,
)
from headrace.results.reports import JUDGED, parsed
from headrace.results.reports import hosts as host_reports
from headrace.results.whole_files import json_text, write_whole
from headrace.runtime.output.seal import sealed
from headrace.runtime.shown import quoted
from headrace.runtime.spec import CODE_INPUT, under
from headrace.targets.local.moves import Replacement
from headrace.targets.local.sandbox import Host, S3Folder, Sandbox
from headrace.targets.shutdown.interrupts import Interrupts
from headrace.uris import join, uri_of

if TYPE_CHECKING:
    from headrace.aws.lock import Lock

Files = dict[str, Path]
"""Path below ``output.path`` → where the file waits."""


@dataclass(frozen=True)
class Delivery:
    """The result of a job on the way to its place.

    Attributes:
        job: The job.
        sandbox: Holds the files that ship with it.
        hosts: Hold the outputs.
        overwrite: Replace an earlier result. If anything fails, it comes back, but not on S3.
        lock: The lock of the prefix, if the result goes to S3.
    """

    job: Job
    sandbox: Sandbox
    hosts: Sequence[Host]
    overwrite: bool
    lock: Lock | None = None

    def deliver(self, interrupts: Interrupts) -> dict[str, Any]:
        """Bring the result to its place, the manifest last of all.

        Args:
            interrupts: Obeyed between two moves.

        Returns:
            The manifest; nothing if the entrypoint writes none.

        Raises:
            JobFailed: Two hosts wrote the same file, something that must stay is in the way, or S3
                does not take a file.
            OSError: The disk cannot be written; everything is as it was before.
        """
        files, outputs = self._files()
        if self.job.program.writes_manifest:
            _complete(files)
        else:
            self._report(files, outputs)
        place = self.sandbox.outputs.place(self.sandbox.output)
        if self.lock is not None:
            for file, source in files.items():
                (place / file).parent.mkdir(parents=True, exist_ok=True)
                source.rename(place / file)
            key = self.job.view.kms_key
            folder, output = self.sandbox.outputs, self.sandbox.output
            publish(folder, output, self.overwrite, key, self.lock, interrupts.check)
        else:
            self._replace(place, files, interrupts)
        return self.delivered(MANIFEST)

    def delivered(self, file: str) -> dict[str, Any]:
        """Return what a JSON file says, once it is in its place; nothing if there is none."""
        path = self.sandbox.outputs.place(self.sandbox.output) / file
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    def _replace(self, place: Path, files: Files, interrupts: Interrupts) -> None:
        """Put the files in their places on this machine, all of them or none."""
        try:
            # an earlier check has decided whether Hydra's own records may be there
            old = replaceable(place, overwrite=self.overwrite, is_run_folder=True)
        except OccupiedError as error:
            raise JobFailed(str(error)) from error
        Replacement.of(place, self.sandbox.root.parent, old, files).carry_out(interrupts.check)

    def _files(self) -> tuple[Files, dict[str, list[str]]]:
        """Return all files of the result, the manifest last, and which of them each output has."""
        found: list[tuple[str, Path]] = list(_below(self.sandbox.files, ""))
        outputs: dict[str, list[str]] = {}
        base = PurePosixPath(uri_of(self.sandbox.output))
        for channel in self.job.view.outputs:
            folder = self._gathered(channel.name, channel.container_path)
            prefix = PurePosixPath(uri_of(channel.uri)).relative_to(base)
            below = list(_below(folder, "" if prefix == PurePosixPath() else f"{prefix}/"))
            outputs[channel.name] = [file for file, _ in below]
            found += below
        files: Files = {}
        for file, source in sorted(found, key=lambda pair: (pair[0] == MANIFEST, pair[0])):
            if file in files:
                raise JobFailed(f"two outputs hold {quoted(file)}, or one and what ships with it")
            if not is_inside(file):
                raise JobFailed(f"an output holds {quoted(file)}; a result has no such names")
            files[file] = source
        return files, outputs

    def _report(self, files: Files, outputs: dict[str, list[str]]) -> None:
        """Add the report of a program that writes none, its manifest last."""
        if MANIFEST in files:
            raise JobFailed(NAME_TAKEN)
        folder = self.sandbox.report
        ours = {file: source for file, source in _below(folder, "") if file not in files}
        files |= ours
        parts = {
            name: [Part.of(file, files[file]) for file in below] for name, below in outputs.items()
        }
        digests = {
            name: hashlib.sha256(content).hexdigest() for name, content in self.job.files.items()
        }
        program = self.job.program
        sha256 = program.sha256 or self._code_digest()
        ran = Ran(program.kind, program.entry, sha256, self._inputs())
        base = uri_of(self.sandbox.output)
        content = program_manifest(ran, self.job.view, base, parts, digests)
        write_whole(folder / MANIFEST, json_text(content).encode())
        files[MANIFEST] = folder / MANIFEST

    def _inputs(self) -> dict[str, dict[str, int]]:
        """Return how many files each input had, and their size."""
        found = {}
        for index, channel in enumerate(self.job.view.inputs):
            every = [host.inputs[index] for host in self.hosts]
            mine = every if channel.is_sharded else every[:1]
            files, total = (sum(numbers) for numbers in zip(*mine, strict=True))
            found[channel.name] = counted(files, total)
        return found

    def _code_digest(self) -> str:
        """Return the digest of code that came from S3; nothing if none came with the job."""
        channels = (each for each in self.job.view.inputs if each.container_path == CODE_INPUT)
        for place in (self.sandbox.locate(channel.uri) for channel in channels):
            files = [("", place)] if place.is_file() else _below(place, "")
            parts = [Part.of(file, source) for file, source in files]
            return code_digest({part.file: part.sha256 for part in parts})
        return ""

    def _gathered(self, name: str, inside: str) -> Path:
        """Return one folder with what all hosts wrote for an output."""
        folders = {host.name: under(host.ml, inside) for host in self.hosts}
        if len(folders) == 1:
            return next(iter(folders.values()))
        together = self.sandbox.root / "gathered" / name
        together.mkdir(parents=True)
        is_program = not self.job.program.writes_manifest
        writers: dict[str, str] = {}
        for host, folder in folders.items():
            for file, source in _below(folder, ""):
                if file in writers:
                    if is_program and filecmp.cmp(source, together / file, shallow=False):
                        continue
                    what = f"{writers[file]} and {host} both wrote {file}"
                    raise JobFailed(f"output {name!r}: {what}")
                writers[file] = host
                (together / file).parent.mkdir(parents=True, exist_ok=True)
                source.rename(together / file)
        if not is_program:
            _merge_reports(together, list(folders))
        return together


def _below(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    """Yield the files of a folder and their paths below ``output.path``.

    A link to a file becomes a copy: what it points to may not stay.
    """
    for above, _, names in os.walk(folder):
        for path in (Path(above, name) for name in names):
            if path.is_file():
                if path.is_symlink():
                    _copy_in_place(path)
                yield f"{prefix}{path.relative_to(folder).as_posix()}", path


def _copy_in_place(link: Path) -> None:
    copy = link.with_name(f".{link.name}.copy")
    shutil.copyfile(link, copy)
    copy.replace(link)


def _merge_reports(together: Path, hosts: Sequence[str]) -> None:
    """Make one report of those that the hosts wrote, each in a folder of its name."""
    for name, content in host_reports.merged(hosts, lambda name: _bytes(together / name)).items():
        write_whole(together / name, host_reports.content_of(content))


def _complete(files: Files) -> None:
    """Have the manifest list what the entrypoint did not know of, such as Spark's event logs."""
    _checked(files, JUDGED)
    manifest, content = _checked(files, MANIFEST)
    listing = listed(content)
    if listing is None or set(files) <= set(listing.files):
        return
    complete = sealed(manifest, (*files, *listing.files))
    write_whole(files[MANIFEST], json_text(complete).encode())


def _checked(files: Files, name: str) -> tuple[dict[str, Any], bytes]:
    """Return the content of a report of the job; nothing if it left none."""
    content = (_bytes(files[name]) if name in files else None) or b""
    try:
        return (parsed(name, content) if content else {}), content
    except ValueError as error:
        raise JobFailed(f"the job left a {name} that cannot be read ({error})") from error


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None


def publish(
    folder: S3Folder,
    output: str,
    overwrite: bool,
    kms_key: str | None,
    lock: Lock,
    check: Callable[[], None],
) -> None:
    """Upload everything in a folder that stands for S3, the manifest last.

    Args:
        folder: Holds the result and the job's own files.
        output: URI of the prefix that all of them are below.
        overwrite: Replace what an earlier job left there.
        kms_key: Encrypts the objects; default: as the bucket has it.
        lock: The lock of the prefix.
        check: Called all the while; what it raises ends the upload.

    Raises:
        JobFailed: S3 does not take or keep the files, or another program has written there.
    """
    from headrace.aws.clients import explained  # importing boto3 is slow
    from headrace.aws.threads import interruptible
    from headrace.aws.upload import Uploads
    from headrace.results.output_prefix import digests_of, look, make_room, refusal

    base = join(output, "")
    new = {folder.uri(path): path for path in folder.files()}
    named = {uri.removeprefix(base): path for uri, path in new.items() if uri.startswith(base)}
    parts, *manifests = _rounds(new)
    receipt = join(output, RECEIPT)
    with explained():
        lock.confirm()
        content = interruptible(lambda: look(output, check), check)
        if problem := interruptible(lambda: refusal(content, overwrite, named), check):
            raise JobFailed(problem)
        make_room(content, lock.job, kms_key, check)
        with Uploads(kms_key, check).together() as uploads:
            uploads.place({receipt: receipt_of(lock.job, digests_of(named, check))})
            uploads.place(parts)
            lock.confirm()
            for sources in manifests:
                uploads.place(sources)
    _forget(receipt, check)


def _forget(receipt: str, check: Callable[[], None]) -> None:
    """Remove the receipt; the result is whole even if that fails."""
    from headrace.aws.clients import AwsError, reason
    from headrace.aws.s3 import remove
    from headrace.aws.threads import interruptible

    try:
        interruptible(lambda: remove([receipt]), check)
    except (*AwsError, JobFailed) as exc:
        print(f"note: {receipt} is left over, and means nothing: {reason(exc)}", file=sys.stderr)


def _rounds(new: dict[str, Path]) -> Iterator[dict[str, Path]]:
    """Yield all files but manifests, then those of single hosts, then the one of all."""
    from headrace.results.output_prefix import is_manifest

    def turn(uri: str) -> float:
        return -uri.count("/") if is_manifest(uri) else -math.inf

    for _, uris in groupby(sorted(new, key=turn), turn):
        yield {uri: new[uri] for uri in uris}
