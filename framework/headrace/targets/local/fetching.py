"""Inputs that lie on S3, brought to this machine before a job starts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from headrace.errors import JobFailed
from headrace.targets.local import mirror
from headrace.targets.local.inputs import Locate, named_in, place_of
from headrace.targets.local.mirror import Mirror
from headrace.terminal.units import size
from headrace.uris import S3

if TYPE_CHECKING:
    from headrace.aws.s3 import S3Object
    from headrace.job.request import InputChannel

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
            from headrace.aws.s3 import object_at  # boto3 takes its time

            yield self._listed(object_at, channel.uri, place_of(channel))

    def _objects(self, channel: InputChannel) -> list[S3Object]:
        if channel.kind == "ManifestFile":
            found = list(self._named(channel))
        elif self._is_missing(channel.uri):
            from headrace.aws.s3 import data_objects

            found = self._listed(data_objects, channel.uri, place_of(channel))
        else:
            return []
        mirror.check([each.uri for each in found], place_of(channel))
        return found

    def _named(self, channel: InputChannel) -> Iterator[S3Object]:
        for _, uri in named_in(self.locate(channel.uri), channel):
            if self._is_missing(uri):
                from headrace.aws.s3 import object_at

                yield self._listed(object_at, uri, place_of(channel))

    def _listed(self, look: Callable[[str, str], T], uri: str, where: str) -> T:
        from headrace.aws.daemons import interruptible

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
