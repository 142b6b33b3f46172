"""Which files each ``ProcessingInput`` of a request puts on which host."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from headrace.errors import ConfigError, Problem
from headrace.job.request import InputChannel
from headrace.runtime.data_files import all_files_below, files_below


@dataclass(frozen=True)
class Link:
    """A file of this machine, and the path that the container sees."""

    source: Path
    path: PurePosixPath


@dataclass(frozen=True)
class _Key:
    """An object of the input: its name below the prefix, and the file that stands for it."""

    name: str
    file: Path


Locate = Callable[[str], Path]
"""Where on this machine lies what a URI of the request names."""


def links(
    channel: InputChannel, hosts: int, locate: Locate, *, hidden: bool = False
) -> list[list[Link]]:
    """List the files that one input puts on each host.

    Args:
        channel: The input.
        hosts: Number of instances.
        locate: Files that ship with the job may still wait for their place, those of S3 lie in a
            mirror.
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
