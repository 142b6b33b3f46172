"""The inputs of a job on this machine: what lies on S3 is downloaded, each instance gets links.

In: the inputs of a request. Out: for each instance, which file it sees at which path.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from headrace.aws.request import InputChannel
from headrace.errors import ConfigError, JobFailed, Problem
from headrace.runtime.data_files import all_files_below, files_below
from headrace.terminal.units import size
from headrace.uris import S3

if TYPE_CHECKING:
    from headrace.aws.s3 import S3Object

T = TypeVar("T")

NO_FILES = frozenset({".", ".."})
"""Names that no file can have."""
NAME_BYTES = 255
"""The longest name that file systems take."""


@dataclass(frozen=True)
class Link:
    """A file of this machine, and the path that the container sees."""

    source: Path
    path: PurePosixPath


@dataclass(frozen=True)
class _Key:
    """An object of the input: its name below the prefix, and its file on this machine."""

    name: str
    file: Path


Locate = Callable[[str], Path]
"""Returns the path on this machine of what a URI of the request names."""


def links(
    channel: InputChannel, hosts: int, locate: Locate, *, hidden: bool = False
) -> list[list[Link]]:
    """List the files that one input puts on each host.

    Args:
        channel: The input.
        hosts: Number of instances.
        locate: Returns where a file lies by now: those that ship with the job may not be in their
            place yet, and those of S3 have been downloaded.
        hidden: Whether a folder's hidden files are part of it, as they are of what S3 holds.

    Returns:
        For each host its links, in the order of their names.

    Raises:
        ConfigError: The input names no file, or fewer than there are hosts to share them.
    """
    keys = sorted(_keys(channel, locate, hidden), key=lambda key: key.name.encode())
    if not keys:
        raise _problem(channel, f"no files in {channel.uri!r}")
    inside = PurePosixPath(channel.container_path)
    shards = [_shard(keys, channel, host, hosts) for host in range(hosts)]
    return [[Link(key.file, inside / key.name) for key in shard] for shard in shards]


def _shard(keys: list[_Key], channel: InputChannel, host: int, hosts: int) -> list[_Key]:
    """Return one host's share: the keys go to the hosts in turn, in the order of their names."""
    if not channel.is_sharded:
        return keys
    if len(keys) < hosts:
        files = "1 file" if len(keys) == 1 else f"{len(keys)} files"
        raise _problem(
            channel,
            f"{files} cannot be shared among {hosts} instances; "
            f"set resources.instance_count to at most {len(keys)}, or give the data more files",
        )
    return keys[host::hosts]


def _keys(channel: InputChannel, locate: Locate, hidden: bool) -> Iterator[_Key]:
    path = locate(channel.uri)
    if channel.kind == "ManifestFile":
        for name, uri in named_in(path, channel):
            yield _Key(name, _existing(locate(uri), channel))
    elif path.is_dir():
        files = all_files_below(path) if hidden else files_below(path)
        yield from (_Key(file.relative_to(path).as_posix(), file) for file in files)
    else:
        yield _Key(path.name, _existing(path, channel))


def named_in(manifest: Path, channel: InputChannel) -> Iterator[tuple[str, str]]:
    """Yield what a file of S3's manifest format names.

    It looks like this: ``[{"prefix": "s3://b/d/"}, "a.csv", "b/c.csv"]``.
    The format: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingS3Input.html

    Yields:
        Each name, and the URI that it stands for.

    Raises:
        ConfigError: It is not there, has another form, or a name leads out of the prefix.
    """
    try:
        first, *names = json.loads(_existing(manifest, channel).read_text(encoding="utf-8"))
        prefix = first["prefix"]
    except (ValueError, TypeError, KeyError) as exc:
        wanted = '[{"prefix": "file:///folder/"}, "name", …]'
        raise _problem(channel, f"{str(manifest)!r} should hold {wanted}") from exc
    for name in dict.fromkeys(names):
        if ".." in PurePosixPath(name).parts or name.startswith("/"):
            raise _problem(channel, f"the manifest's {name!r} leads out of {prefix!r}")
        yield name, prefix + name


def _existing(path: Path, channel: InputChannel) -> Path:
    if not path.is_file():
        raise _problem(channel, f"no such file or folder: {str(path)!r}")
    return path


def _problem(channel: InputChannel, what: str) -> ConfigError:
    return ConfigError([Problem(place_of(channel), what)])


