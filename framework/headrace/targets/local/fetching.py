"""Inputs that lie on S3, brought to this machine before a job starts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from headrace.errors import JobFailed
from headrace.targets.local import mirror
from headrace.targets.local.inputs import Locate, named_in
from headrace.targets.local.mirror import Mirror
from headrace.terminal.units import size
from headrace.uris import S3

if TYPE_CHECKING:
    from headrace.aws.s3 import S3Object

T = TypeVar("T")


@dataclass(frozen=True)
class Fetching:
    """Downloads what the inputs of a request name on S3, and nothing twice."""

    there: Mirror
    """Where it goes: below a scratch root."""
    locate: Locate
    """Where an input lies; what is there already is not fetched."""
    hint: str
    """What the user can do if the disk is too small."""
    check: Callable[[], None]
    """Called all the while; what it raises ends it."""

    def fetch(self, entries: Sequence[dict[str, Any]]) -> None:
        """Download what is missing of a request's ``ProcessingInputs``.

        Raises:
            ConfigError: An input names nothing, or objects that cannot be files here.
            JobFailed: The objects cannot be read, or the disk cannot hold them.
        """
        manifests = [each for each in entries if _kind(each) == "ManifestFile"]
        self._download([found for each in manifests for found in self._single(each)])
        self._download([found for each in entries for found in self._objects(each)])

    def _single(self, entry: dict[str, Any]) -> Iterator[S3Object]:
        """The object that an input's URI names by itself."""
        if self._is_missing(_uri(entry)):
            from headrace.aws.s3 import object_at  # boto3 takes its time

            yield self._listed(object_at, _uri(entry), _where(entry))

    def _objects(self, entry: dict[str, Any]) -> list[S3Object]:
        if _kind(entry) == "ManifestFile":
            found = list(self._named(entry))
        elif self._is_missing(_uri(entry)):
            from headrace.aws.s3 import data_objects

            found = self._listed(data_objects, _uri(entry), _where(entry))
        else:
            return []
        mirror.check([each.uri for each in found], _where(entry))
        return found

    def _named(self, entry: dict[str, Any]) -> Iterator[S3Object]:
        for _, uri in named_in(self.locate(_uri(entry)), _where(entry)):
            if self._is_missing(uri):
                from headrace.aws.s3 import object_at

                yield self._listed(object_at, uri, _where(entry))

    def _listed(self, look: Callable[[str, str], T], uri: str, where: str) -> T:
        from headrace.aws.threads import interruptible

        return interruptible(lambda: look(uri, where), self.check)

    def _is_missing(self, uri: str) -> bool:
        return uri.startswith(S3) and not self.locate(uri).exists()

    def _download(self, objects: Sequence[S3Object]) -> None:
        if objects:
            from headrace.aws.download import download

            self._check_room(sum(each.size for each in objects))
            download({self.there.place(each.uri): each for each in objects}, self.check)

    def _check_room(self, needed: int) -> None:
        place = self.there.folder.parents[2]  # what the user knows of the scratch root
        free = shutil.disk_usage(place).free
        if needed > free:
            what = f"the input needs {size(needed)} in {str(place)!r}, {size(free)} are free"
            raise JobFailed(f"{what}; {self.hint}")


def _uri(entry: dict[str, Any]) -> str:
    return str(entry["S3Input"]["S3Uri"])


def _kind(entry: dict[str, Any]) -> str:
    return str(entry["S3Input"]["S3DataType"])


def _where(entry: dict[str, Any]) -> str:
    return f"input {entry['InputName']!r}"
