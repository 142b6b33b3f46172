"""Which files each ``ProcessingInput`` of a request puts on which host."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from headrace.errors import ConfigError, Problem
from headrace.runtime.data_files import files_below


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


def links(entry: dict[str, Any], hosts: int, locate: Locate) -> list[list[Link]]:
    """What one input puts on each host.

    Args:
        entry: An element of the request's ``ProcessingInputs``.
        hosts: Number of instances.
        locate: Files that ship with the job may still wait for their place, those of S3 lie in a
            mirror.

    Returns:
        For each host its links, in the order of their names.

    Raises:
        ConfigError: The input names no file, or fewer than there are hosts to share them.
    """
    source, where = entry["S3Input"], f"input {entry['InputName']!r}"
    keys = sorted(_keys(source, where, locate), key=lambda key: key.name.encode())
    if not keys:
        raise _problem(where, f"no files in {source['S3Uri']!r}")
    inside = PurePosixPath(source["LocalPath"])
    shards = [_shard(keys, source, host, hosts, where) for host in range(hosts)]
    return [[Link(key.file, inside / key.name) for key in shard] for shard in shards]


def _shard(
    keys: list[_Key], source: dict[str, Any], host: int, hosts: int, where: str
) -> list[_Key]:
    """One host's share: S3 keys are dealt like cards, in their order."""
    if source.get("S3DataDistributionType", "FullyReplicated") == "FullyReplicated":
        return keys
    if len(keys) < hosts:
        files = "1 file" if len(keys) == 1 else f"{len(keys)} files"
        raise _problem(
            where,
            f"{files} cannot be shared among {hosts} instances; "
            f"set resources.instance_count to at most {len(keys)}, or give the data more files",
        )
    return keys[host::hosts]


def _keys(source: dict[str, Any], where: str, locate: Locate) -> Iterator[_Key]:
    path = locate(source["S3Uri"])
    if source["S3DataType"] == "ManifestFile":
        for name, uri in named_in(path, where):
            yield _Key(name, _existing(locate(uri), where))
    elif path.is_dir():
        yield from (_Key(file.relative_to(path).as_posix(), file) for file in files_below(path))
    else:
        yield _Key(path.name, _existing(path, where))


def named_in(manifest: Path, where: str) -> Iterator[tuple[str, str]]:
    """What a file of S3's manifest format names: ``[{"prefix": "s3://b/d/"}, "a.csv", "b/c.csv"]``.

    The format: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingS3Input.html

    Returns:
        The names, and the URIs that they stand for.

    Raises:
        ConfigError: It is not there, has another form, or a name leads out of the prefix.
    """
    try:
        first, *names = json.loads(_existing(manifest, where).read_text(encoding="utf-8"))
        prefix = first["prefix"]
    except (ValueError, TypeError, KeyError) as exc:
        wanted = '[{"prefix": "file:///folder/"}, "name", …]'
        raise _problem(where, f"{str(manifest)!r} should hold {wanted}") from exc
    for name in dict.fromkeys(names):
        if ".." in PurePosixPath(name).parts or name.startswith("/"):
            raise _problem(where, f"the manifest's {name!r} leads out of {prefix!r}")
        yield name, prefix + name


def _existing(path: Path, where: str) -> Path:
    if not path.is_file():
        raise _problem(where, f"no such file or folder: {str(path)!r}")
    return path


def _problem(where: str, what: str) -> ConfigError:
    return ConfigError([Problem(where, what)])
