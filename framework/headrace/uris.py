"""URIs of things outside the container: ``s3://…`` and, for the local target, ``file://…``.

A local path becomes ``file://`` and the absolute path as it stands, not percent-encoded, so that it
can be copied out of a request and pasted into a shell.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

FILE = "file://"
S3 = "s3://"


def uri_of(path: str) -> str:
    """Return the URI of a local path; a URI is returned as it is, without a slash at its end."""
    if "://" in path:
        scheme, rest = path.split("://", 1)
        return f"{scheme}://{rest.rstrip('/') or '/'}" if scheme == "file" else path.rstrip("/")
    return FILE + str(absolute(Path(path)))


def absolute(path: Path) -> Path:
    """Return the path from the root, without ``..``; it stands in requests and in names."""
    path = path.absolute()
    if ".." not in path.parts:
        return path
    short = Path(os.path.normpath(path))
    return short if short.resolve() == path.resolve() else path.resolve()  # behind a link


def full_path(path: str) -> str:
    """Return a local path from the root, with ``~`` replaced; a URI is returned as it is."""
    if "://" in path:
        return path
    try:
        return str(absolute(Path(path).expanduser()))
    except RuntimeError:  # ~somebody, whom this machine does not know
        return str(absolute(Path(path)))


def path_of(uri: str) -> Path | None:
    """Return the local path that a URI names, or None when it lies elsewhere."""
    return Path(uri.removeprefix(FILE)) if uri.startswith(FILE) else None


def join(uri: str, *names: str) -> str:
    """Return the URI of something below another one."""
    return "/".join((uri.rstrip("/"), *names))


def within(inner: str, outer: str) -> bool:
    """Return whether `inner` is `outer` or lies below it. Takes URIs and absolute paths alike."""
    return PurePosixPath(inner).is_relative_to(PurePosixPath(outer))
