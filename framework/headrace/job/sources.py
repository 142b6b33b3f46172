"""What a configuration's inputs name: looked at on this machine and, if AWS may be asked, on S3."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING

from headrace.config.program.models import ScriptProgram
from headrace.errors import ConfigError, Problem
from headrace.job import inputs
from headrace.job.inputs import DATA, DATA_PATH, DataInput
from headrace.uris import S3, uri_of, within

if TYPE_CHECKING:
    from headrace.aws.s3 import S3Object
    from headrace.config.models import JobConfig


def paths(config: JobConfig) -> Iterator[str]:
    """Yield everything that a job reads, as the configuration names it."""
    if config.program.is_chain:
        yield from config.dataset.paths
    if isinstance(config.program, ScriptProgram):
        yield config.program.path
    yield from (channel.path for channel in config.inputs.values() if channel.path)


def find(
    config: JobConfig, is_remote: bool, asking: bool, coming: Collection[str] = ()
) -> tuple[dict[str, DataInput], list[Problem]]:
    """Look at the inputs of a job.

    Args:
        config: Names them.
        is_remote: They have to be on S3; those of this machine will be brought there.
        asking: AWS may be asked.
        coming: URIs of what other jobs of a flow have yet to make.

    Returns:
        Name of an input → what lies there, without those that cannot be used; and every problem.
    """
    found: dict[str, DataInput] = {}
    problems: list[Problem] = []
    output = uri_of(config.output.path)
    for name, look in _looks(config, coming).items():
        try:
            data = look()
        except ConfigError as exc:
            problems += exc.problems
            continue
        if is_remote and data.files:
            data = inputs.brought_to(output, data, name)
        found[name] = data
        looked_at = asking and not data.is_to_come
        problems += _problems_with(name, data, config) if looked_at else []
    return found, problems


def are_all(config: JobConfig, found: dict[str, DataInput]) -> bool:
    """Return whether each input that names files was found."""
    return all(name in found for name in _looks(config))


def _looks(config: JobConfig, coming: Collection[str] = ()) -> dict[str, Callable[[], DataInput]]:
    """Return a function for each input that names files, which looks at it."""
    looks: dict[str, Callable[[], DataInput]] = {}
    if config.program.is_chain:
        looks[DATA] = lambda: inputs.resolve(*config.dataset.paths)
        if len(paths := config.dataset.paths) == 1 and _is_to_come(paths[0], coming):
            looks[DATA] = partial(DataInput, uri_of(paths[0]), is_to_come=True)
    for name, channel in config.inputs.items():
        if (path := channel.path) is None:
            continue
        looks[name] = partial(inputs.resolve_whole, path, _where(name))
        if _is_to_come(path, coming):
            looks[name] = partial(DataInput, uri_of(path), is_to_come=True)
    return looks


def _is_to_come(path: str, coming: Collection[str]) -> bool:
    return any(within(uri_of(path), each) for each in coming)


def _problems_with(name: str, data: DataInput, config: JobConfig) -> list[Problem]:
    is_data = name == DATA and config.program.is_chain
    files, instances = len(data.files), config.resources.instance_count
    if data.uri.startswith(S3) and not data.copies:
        try:
            files = len(_objects(name, data.uri, is_data=is_data))
        except ConfigError as exc:
            return list(exc.problems)
    if is_data:
        return [] if config.backend.is_a_cluster else inputs.shares(files, instances)
    return inputs.shares(files, instances) if config.inputs[name].sharded else []


def _objects(name: str, uri: str, *, is_data: bool) -> list[S3Object]:
    from headrace.aws import s3  # boto3 takes its time

    if is_data:
        return s3.data_objects(uri, DATA_PATH)
    return s3.input_objects(uri, _where(name))


def _where(name: str) -> str:
    return f"inputs.{name}.path"
