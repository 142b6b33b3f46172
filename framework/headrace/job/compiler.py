"""Compile a checked configuration into a job: the request, the files that it ships, the spec.

Everything that a job consists of is decided here; whoever runs it adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from headrace.config.learned import WHERE
from headrace.config.models import JobConfig
from headrace.config.program.channels import InputSettings
from headrace.errors import ConfigError, Problem
from headrace.job import limits
from headrace.job.account import Account
from headrace.job.backend import CODE, Backend, Code, Shipment
from headrace.job.inputs import DATA, DATA_PATH, DataInput
from headrace.job.job import NO_WHEELS, Job, Wheels
from headrace.job.mapping import Mapping as JobMapping
from headrace.job.mapping import ProcessingInput, ProcessingOutput
from headrace.job.program import ProgramCompiler, Surroundings
from headrace.job.request import build_request
from headrace.runtime.spec import (
    CODE_INPUT,
    DATA_INPUT,
    INPUT,
    LEARNED,
    PACKAGES,
    PACKAGES_INPUT,
)
from headrace.uris import join, path_of, uri_of, within

if TYPE_CHECKING:
    from headrace.config.compose import Plan

MANIFEST = "input.manifest"
Found = Mapping[str, DataInput]
"""Name of an input → what lies there."""


def compile_job(
    plan: Plan,
    backend: Backend[Any],
    program: ProgramCompiler,
    found: Found,
    name: str,
    account: Account,
    wheels: Wheels = NO_WHEELS,
    column_order: Sequence[str] = (),
) -> Job:
    """Compile the job.

    Args:
        plan: The configuration and its chain of validated transforms.
        backend: The one that the configuration names.
        program: The one that the configuration names.
        found: What `headrace.job.inputs` found; a chain's data is called ``data``.
        name: The job's name.
        account: Where it will run.
        wheels: What `headrace.images.packages.wheels_for` fetched.
        column_order: The columns of the first file, for instances that do not all see it.

    Raises:
        ConfigError: Two parts of the job clash, or there is no such image.
        PluginError: A plugin cannot travel to the container.
    """
    config = plan.config
    _check_apart(config.output.path, found)
    own, outputs = tuple(_own_inputs(plan, found)), program.outputs()
    brought = tuple(_beside(found, wheels))
    settings = tuple(backend.ship(config.backend, program.variables(backend.way, wheels)))
    files = (*(each.file for each in settings), *brought)
    code, about = program.compile(
        Surroundings(backend.way, own, outputs, wheels, files, tuple(column_order))
    )
    shipments = (*code.shipments, *settings)
    inputs = (*own, *_further_inputs(config, code, shipments, wheels))
    _refuse_taken(config, inputs)
    mapping = JobMapping(inputs, (*outputs, *_backends_outputs(config, backend)))
    image_uri, role = backend.image_uri(config.backend, account), account.role()
    entrypoint = backend.entrypoint(config.backend, code)
    limits.check(config, entrypoint, mapping)
    request = build_request(name, config, image_uri, role, entrypoint, mapping)
    uploads = {path: file for data in found.values() for path, file in data.copies.items()}
    return Job(request, _files(found, shipments, wheels), about, uploads)


def _own_inputs(plan: Plan, found: Found) -> Iterator[ProcessingInput]:
    """Yield those that the user names, the data of a chain first."""
    config = plan.config
    if config.program.is_chain:
        yield _data(config, found[DATA])
    if plan.learned is not None and plan.learned.source is not None:
        path = plan.learned.spec.container_path
        yield ProcessingInput(LEARNED, found[LEARNED].uri, path, where=WHERE)
    for name, channel in config.inputs.items():
        yield _channel(name, channel, found.get(name))


def _channel(name: str, channel: InputSettings, data: DataInput | None) -> ProcessingInput:
    query = channel.query
    made = uri_of(query.output_s3_uri) if query is not None else ""
    return ProcessingInput(
        name,
        made if data is None else data.uri,
        channel.at or f"{INPUT}/{name}",
        channel.data_type,
        channel.sharded,
        channel.mode,
        channel.compression,
        channel.app_managed,
        {} if query is None else channel.definition,
        f"inputs.{name}",
    )


def _further_inputs(
    config: JobConfig, code: Code, shipments: Sequence[Shipment], wheels: Wheels
) -> Iterator[ProcessingInput]:
    """Yield those that the job brings; the code is last, as in the SDK."""
    output = uri_of(config.output.path)
    if wheels:  # the slash at the end: S3 takes every key that begins with the URI
        where = "backend.requirements"
        yield ProcessingInput(PACKAGES, join(output, PACKAGES, ""), PACKAGES_INPUT, where=where)
    in_order = sorted(shipments, key=lambda each: each.input_name == CODE)
    for (name, path), group in groupby(
        in_order, lambda each: (each.input_name, each.container_path)
    ):
        files = [each.file for each in group]
        place = files[0] if len(files) == 1 else f"{files[0].rpartition('/')[0]}/"
        yield ProcessingInput(name, join(output, place), path, where="program")
    if code.source is not None:
        yield ProcessingInput(CODE, code.source, CODE_INPUT, where="program.path")


def _refuse_taken(config: JobConfig, inputs: Sequence[ProcessingInput]) -> None:
    """Refuse names of the user's inputs that the job's own inputs have."""
    taken = {each.name for each in inputs if not each.where.startswith("inputs.")}
    problems = [
        Problem(f"inputs.{name}", "an input of headrace's own has this name; choose another one")
        for name in config.inputs
        if name in taken
    ]
    if problems:
        raise ConfigError(problems)


def _data(config: JobConfig, data: DataInput) -> ProcessingInput:
    manifest = join(uri_of(config.output.path), MANIFEST)
    uri = manifest if data.kind == "ManifestFile" else data.uri
    sharded = config.resources.instance_count > 1 and not config.backend.is_a_cluster
    return ProcessingInput(DATA, uri, DATA_INPUT, data.kind, sharded, where=DATA_PATH)


def _backends_outputs(config: JobConfig, backend: Backend[Any]) -> Iterator[ProcessingOutput]:
    base = uri_of(config.output.path)
    for name, path in backend.outputs(config.backend).items():
        yield ProcessingOutput(name, join(base, name), path, continuous=True, where="backend")


def _files(found: Found, shipments: Sequence[Shipment], wheels: Wheels) -> dict[str, bytes]:
    made = [data.manifest for data in found.values() if data.manifest is not None]
    manifests = {MANIFEST: made[0]} if made else {}  # only a chain's data has one
    packages = {f"{PACKAGES}/{name}": content for name, content in wheels.items()}
    return {**{each.file: each.content for each in shipments}, **manifests, **packages}


def _beside(found: Found, wheels: Wheels) -> Iterator[str]:
    """Yield the paths of the files that the job brings for its inputs and packages."""
    yield from (MANIFEST for data in found.values() if data.manifest is not None)
    yield from (f"{PACKAGES}/{name}" for name in wheels)
    for data in found.values():
        yield from data.copies


def _check_apart(output_path: str, found: Found) -> None:
    """Refuse a result inside an input, or an input inside the result.

    A next run would read its own result, or ``output.overwrite`` would delete the input.
    """
    output = _real(uri_of(output_path))
    problems = []
    for data in found.values():
        listed = data.files or [each.uri for each in data.objects]
        sources = listed if data.kind == "ManifestFile" else (data.uri,)
        for source in map(uri_of, () if data.copies else sources):
            shown = str(path_of(source) or source)
            if data.kind == "S3Prefix" and within(output, _real(source)):
                what = f"{output_path!r} lies in the input {shown!r}; choose a folder outside it"
                problems.append(Problem("output.path", what))
            elif within(_real(source), output):
                what = f"the input {shown!r} lies in {output_path!r}; choose a folder of its own"
                problems.append(Problem("output.path", what))
    if problems:
        raise ConfigError(problems)


def _real(uri: str) -> str:
    path = path_of(uri)
    return uri if path is None else str(path.resolve())
