"""What lies where: each input's and output's place outside and inside the container.

Checked here, because SageMaker finds a clash only after the instances have started, or never: two
outputs written to one prefix simply overwrite each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from headrace.errors import ConfigError, Problem
from headrace.runtime.spec import PROCESSING
from headrace.uris import within

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}")
MOST = 10
"""Inputs, and outputs, that ``CreateProcessingJob`` takes."""


@dataclass(frozen=True)
class ProcessingInput:
    """Something that is in the container before the job starts."""

    name: str
    uri: str
    container_path: str
    kind: Literal["S3Prefix", "ManifestFile"] = "S3Prefix"
    sharded: bool = False
    """Each instance gets its share of the files instead of all of them."""


@dataclass(frozen=True)
class ProcessingOutput:
    """A folder of the container that is delivered when the job has ended."""

    name: str
    uri: str
    container_path: str
    continuous: bool = False
    """Delivered as it comes instead, where the target can do that."""


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
        yield _problem(f"a job has at most {MOST} {what}s (got {len(names)})")
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield _problem(f"{names.count(name)} {what}s are called {name!r}")
    for name in names:
        if not NAME.fullmatch(name):
            rule = "letters, digits, '-' and '_', at most 63, a letter or digit first"
            yield _problem(f"{name!r} cannot name an {what}; allowed: {rule}")


def _container_paths(entries: Sequence[Entry]) -> Iterator[Problem]:
    for entry in entries:
        path = entry.container_path
        if ".." in path.split("/") or path == PROCESSING or not within(path, PROCESSING):
            yield _problem(f"{entry.name!r} is at {path!r}, which is not under {PROCESSING}/")
    for one, other in combinations(entries, 2):
        if _nested(one.container_path, other.container_path):
            yield _problem(
                f"{one.name!r} at {one.container_path!r} and {other.name!r} at "
                f"{other.container_path!r} share a folder of the container"
            )


def _destinations(
    inputs: Sequence[ProcessingInput], outputs: Sequence[ProcessingOutput]
) -> Iterator[Problem]:
    for one, other in combinations(outputs, 2):
        if _nested(one.uri, other.uri):
            yield _problem(
                f"the outputs {one.name!r} to {one.uri!r} and {other.name!r} to {other.uri!r} "
                "share a destination"
            )
    for source in inputs:
        for output in outputs:
            if _nested(source.uri, output.uri):
                yield _problem(
                    f"the output {output.name!r} to {output.uri!r} and the input {source.name!r} "
                    f"from {source.uri!r} share a place"
                )


def _nested(one: str, other: str) -> bool:
    return within(one, other) or within(other, one)


def _problem(what: str) -> Problem:
    return Problem("transform.steps", what)