def place_of(channel: InputChannel) -> str:
    """Return what a message calls an input."""
    return f"input {channel.name!r}"


@dataclass(frozen=True)
class Downloads:
    """The downloads of a job's inputs from S3; no object is downloaded twice.

    Attributes:
        place: Returns the path that an object is downloaded to.
        locate: Returns the path that is read; what is there already is not downloaded.
        disk: The folder that messages name if there is no room for the downloads.
        hint: What the user can do if that disk is too small.
        check: Called all the while; what it raises ends the downloads.
        hidden: Download hidden objects too, for a program that knows what they are.
    """

    place: Locate
    locate: Locate
    disk: Path
    hint: str
    check: Callable[[], None]
    hidden: bool = False

    def fetch(self, channels: Sequence[InputChannel]) -> None:
        """Download what is missing of a request's inputs.

        Raises:
            ConfigError: An input names nothing, or objects that cannot be files here.
            JobFailed: The objects cannot be read, or the disk cannot hold them.
        """
        manifests = [channel for channel in channels if channel.kind == "ManifestFile"]
        self._download([found for channel in manifests for found in self._single(channel)])
        self._download([found for channel in channels for found in self._objects(channel)])

    def _single(self, channel: InputChannel) -> Iterator[S3Object]:
        """Yield the object that an input's URI names by itself."""
        if self._is_missing(channel.uri):
            from headrace.aws.s3 import object_at  # importing boto3 is slow

            yield self._listed(object_at, channel.uri, place_of(channel))

    def _objects(self, channel: InputChannel) -> list[S3Object]:
        if channel.kind == "ManifestFile":
            found = list(self._named(channel))
        elif self._is_missing(channel.uri):
            from headrace.aws.s3 import data_objects, input_objects

            look = input_objects if self.hidden else data_objects
            found = self._listed(look, channel.uri, place_of(channel))
        else:
            return []
        check_objects([each.uri for each in found], place_of(channel))
        return found

    def _named(self, channel: InputChannel) -> Iterator[S3Object]:
        for _, uri in named_in(self.locate(channel.uri), channel):
            if self._is_missing(uri):
                from headrace.aws.s3 import object_at

                yield self._listed(object_at, uri, place_of(channel))

    def _listed(self, look: Callable[[str, str], T], uri: str, where: str) -> T:
        from headrace.aws.threads import interruptible

        return interruptible(lambda: look(uri, where), self.check)

    def _is_missing(self, uri: str) -> bool:
        return uri.startswith(S3) and not self.locate(uri).exists()

    def _download(self, objects: Sequence[S3Object]) -> None:
        if objects:
            from headrace.aws.download import download

            self._check_room(sum(each.size for each in objects))
            download({self.place(each.uri): each for each in objects}, self.check)

    def _check_room(self, needed: int) -> None:
        free = shutil.disk_usage(self.disk).free
        if needed > free:
            what = f"the input needs {size(needed)} in {str(self.disk)!r}, {size(free)} are free"
            raise JobFailed(f"{what}; {self.hint}")


def check_objects(uris: Iterable[str], where: str) -> None:
    """Refuse objects of which not all can be files beside one another.

    Args:
        uris: URIs of the objects.
        where: What the message calls the input that names them.

    Raises:
        ConfigError: It names the first such object.
    """
    known = set(uris)
    for uri in sorted(known):
        if problem := path_problem(uri) or _clash(uri, known):
            raise ConfigError([Problem(where, problem)])


def path_problem(uri: str) -> str | None:
    """Return why an object cannot be a file below a folder of this machine; None if it can."""
    names = uri.removeprefix(S3).split("/")
    if "" in names:
        return f"{uri!r} cannot be a path here: a name in it is empty"
    if not NO_FILES.isdisjoint(names):
        return f"{uri!r} cannot be a path here: '.' and '..' lead elsewhere"
    if "\0" in uri:
        return f"{uri!r} cannot be a path here: there is a NUL in it"
    if any(len(name.encode()) > NAME_BYTES for name in names):
        return f"{uri!r} cannot be a path here: a name in it is longer than {NAME_BYTES} bytes"
    return None


def _clash(uri: str, known: set[str]) -> str | None:
    """Return a problem if another object is where this one needs a folder."""
    parts = uri.split("/")
    above = ("/".join(parts[:count]) for count in range(4, len(parts)))
    folder = next((each for each in above if each in known), None)
    return folder and f"{folder!r} is an object and cannot hold {uri!r} here"
