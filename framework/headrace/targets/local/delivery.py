"""From the hosts' output folders to the places that the request names: all of it or nothing.

A result for S3 is put together in the scratch root, just as it would be anywhere else on this
machine, and then published.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from headrace.errors import JobFailed
from headrace.job.job import Job
from headrace.results import hosts as host_reports
from headrace.results.destination import OccupiedError, replaceable
from headrace.results.layout import MANIFEST, is_inside, listed
from headrace.results.whole_files import json_text, write_whole
from headrace.runtime.output.seal import sealed
from headrace.runtime.shown import quoted
from headrace.runtime.spec import under
from headrace.targets.local.interrupts import Interrupts
from headrace.targets.local.moves import Replacement
from headrace.targets.local.publish import publish
from headrace.targets.local.sandbox import Host, Sandbox, outputs
from headrace.uris import uri_of

if TYPE_CHECKING:
    from headrace.aws.lock import Lock

Files = dict[str, Path]
"""Path below ``output.path`` → where the file waits."""


@dataclass(frozen=True)
class Delivery:
    """A job that has been run, on the way to its place.

    Attributes:
        job: The job.
        sandbox: Holds the files that ship with it.
        hosts: Hold the outputs.
        overwrite: Whether an earlier result is replaced. If anything fails, it comes back; for what
            happens on S3 see `headrace.targets.local.publish`.
        lock: That of the prefix, if the result goes to S3.
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
        files = self._files()
        _complete(files)
        place = self.sandbox.outputs.place(self.sandbox.output)
        if self.lock is not None:
            for file, source in files.items():
                (place / file).parent.mkdir(parents=True, exist_ok=True)
                source.rename(place / file)
            key = self.job.view.kms_key
            mirror, output = self.sandbox.outputs, self.sandbox.output
            publish(mirror, output, self.overwrite, key, self.lock, interrupts.check)
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
            # Whether Hydra's own records may be there has been judged before.
            old = replaceable(place, overwrite=self.overwrite, is_run_folder=True)
        except OccupiedError as error:
            raise JobFailed(str(error)) from error
        Replacement.of(place, self.sandbox.root.parent, old, files).carry_out(interrupts.check)

    def _files(self) -> Files:
        """Return all files of the result, the manifest last."""
        found: list[tuple[str, Path]] = list(_below(self.sandbox.files, ""))
        base = PurePosixPath(uri_of(self.sandbox.output))
        for name, inside, uri in outputs(self.job.request):
            folder = self._gathered(name, str(inside))
            prefix = PurePosixPath(uri_of(uri)).relative_to(base)
            found += _below(folder, "" if prefix == PurePosixPath() else f"{prefix}/")
        files: Files = {}
        for file, source in sorted(found, key=lambda pair: (pair[0] == MANIFEST, pair[0])):
            if file in files:
                raise JobFailed(f"two outputs hold {quoted(file)}, or one and what ships with it")
            if not is_inside(file):
                raise JobFailed(f"an output holds {quoted(file)}; a result has no such names")
            files[file] = source
        return files

    def _gathered(self, name: str, inside: str) -> Path:
        """Return one folder with what all hosts wrote for an output."""
        folders = {host.name: under(host.ml, inside) for host in self.hosts}
        if len(folders) == 1:
            return next(iter(folders.values()))
        together = self.sandbox.root / "gathered" / name
        together.mkdir(parents=True)
        writers: dict[str, str] = {}
        for host, folder in folders.items():
            for file, source in _below(folder, ""):
                if file in writers:
                    what = f"{writers[file]} and {host} both wrote {file}"
                    raise JobFailed(f"output {name!r}: {what}")
                writers[file] = host
                (together / file).parent.mkdir(parents=True, exist_ok=True)
                source.rename(together / file)
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
    content = _bytes(files[MANIFEST]) if MANIFEST in files else None
    listing = listed(content) if content else None
    if content is None or listing is None or set(files) <= set(listing.files):
        return
    complete = sealed(json.loads(content), (*files, *listing.files))
    write_whole(files[MANIFEST], json_text(complete).encode())


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None
