"""The scratch root of a job on this machine: for each instance a folder in place of ``/opt/ml``."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from headrace.aws.request import RequestView
from headrace.config import registry
from headrace.job.job import Job
from headrace.results.layout import REQUEST
from headrace.results.whole_files import json_text, write_whole
from headrace.runtime.plugins.transforms import PACKAGE
from headrace.runtime.spec import under
from headrace.targets.local.inputs import Downloads, Link, links
from headrace.targets.local.private_root.access import refusal
from headrace.targets.local.private_root.command import PrivateRoot
from headrace.targets.local.private_root.layers import layers
from headrace.targets.shutdown.interrupts import Interrupts
from headrace.uris import S3, path_of, uri_of, within

CODE = "code"
"""Folder of the scratch root: the transforms that an image has baked in."""
MESSAGE_BYTES = 1024
"""SageMaker's limit for an ``ExitMessage``."""
LARGER_TMPDIR = "set TMPDIR to a folder of a larger disk"
LARGER_OUTPUT = "choose an output.path on a larger disk"
"""The hints if there is no room for downloads."""


@dataclass(frozen=True)
class Host:
    """One instance: its name in the cluster and its ``/opt/ml``."""

    name: str
    ml: Path
    places: dict[str, str] = field(default_factory=dict, repr=False)
    """Path in the container → the user's own path or URI, for messages."""
    inputs: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    """For each input of a program the number of its files, and their size."""
    private: PrivateRoot | None = field(default=None, repr=False)
    """Root in which a program finds `ml` at ``/opt/ml``, if it has to."""

    @property
    def message_file(self) -> Path:
        """Return the file in which the entrypoint may say why it failed."""
        return self.ml / "output" / "message"

    def message(self) -> str:
        """Return the first kilobyte of what the entrypoint said; empty if it said nothing.

        A program may have made anything of the file: a pipe would be waited for without end, and
        what a link leads to is not its message.
        """
        try:
            if not stat.S_ISREG(self.message_file.lstat().st_mode):
                return ""
            with self.message_file.open("rb") as file:
                return file.read(MESSAGE_BYTES).decode(errors="ignore").strip()
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def reveal(self, text: str) -> str:
        """Return the text with the user's own paths in the place of those of the scratch root."""
        for inside, place in self.places.items():
            for seen in (str(under(self.ml, inside)), inside):
                text = text.replace(seen, place)
        return text


