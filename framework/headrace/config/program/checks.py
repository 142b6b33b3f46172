"""Check the program, its inputs, its outputs and the machines: keys that do not go together."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from headrace.config.job_settings import ResourcesConfig
from headrace.config.models import JobConfig
from headrace.config.program.channels import InputSettings, OutputSettings
from headrace.errors import Problem
from headrace.runtime.shown import quoted

S3 = "s3://"


def check(config: JobConfig) -> Iterator[Problem]:
    """Yield every problem of the program, its inputs and outputs, and what it runs on."""
    for name, channel in config.inputs.items():
        yield from _input(f"inputs.{name}", channel)
    for name, output in config.outputs.items():
        yield from _output(f"outputs.{name}", output)
    if config.outputs and config.program.is_chain:
        what = "the chain delivers its own channels; leave it out, or choose program=script"
        yield Problem("outputs", what)
    if config.backend.is_a_cluster:
        yield from _words(config)
    yield from _resources(config.resources)


def _input(where: str, channel: InputSettings) -> Iterator[Problem]:
    sources = {"path": channel.path, "athena": channel.athena, "redshift": channel.redshift}
    given = [key for key, source in sources.items() if source is not None]
    if not given:
        yield Problem(f"{where}.path", "this key is required, or one of athena, redshift")
    elif len(given) > 1:
        yield Problem(where, f"comes from one place (got {', '.join(given)})")
    if channel.compression == "Gzip" and channel.mode != "Pipe":
        what = "SageMaker unpacks in Pipe mode only; set mode=Pipe, or leave it out"
        yield Problem(f"{where}.compression", what)
    if channel.data_type == "ManifestFile" and not (channel.path or S3).startswith(S3):
        what = "a manifest lies on S3, as in path=s3://bucket/my.manifest"
        yield Problem(f"{where}.data_type", what)
    for key in ("compression", "data_type") if channel.query else ():
        if getattr(channel, key) != InputSettings.model_fields[key].default:
            yield Problem(f"{where}.{key}", "has no effect on the result of a query; leave it out")


def _output(where: str, channel: OutputSettings) -> Iterator[Problem]:
    if channel.path is not None and not channel.path.startswith(S3):
        what = f"should be s3://… (got {quoted(channel.path, 400)})"
        yield Problem(f"{where}.path", f"{what}; without it, {where} goes below output.path")
    if channel.feature_group is not None and not channel.app_managed:
        what = f"the program itself writes to a feature group; set {where}.app_managed=true"
        yield Problem(f"{where}.feature_group", what)


def _words(config: JobConfig) -> Iterator[Problem]:
    for word in config.program.words:
        if shlex.quote(word) != word:
            what = f"the image hands it to a shell as it is, which would change {quoted(word)}"
            yield Problem("program.arguments", f"{what}; quote it for one")


def _resources(resources: ResourcesConfig) -> Iterator[Problem]:
    fields = ResourcesConfig.model_fields
    alternatives = {
        "instance_type": ("instance_preferences", bool(resources.instance_preferences)),
        "max_runtime_minutes": ("max_runtime_seconds", resources.max_runtime_seconds is not None),
    }
    for key, (other, is_given) in alternatives.items():
        if is_given and getattr(resources, key) != fields[key].default:
            what = f"has no effect beside resources.{other}; leave one out"
            yield Problem(f"resources.{key}", what)
