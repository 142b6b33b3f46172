"""``dataset.path`` and the further inputs, made into what the job reads."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from headrace.errors import ConfigError, Problem
from headrace.runtime.data_files import all_files_below, files_below, is_data, is_hidden
from headrace.runtime.shown import listed, quoted
from headrace.uris import FILE, S3, path_of, uri_of

if TYPE_CHECKING:
    from headrace.aws.s3 import S3Object

INSTANCES = "resources.instance_count"
COPIES = "input"
"""Folder below the job's own that holds a folder for each input of this machine's files."""
DATA = "data"
"""Name of the input that ``dataset.path`` makes."""
DATA_PATH = "dataset.path"
_ALONE = "rename it, or run a job for it alone"


@dataclass(frozen=True)
class DataInput:
    """The data of one input of a job."""

    uri: str
    """The file, the folder or prefix, or the folder that a manifest's names start from."""
    kind: Literal["S3Prefix", "ManifestFile"] = "S3Prefix"
    manifest: bytes | None = None
    """An S3 manifest file: ``[{"prefix": …}, "name", …]``; only for a glob and a list."""
    files: tuple[str, ...] = ()
    """The local files, sorted by path; none for ``s3://…``."""
    objects: tuple[S3Object, ...] = ()
    """Objects that a list of ``s3://…`` names, sorted by URI; none if AWS may not be asked."""
    copies: dict[str, Path] = field(default_factory=dict)
    """Local files that have to be at `uri` first: path below the job's own folder → file."""
    brought_from: Path | None = None
    """The folder that those are named from."""
    is_to_come: bool = False
    """Another job of a flow makes it, so nothing is there yet."""

    @property
    def folder(self) -> Path:
        """Return the folder that local files are named from, in the container as well."""
        if self.brought_from is not None:
            return self.brought_from
        base = path_of(self.uri) or Path(self.uri)
        return base.parent if self.files == (str(base),) else base


def resolve(*paths: str, asking: bool = True) -> DataInput:
    """Look at what ``dataset.path`` names.

    Args:
        paths: Each a local path, a ``file://`` URI, a glob or ``s3://bucket/…``; of several, all
            are local or all are in one bucket.
        asking: AWS may be asked.

    Raises:
        ConfigError: There is nothing, or nothing that counts as data.
    """
    if len(paths) == 1:
        return _resolved(paths[0], DATA_PATH, _on_disk)
    on_s3 = [path for path in paths if path.startswith(S3)]
    if len(on_s3) == len(paths):
        return _several_on_s3(paths, asking)
    if on_s3:
        what = f"of a list, all or none is on S3 (got {quoted(on_s3[0], 400)} beside local files)"
        raise _error(f"{what}; copy the others to its bucket")
    files = {file for path in paths for file in _resolved(path, DATA_PATH, _on_disk).files}
    folder = Path(os.path.commonpath([Path(file).parent for file in files]))
    return _listed(folder, sorted(files))


def resolve_whole(path: str, where: str) -> DataInput:
    """Look at an input of which every file counts, hidden or not.

    Args:
        path: A local path, a ``file://`` URI or ``s3://bucket/…``.
        where: The key that names it.

    Raises:
        ConfigError: There is nothing.
    """
    return _resolved(path, where, lambda local: _whole(local, where))


def _resolved(path: str, where: str, look: Callable[[Path], DataInput]) -> DataInput:
    if path.startswith(S3):
        return _on_s3(path, where)
    if "://" in path and not path.startswith(FILE):
        what = f"cannot read {quoted(path, 400)}; allowed: a local path or s3://…"
        raise _error(what, where)
    local = path_of(uri_of(path)) or Path(path)
    try:
        return look(local)
    except OSError as error:
        shown = quoted(str(error.filename or local), 400)
        raise _error(f"cannot read {shown}: {error.strerror}", where) from error
    except UnicodeEncodeError as error:
        raise _error(f"the name {error.object!r} is not UTF-8; rename it", where) from error


def brought_to(output: str, data: DataInput, name: str = DATA) -> DataInput:
    """Return the same data, to be copied to where the job's own files are: this machine's, on S3.

    Args:
        output: URI of the job's own folder.
        data: Local files.
        name: Of the input.
    """
    place = f"{COPIES}/{name}"
    names = {f"{place}/{Path(file).relative_to(data.folder)}": Path(file) for file in data.files}
    return replace(
        data,
        uri=f"{output}/{place}/",
        kind="S3Prefix",
        manifest=None,
        copies=names,
        brought_from=data.folder,
    )


def shares(files: int, instances: int) -> list[Problem]:
    """Return what is wrong with sharing files among instances: each needs one at least."""
    if files >= instances:
        return []
    what = "1 file" if files == 1 else f"{files} files"
    advice = f"set it to at most {files}, or divide the data into more files"
    return [Problem(INSTANCES, f"{what} cannot be shared among {instances} instances; {advice}")]


def _on_s3(uri: str, where: str) -> DataInput:
    if not uri.removeprefix(S3).split("/")[0]:
        raise _error(f"{uri!r} names no bucket", where)
    if glob.has_magic(uri):
        what = f"{uri!r} is a glob, which needs local files; name a prefix or an object"
        raise _error(what, where)
    return DataInput(uri)


