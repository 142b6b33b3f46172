"""Where things of S3 lie on this machine while a job runs: ``<folder>/<bucket>/<key>``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from headrace.errors import ConfigError, Problem
from headrace.uris import S3, path_of, uri_of

ELSEWHERE = frozenset({".", ".."})
"""Names that are no names of files."""
NAME_BYTES = 255
"""The longest name that file systems take."""


@dataclass(frozen=True)
class Mirror:
    """A folder that stands in for S3."""

    folder: Path

    def place(self, uri: str) -> Path:
        """Where something lies: below the folder if it is on S3, else where its URI says.

        Args:
            uri: ``s3://…``, ``file://…`` or a path; `check` has let it pass.
        """
        path = path_of(uri_of(uri))
        return self.folder / uri.removeprefix(S3) if path is None else path

    def uri(self, path: Path) -> str:
        """The inverse: what the user calls a file."""
        if path.is_relative_to(self.folder):
            return S3 + path.relative_to(self.folder).as_posix()
        return str(path)

    def files(self) -> Iterator[Path]:
        """All that lies there."""
        return (path for path in self.folder.rglob("*") if path.is_file())


def check(uris: Iterable[str], where: str) -> None:
    """Refuse objects of which not all can be files beside one another.

    Args:
        uris: Theirs.
        where: What names them, for the message.

    Raises:
        ConfigError: It names the first such object.
    """
    known = set(uris)
    for uri in sorted(known):
        if problem := problem_of(uri) or _clash(uri, known):
            raise ConfigError([Problem(where, problem)])


def problem_of(uri: str) -> str | None:
    """Why a key cannot be a path, or would lead elsewhere."""
    names = uri.removeprefix(S3).split("/")
    if "" in names:
        return f"{uri!r} cannot be a path here: a name in it is empty"
    if not ELSEWHERE.isdisjoint(names):
        return f"{uri!r} cannot be a path here: '.' and '..' lead elsewhere"
    if "\0" in uri:
        return f"{uri!r} cannot be a path here: there is a NUL in it"
    if any(len(name.encode()) > NAME_BYTES for name in names):
        return f"{uri!r} cannot be a path here: a name in it is longer than {NAME_BYTES} bytes"
    return None


def _clash(uri: str, known: set[str]) -> str | None:
    """Whether another object stands where this one needs a folder."""
    parts = uri.split("/")
    above = ("/".join(parts[:count]) for count in range(4, len(parts)))
    folder = next((each for each in above if each in known), None)
    return folder and f"{folder!r} is an object and cannot hold {uri!r} here"