@dataclass(frozen=True)
class S3Folder:
    """A folder in the place of S3: an object lies at ``<folder>/<bucket>/<key>``."""

    folder: Path

    def place(self, uri: str) -> Path:
        """Return where something lies: below the folder if it is on S3, else where its URI says.

        Args:
            uri: ``s3://…``, ``file://…`` or a path; checked by `headrace.targets.local.checks`.
        """
        path = path_of(uri_of(uri))
        return self.folder / uri.removeprefix(S3) if path is None else path

    def uri(self, path: Path) -> str:
        """Return the URI of a file below the folder, and the path of any other."""
        if path.is_relative_to(self.folder):
            return S3 + path.relative_to(self.folder).as_posix()
        return str(path)

    def files(self) -> Iterator[Path]:
        """Return all files below the folder."""
        return (path for path in self.folder.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Sandbox:
    """The folders of a job: its files, inputs and outputs, and those of its instances."""

    root: Path
    output: str
    """The final place of the result: a path or a URI."""
    is_private: bool = False
    """True if each instance has a private root."""

    @property
    def place(self) -> Path:
        """Return the folder that the user knows: that of the result, or of temporary files."""
        return self.root.parents[1]

    @property
    def files(self) -> Path:
        """Return where the files that ship with the job wait until the result is delivered."""
        return self.root / "files"

    @property
    def inputs(self) -> S3Folder:
        """Return where inputs of S3 lie while the job runs."""
        return S3Folder(self.root / "inputs")

    @property
    def outputs(self) -> S3Folder:
        """Return where outputs lie; if they are to go to S3, until they are uploaded."""
        return S3Folder(self.root / "outputs")

    @property
    def report(self) -> Path:
        """Return where a report waits that the program does not write itself."""
        return self.root / "written"

    @property
    def is_for_s3(self) -> bool:
        """Return whether the result goes to S3."""
        return self.output.startswith(S3)

    def locate(self, uri: str) -> Path:
        """Return where an input of the request lies while the job runs."""
        output = uri_of(self.output)
        if within(uri_of(uri), output):
            staged = self.files / PurePosixPath(uri_of(uri)).relative_to(PurePosixPath(output))
            if staged.exists():
                return staged
        return self.inputs.place(uri)

    def lay_out(self, job: Job, interrupts: Interrupts) -> tuple[Host, ...]:
        """Write the job's files and, for each instance, inputs, configuration and outputs.

        Inputs on S3 are downloaded.

        Raises:
            ConfigError: An input is missing or cannot be shared.
            JobFailed: An input cannot be downloaded.
            OSError: The disk cannot be written.
        """
        for name, content in job.files.items():
            write_whole(self.files / name, content)
        write_whole(self.files / REQUEST, json_text(job.request).encode())
        request = job.view
        if brings_code(request):
            _bake_in(self.root / CODE)
        hint = LARGER_TMPDIR if self.is_for_s3 else LARGER_OUTPUT
        check, hidden = interrupts.check, job.program.needs_real_paths
        downloads = Downloads(self.inputs.place, self.locate, self.place, hint, check, hidden)
        downloads.fetch(request.inputs)
        count = request.instance_count
        shares = [links(channel, count, self.locate, hidden=hidden) for channel in request.inputs]
        names = [f"algo-{number + 1}" for number in range(count)]
        hosts = []
        for number, name in enumerate(names):
            mine = [each[number] for each in shares]
            every = [link for share in mine for link in share]
            sizes = tuple(map(_size, mine)) if job.program.needs_real_paths else ()
            host = Host(name, self.root / name, self._places(request, every), sizes)
            if self.is_private:
                host = replace(host, private=self._private_root(host, request, mine))
            else:
                _link(host, every, interrupts)
            _configure(host, names, request)
            hosts.append(host)
        return tuple(hosts)

    def _private_root(
        self, host: Host, request: RequestView, shares: Sequence[list[Link]]
    ) -> PrivateRoot:
        folder = self.root / f"{host.name}.private"
        arranged = []
        for index, (channel, share) in enumerate(zip(request.inputs, shares, strict=True)):
            source, inside = self.locate(channel.uri), PurePosixPath(channel.container_path)
            is_folder = channel.kind != "ManifestFile" and source.is_dir()
            staging = folder / "staged" / str(index)
            arranged.append(layers(share, inside, source if is_folder else None, staging))
        outputs = [channel.container_path for channel in request.outputs]
        borrows = refusal() is not None
        return PrivateRoot(host.ml, folder, arranged, outputs, borrows=borrows)

    def _places(self, request: RequestView, mine: list[Link]) -> dict[str, str]:
        files = {str(link.path): self.inputs.uri(link.source) for link in mine}
        folders = {
            str(PurePosixPath(channel.container_path)): _shown(channel.uri)
            for channel in request.outputs
        }
        return {**files, **folders}


def brings_code(request: RequestView) -> bool:
    """Return whether the image brings the code: the request leaves the entrypoint to it."""
    return not request.entrypoint


def _shown(uri: str) -> str:
    path = path_of(uri)
    return uri if path is None else str(path)


def _size(share: Sequence[Link]) -> tuple[int, int]:
    return len(share), sum(link.source.stat().st_size for link in share)


def _link(host: Host, mine: list[Link], interrupts: Interrupts) -> None:
    made: set[Path] = set()
    for link in mine:
        interrupts.check()
        place = under(host.ml, str(link.path))
        if place.parent not in made:
            place.parent.mkdir(parents=True, exist_ok=True)
            made.add(place.parent)
        place.symlink_to(link.source)


def _bake_in(folder: Path) -> None:
    """Write each transform that has a file, as building the image does."""
    for plugin in registry.plugins().values():
        if plugin.path is not None:
            write_whole(folder / PACKAGE / plugin.path.name, plugin.source.encode())


def _configure(host: Host, names: list[str], request: RequestView) -> None:
    """Write the files that SageMaker writes before it starts a container."""
    config = host.ml / "config"
    config.mkdir(parents=True)
    host.message_file.parent.mkdir()
    for channel in request.outputs:
        under(host.ml, channel.container_path).mkdir(parents=True, exist_ok=True)
    texts = {
        "processingjobconfig.json": processing_job_config(request),
        "resourceconfig.json": {"current_host": host.name, "hosts": names},
    }
    for name, value in texts.items():
        (config / name).write_text(json_text(value), encoding="utf-8")


def processing_job_config(request: RequestView) -> dict[str, Any]:
    """Return the content of ``/opt/ml/config/processingjobconfig.json``.

    It is the request and the job's ARN.

    The shape: https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
    """
    arn = f"arn:aws:sagemaker:local:000000000000:processing-job/{request.name}"
    return {"ProcessingJobArn": arn, "Environment": {}, **request.raw}