def _several_on_s3(uris: tuple[str, ...], asking: bool) -> DataInput:
    buckets = {_on_s3(uri, DATA_PATH).uri.removeprefix(S3).split("/")[0] for uri in uris}
    if len(buckets) > 1:
        what = f"a list on S3 is in one bucket (got {listed(sorted(buckets))})"
        raise _error(f"{what}; copy the data to one bucket, or run a job for each")
    objects: tuple[S3Object, ...] = ()
    if asking:
        from headrace.aws.s3 import data_objects  # boto3 takes its time

        every = {each.uri: each for uri in uris for each in data_objects(uri, DATA_PATH)}
        objects = tuple(every[uri] for uri in sorted(every))
    named = [each.uri for each in objects] or sorted(set(uris))
    folder = _common_folder(named)
    manifest = _manifest(folder, [uri.removeprefix(folder) for uri in named])
    return DataInput(folder, "ManifestFile", manifest, objects=objects)


def _common_folder(uris: Sequence[str]) -> str:
    first, last = min(uris).split("/")[:-1], max(uris).split("/")[:-1]
    common = [
        one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    ]
    return "/".join(common) + "/"


def _on_disk(path: Path) -> DataInput:
    if _is_read_once(path):
        what = "can be read only once, and a job reads its input again; write it to a file"
        raise _error(f"{str(path)!r} is a pipe or a device, which {what}")
    if path.is_file():
        return DataInput(uri_of(str(path)), files=_named_in_utf8([str(path)]))
    if path.is_dir():
        return _folder(path)
    if glob.has_magic(str(path)):
        return _glob(path)
    if path.is_symlink():
        raise _error(f"the link {str(path)!r} leads to nothing")
    raise _error(f"there is no file or folder {str(path)!r}")


def _whole(path: Path, where: str) -> DataInput:
    if path.is_file():
        return DataInput(uri_of(str(path)), files=_named_in_utf8([str(path)]))
    if not path.is_dir():
        kind = "is neither a file nor a folder" if path.exists() else "does not exist"
        raise _error(f"{str(path)!r} {kind}", where)
    files = [str(file) for file in all_files_below(path)]
    if not files:
        raise _error(f"the folder {str(path)!r} holds no files", where)
    return DataInput(uri_of(str(path)), files=_named_in_utf8(files))


def _is_read_once(path: Path) -> bool:
    """Return whether it is a pipe or device, or ``/dev/stdin``, another one for the job."""
    is_special = path.exists() and not path.is_file() and not path.is_dir()
    return is_special or path.is_relative_to("/dev/fd") or str(path) == "/dev/stdin"


def _folder(path: Path) -> DataInput:
    files = sorted(map(str, files_below(path)))
    if not files:
        raise _error(f"the folder {str(path)!r} holds no files")
    return DataInput(uri_of(str(path)), files=_named_in_utf8(files))


def _glob(pattern: Path) -> DataInput:
    base = _without_magic(pattern)
    files = sorted(_matches(pattern, base))
    if not files:
        raise _error(f"no file matches {str(pattern)!r}")
    return _listed(base, files)


def _listed(folder: Path, files: list[str]) -> DataInput:
    names = [str(Path(file).relative_to(folder)) for file in _named_in_utf8(files)]
    uri = uri_of(str(folder))
    manifest = _manifest(uri.rstrip("/") + "/", names)
    return DataInput(uri, "ManifestFile", manifest, tuple(files))


def _manifest(prefix: str, names: Sequence[str]) -> bytes:
    """Return a manifest file.

    Raises:
        ConfigError: Some names are hidden; whoever reads the job's input would leave them out.
    """
    hidden = [name for name in names if not is_data(name)]
    if hidden and len(hidden) < len(names):
        what = f"begins with '.' or '_', and such a file counts only where all do; {_ALONE}"
        raise _error(f"{quoted(hidden[0], 400)} {what}")
    entries = [{"prefix": prefix}, *names]
    return (json.dumps(entries, indent=0, ensure_ascii=False) + "\n").encode()


def _without_magic(pattern: Path) -> Path:
    return next(parent for parent in pattern.parents if not glob.has_magic(str(parent)))


def _matches(pattern: Path, base: Path) -> set[str]:
    """Return files that match, and the data files below folders that match."""
    spelled = [part for part in pattern.relative_to(base).parts if is_hidden(part)]
    found = set[str]()
    matches = glob.iglob(str(pattern), recursive=True)  # noqa: PTH207 (takes an absolute pattern)
    for match in map(Path, matches):
        if _is_meant(match.relative_to(base), spelled):
            found.update(map(str, files_below(match) if match.is_dir() else [match]))
    return found


def _is_meant(match: Path, spelled: list[str]) -> bool:
    """Return whether each hidden name was asked for by a part of the glob that begins like it."""
    hidden = filter(is_hidden, match.parts)
    return all(any(fnmatchcase(name, part) for part in spelled) for name in hidden)


def _named_in_utf8(files: list[str]) -> tuple[str, ...]:
    """Return the files; raises for a name that neither a request nor S3 can hold."""
    for file in files:
        file.encode()
    return tuple(files)


def _error(what: str, where: str = DATA_PATH) -> ConfigError:
    return ConfigError([Problem(where, what)])
