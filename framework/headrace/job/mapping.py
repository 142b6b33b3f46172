"""The place of each input and output outside and inside the container.

Checked here, because SageMaker finds a clash only after the instances have started, or never: two
outputs written to one prefix simply overwrite each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

from headrace.errors import ConfigError, Problem
from headrace.runtime.spec import PROCESSING
from headrace.uris import within

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}")
MOST = 10
"""Inputs, and outputs, that ``CreateProcessingJob`` takes."""


CHAIN = "transform.steps"


@dataclass(frozen=True)
class ProcessingInput:
    """Something that is in the container before the job starts."""

    name: str
    uri: str
    container_path: str
    kind: Literal["S3Prefix", "ManifestFile"] = "S3Prefix"
    sharded: bool | None = False
    """Each instance gets its share of the files instead of all of them."""
    mode: Literal["File", "Pipe"] | None = "File"
    compression: Literal["None", "Gzip"] | None = "None"
    app_managed: bool | None = False
    """The program itself fetches it."""
    query: dict[str, Any] = field(default_factory=dict)
    """A ``DatasetDefinition``'s query, whose result is put at `uri`; empty for files."""
    where: str = CHAIN
    """The key of the configuration that it comes from."""


@dataclass(frozen=True)
class ProcessingOutput:
    """A folder of the container that is delivered when the job has ended."""

    name: str
    uri: str
    """Empty if it goes to a feature group alone."""
    container_path: str
    continuous: bool = False
    """Delivered as it comes instead, where the target can do that."""
    app_managed: bool | None = False
    """The program itself delivers it."""
    feature_group: str | None = None
    where: str = CHAIN
    """The key of the configuration that it comes from."""


@dataclass(frozen=True)
class Mapping:
    """All inputs and outputs of one job.

    Raises:
        ConfigError: Names that are not valid or not unique, and places that are not apart.
    """

    inputs: tuple[ProcessingInput, ...]
    outputs: tuple[ProcessingOutput, ...]

    def __post_init__(self) -> None:
        problems = [*_names(self.inputs, "input"), *_names(self.outputs, "output")]
        problems += _container_paths((*self.inputs, *self.outputs))
        problems += _destinations(self.inputs, self.outputs)
        if problems:
            raise ConfigError(problems)


Entry = ProcessingInput | ProcessingOutput


def _names(entries: Sequence[Entry], what: str) -> Iterator[Problem]:
    names = [entry.name for entry in entries]
    if len(names) > MOST:
        yield _problem(f"a job has at most {MOST} {what}s (got {len(names)})", *entries)
    for name in sorted({name for name in names if names.count(name) > 1}):
        alike = [entry for entry in entries if entry.name == name]
        yield _problem(f"{len(alike)} {what}s are called {name!r}", *alike)
    for entry in entries:
        if not NAME.fullmatch(entry.name):
            rule = "letters, digits, '-' and '_', at most 63, a letter or digit first"
            yield _problem(f"{entry.name!r} cannot name an {what}; allowed: {rule}", entry)


def _container_paths(entries: Sequence[Entry]) -> Iterator[Problem]:
    placed = [entry for entry in entries if entry.container_path]
    for entry in placed:
        path = entry.container_path
        if ".." in path.split("/") or path == PROCESSING or not within(path, PROCESSING):
            yield _problem(
                f"{entry.name!r} is at {path!r}, which is not under {PROCESSING}/", entry
            )
    for one, other in combinations(placed, 2):
        if _nested(one.container_path, other.container_path):
            what = (
                f"{one.name!r} at {one.container_path!r} and {other.name!r} at "
                f"{other.container_path!r} share a folder of the container"
            )
            yield _problem(what, one, other)


def _destinations(
    inputs: Sequence[ProcessingInput], outputs: Sequence[ProcessingOutput]
) -> Iterator[Problem]:
    delivered = [output for output in outputs if output.uri]
    for one, other in combinations(delivered, 2):
        if _nested(one.uri, other.uri):
            what = (
                f"the outputs {one.name!r} to {one.uri!r} and {other.name!r} to {other.uri!r} "
                "share a destination"
            )
            yield _problem(what, one, other)
    for source in inputs:
        for output in delivered:
            if _nested(source.uri, output.uri):
                what = (
                    f"the output {output.name!r} to {output.uri!r} and the input {source.name!r} "
                    f"from {source.uri!r} share a place"
                )
                yield _problem(what, source, output)


def _nested(one: str, other: str) -> bool:
    return within(one, other) or within(other, one)


def _problem(what: str, *entries: Entry) -> Problem:
    """Say it of the last entry that is the user's own, if there is one."""
    own = [entry.where for entry in entries if entry.where.startswith(("inputs", "outputs"))]
    return Problem(own[-1] if own else entries[-1].where, what)
