"""Find what a configuration's inputs name, on this machine and, if AWS may be asked, on S3."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from headrace.config.learned import WHERE
from headrace.config.program.models import ScriptProgram
from headrace.errors import ConfigError, Problem
from headrace.job import inputs
from headrace.job.inputs import DATA, DATA_PATH, DataInput
from headrace.runtime.shown import quoted
from headrace.runtime.spec import LEARNED
from headrace.uris import S3, uri_of, within

if TYPE_CHECKING:
    from headrace.aws.s3 import S3Object
    from headrace.config.compose import Plan
    from headrace.config.models import JobConfig

MANIFEST_FORM = '[{"prefix": "s3://bucket/folder/"}, "name", …]'


def paths(config: JobConfig) -> Iterator[str]:
    """Yield everything that a job reads, as the configuration names it."""
    if config.program.is_chain:
        yield from config.dataset.paths
    if isinstance(config.program, ScriptProgram):
        yield config.program.path
    if config.transform.learned:
        yield config.transform.learned
    yield from (channel.path for channel in config.inputs.values() if channel.path)


def find(
    plan: Plan, is_remote: bool, asking: bool, coming: Collection[str] = ()
) -> tuple[dict[str, DataInput], list[Problem]]:
    """Look at the inputs of a job.

    Args:
        plan: Names them.
        is_remote: They have to be on S3; those of this machine will be brought there.
        asking: AWS may be asked.
        coming: URIs of what other jobs of a flow have yet to make.

    Returns:
        Name of an input → what lies there, without those that cannot be used; and every problem.
    """
    found: dict[str, DataInput] = {}
    problems: list[Problem] = []
    config = plan.config
    output = uri_of(config.output.path)
    for name, look in _looks(plan, coming, asking=asking).items():
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


def are_all(plan: Plan, found: dict[str, DataInput]) -> bool:
    """Return whether each input that names files was found."""
    return all(name in found for name in _looks(plan, asking=False))


def _looks(
    plan: Plan, coming: Collection[str] = (), *, asking: bool
) -> dict[str, Callable[[], DataInput]]:
    """Return a function for each input that names files, which looks at it."""
    looks: dict[str, Callable[[], DataInput]] = {}
    config = plan.config
    if plan.learned is not None and (source := plan.learned.source) is not None:
        looks[LEARNED] = partial(_whole, source, WHERE, coming)
    if config.program.is_chain:
        looks[DATA] = lambda: inputs.resolve(*config.dataset.paths, asking=asking)
        if len(paths := config.dataset.paths) == 1 and _is_to_come(paths[0], coming):
            looks[DATA] = partial(DataInput, uri_of(paths[0]), is_to_come=True)
    for name, channel in config.inputs.items():
        if (path := channel.path) is None:
            continue
        looks[name] = partial(_whole, path, _where(name), coming)
    return looks


def _whole(path: str, where: str, coming: Collection[str]) -> DataInput:
    if _is_to_come(path, coming):
        return DataInput(uri_of(path), is_to_come=True)
    return inputs.resolve_whole(path, where)


def _is_to_come(path: str, coming: Collection[str]) -> bool:
    return any(within(uri_of(path), each) for each in coming)


def _problems_with(name: str, data: DataInput, config: JobConfig) -> list[Problem]:
    is_data = name == DATA and config.program.is_chain
    files, instances = len(data.files), config.resources.instance_count
    if data.uri.startswith(S3) and not data.copies:
        try:
            if is_data:
                files = len(objects_of(data))
            else:
                files = _count(data.uri, _kind(name, data, config), _where(name))
        except ConfigError as exc:
            return list(exc.problems)
    if is_data:
        return [] if config.backend.is_a_cluster else inputs.shares(files, instances)
    is_sharded = name in config.inputs and config.inputs[name].sharded
    return inputs.shares(files, instances) if is_sharded else []


def objects_of(data: DataInput) -> Sequence[S3Object]:
    """Return the objects that a chain reads.

    Raises:
        ConfigError: There are none.
    """
    from headrace.aws.s3 import data_objects  # boto3 takes its time

    return data.objects or data_objects(data.uri, DATA_PATH)


def _kind(name: str, data: DataInput, config: JobConfig) -> str:
    return config.inputs[name].data_type if name in config.inputs else data.kind


def _count(uri: str, kind: str, where: str) -> int:
    """Return the number of objects of a further input."""
    from headrace.aws import s3
    from headrace.aws.clients import explained, problem_at
    from headrace.aws.reading import beginning

    if kind != "ManifestFile":
        return len(s3.input_objects(uri, where))
    manifest = s3.object_at(uri, where)
    with explained(problem_at(where)), beginning(manifest, manifest.size) as file:
        try:
            first, *names = json.loads(file.read_bytes())
            return len(names) if first["prefix"] else 0
        except (ValueError, TypeError, KeyError) as exc:
            what = f"{quoted(uri, 400)} should hold {MANIFEST_FORM}"
            raise ConfigError([Problem(where, what)]) from exc


def _where(name: str) -> str:
    return WHERE if name == LEARNED else f"inputs.{name}.path"
