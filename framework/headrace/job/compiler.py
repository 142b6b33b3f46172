"""Compile a checked configuration into a job: the request, the files that it ships, the spec.

Everything that a job consists of is decided here; whoever runs it adds nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headrace.config.models import AnyEvaluation, JobConfig
from headrace.config.registry import Plugin
from headrace.errors import ConfigError, Problem
from headrace.job.account import Account
from headrace.job.backend import Backend, Shipment
from headrace.job.entry_script import Program
from headrace.job.inputs import DataInput
from headrace.job.job import NO_WHEELS, Job, Wheels
from headrace.job.mapping import Mapping, ProcessingInput, ProcessingOutput
from headrace.job.request import build_request
from headrace.results.layout import REQUEST
from headrace.runtime.plugins.transforms import channels_of
from headrace.runtime.spec import (
    DATA_INPUT,
    OUTPUT,
    PACKAGES,
    PACKAGES_INPUT,
    REPORT,
    DatasetSpec,
    EvaluationSpec,
    JobSpec,
    OutputSpec,
    RuntimeSpec,
    StepSpec,
)
from headrace.uris import join, path_of, uri_of, within

if TYPE_CHECKING:
    from headrace.config.compose import Plan

MANIFEST = "input.manifest"


def compile_job(
    plan: Plan,
    backend: Backend[Any],
    data: DataInput,
    name: str,
    account: Account,
    wheels: Wheels = NO_WHEELS,
    column_order: Sequence[str] = (),
) -> Job:
    """Compile the job.

    Args:
        plan: The configuration and its chain of validated transforms.
        backend: The one that the configuration names.
        data: What `headrace.job.inputs.resolve` found.
        name: The job's name.
        account: Where it will run.
        wheels: What `headrace.images.packages.wheels_for` fetched.
        column_order: The columns of the first file, for instances that do not all see it.

    Raises:
        ConfigError: Two parts of the job clash, or there is no such image.
        PluginError: A plugin cannot travel to the container.
    """
    config = plan.config
    _check_apart(config.output.path, data)
    outputs = _outputs(plan)
    spec = _spec(plan, backend, outputs, data, wheels)
    spec = replace(spec, column_order=tuple(column_order))
    program = Program(spec, Mapping((_data(config, data),), outputs), _plugins(plan))
    shipments = backend.ship(program, config.backend)
    inputs = tuple(_inputs(config, data, shipments, wheels))
    mapping = Mapping(inputs, (*outputs, *_backends_outputs(config, backend)))
    image_uri, role = backend.image_uri(config.backend, account), account.role()
    entrypoint = backend.entrypoint(config.backend)
    request = build_request(name, config, image_uri, role, entrypoint, mapping)
    return Job(request, _files(data, shipments, wheels), spec, data.copies)


def _inputs(
    config: JobConfig, data: DataInput, shipments: Sequence[Shipment], wheels: Wheels
) -> Iterator[ProcessingInput]:
    """Yield all inputs; the code is last, as in the SDK."""
    output = uri_of(config.output.path)
    yield _data(config, data)
    if wheels:  # the slash at the end: S3 takes every key that begins with the URI
        yield ProcessingInput(PACKAGES, join(output, PACKAGES, ""), PACKAGES_INPUT)
    for each in shipments:
        yield ProcessingInput(each.input_name, join(output, each.file), each.container_path)


def _data(config: JobConfig, data: DataInput) -> ProcessingInput:
    manifest = join(uri_of(config.output.path), MANIFEST)
    uri = manifest if data.kind == "ManifestFile" else data.uri
    sharded = config.resources.instance_count > 1 and not config.backend.is_a_cluster
    return ProcessingInput("data", uri, DATA_INPUT, data.kind, sharded)


def _outputs(plan: Plan) -> tuple[ProcessingOutput, ...]:
    base = uri_of(plan.config.output.path)
    names = (*channels_of([step.transform for step in plan.chain]), REPORT)
    return tuple(ProcessingOutput(name, join(base, name), f"{OUTPUT}/{name}") for name in names)


def _backends_outputs(config: JobConfig, backend: Backend[Any]) -> Iterator[ProcessingOutput]:
    base = uri_of(config.output.path)
    for name, path in backend.outputs(config.backend).items():
        yield ProcessingOutput(name, join(base, name), path, continuous=True)


def _files(data: DataInput, shipments: Sequence[Shipment], wheels: Wheels) -> dict[str, bytes]:
    manifest = {} if data.manifest is None else {MANIFEST: data.manifest}
    packages = {f"{PACKAGES}/{name}": content for name, content in wheels.items()}
    return {**{each.file: each.content for each in shipments}, **manifest, **packages}


def _spec(
    plan: Plan,
    backend: Backend[Any],
    outputs: tuple[ProcessingOutput, ...],
    data: DataInput,
    wheels: Wheels,
) -> JobSpec:
    config = plan.config
    return JobSpec(
        dataset=DatasetSpec(**config.dataset.model_dump(exclude={"path"})),
        steps=tuple(StepSpec(step.label, step.name, step.parameters) for step in plan.chain),
        output=OutputSpec(config.output.format, config.output.rows_per_part),
        runtime=RuntimeSpec(**config.runtime.model_dump()),
        outputs={output.name: output.container_path for output in outputs},
        evaluation=_evaluation(config.evaluation),
        packages={name: hashlib.sha256(wheels[name]).hexdigest() for name in wheels},
        files=tuple(_names(config, backend, data, wheels)),
    )


def _names(
    config: JobConfig, backend: Backend[Any], data: DataInput, wheels: Wheels
) -> Iterator[str]:
    """Yield the paths of all files that will be beside the result."""
    yield REQUEST
    yield from backend.files(config.backend)
    yield from () if data.manifest is None else (MANIFEST,)
    yield from (f"{PACKAGES}/{name}" for name in wheels)
    yield from data.copies


def _evaluation(config: AnyEvaluation) -> EvaluationSpec | None:
    if config.name == "none":
        return None
    return EvaluationSpec(config.passes, config.learning_rate, config.alpha)


def _plugins(plan: Plan) -> tuple[Plugin, ...]:
    used = {step.name: step.plugin for step in plan.chain}
    return tuple(used[name] for name in sorted(used))


def _check_apart(output_path: str, data: DataInput) -> None:
    """Refuse a result inside the data, or data inside the result.

    A next run would read its own result, or ``output.overwrite`` would delete the data.
    """
    if data.copies:
        return
    output = _real(uri_of(output_path))
    sources = data.files if data.kind == "ManifestFile" else (data.uri,)
    for source in map(uri_of, sources):
        shown = str(path_of(source) or source)
        if data.kind == "S3Prefix" and within(output, _real(source)):
            raise _clash(f"{output_path!r} lies in the input {shown!r}; choose a folder outside it")
        if within(_real(source), output):
            raise _clash(f"the input {shown!r} lies in {output_path!r}; choose a folder of its own")


def _clash(what: str) -> ConfigError:
    return ConfigError([Problem("output.path", what)])


def _real(uri: str) -> str:
    path = path_of(uri)
    return uri if path is None else str(path.resolve())
