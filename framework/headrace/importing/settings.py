"""The configurations that may compile to a request: the inverse of `headrace.job.request`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headrace.aws.image_uris import awss_choice
from headrace.aws.request import ATHENA, REDSHIFT, InputChannel, RequestView
from headrace.config.program.channels import (
    AthenaConfig,
    InputSettings,
    OutputSettings,
    RedshiftConfig,
    field_of,
)
from headrace.job.backend import CODE
from headrace.runtime.spec import CODE_INPUT, INPUT, OUTPUT
from headrace.uris import FILE, S3, path_of

SPARK = "smspark-submit"
PYTHON = ("python3",)
SCRIPT_KIND, SPARK_KIND = "scikit-learn", "Spark"


@dataclass(frozen=True)
class Settings:
    """The part of a configuration that makes a request."""

    backend: str
    program: str
    values: dict[str, Any]
    """By group, without the names of the backend and the program."""


def candidates(request: RequestView) -> Iterator[Settings]:
    """Yield configurations that may compile to the request, the one that says most first."""
    for base in dict.fromkeys((_base(request), None)):
        for backend, program, values in _programs(request):
            code = program == "script"
            inputs = [each for each in request.input_fields if not (code and _is_code(each))]
            groups = {
                "backend": _image(request, backend),
                "program": values,
                "inputs": {each["InputName"]: dict(_input(each)) for each in inputs},
                "outputs": {
                    each["OutputName"]: dict(_output(each, base)) for each in request.output_fields
                },
                "output": {} if base is None else {"path": _local(base)},
                "resources": dict(_resources(request)),
                "job": dict(_job(request)),
            }
            yield Settings(backend, program, {key: each for key, each in groups.items() if each})


def _programs(request: RequestView) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield backend, program and the program's keys."""
    entrypoint, arguments = list(request.entrypoint), list(request.arguments)
    is_spark = entrypoint[:1] == [SPARK]
    said = {"arguments": arguments} if arguments else {}
    for channel in request.inputs:
        if channel.name == CODE and entrypoint[-1:] and entrypoint[-1].startswith(CODE_INPUT):
            script = entrypoint[-1].removeprefix(f"{CODE_INPUT}/")
            command = tuple(entrypoint[:-1])
            is_usual = command == ((SPARK,) if is_spark else PYTHON)
            keys = {**_script(channel, script), **({} if is_usual else {"command": [*command]})}
            yield _script_backend(request, is_spark=is_spark), "script", {**keys, **said}
    image = {**({"entrypoint": entrypoint} if entrypoint else {}), **said}
    if is_spark:
        yield "pyspark", "image", image
    yield "processor", "image", image


def _script_backend(request: RequestView, *, is_spark: bool) -> str:
    if is_spark:
        return "pyspark"
    choice = awss_choice(request.image)
    return "sklearn" if choice is not None and choice.kind == SCRIPT_KIND else "script"


def _script(code: InputChannel, script: str) -> dict[str, str]:
    is_file = code.uri.endswith(f"/{script}")
    path = _local(code.uri)
    return {"path": path} if is_file else {"path": path, "entry": script}


def _is_code(fields: dict[str, Any]) -> bool:
    """Return whether an input is the one that brings a script."""
    return bool(fields["InputName"] == CODE)


def _image(request: RequestView, backend: str) -> dict[str, str]:
    choice = awss_choice(request.image)
    kind = {"sklearn": SCRIPT_KIND, "pyspark": SPARK_KIND}.get(backend)
    if choice is None or choice.kind != kind or not choice.is_usable:
        return {"image_uri": request.image}
    return {"region": choice.region, "framework_version": choice.version}


def _base(request: RequestView) -> str | None:
    """Return the place below which most outputs lie under their own names."""
    named = [
        each.uri.removesuffix(f"/{each.name}")
        for each in request.outputs
        if each.uri.endswith(f"/{each.name}") and each.uri.startswith((S3, FILE))
    ]
    return Counter(named).most_common(1)[0][0] if named else None


def _local(uri: str) -> str:
    path = path_of(uri)
    return uri if path is None else f"{path}/" if uri.endswith("/") else str(path)


def _input(fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the keys of an input, without those that are as they are by default."""
    definition = fields.get("DatasetDefinition", {})
    place = fields.get("S3Input", definition)
    if "S3Input" in fields:
        yield "path", _local(place["S3Uri"])
    for key, model, name in (
        ("athena", AthenaConfig, ATHENA),
        ("redshift", RedshiftConfig, REDSHIFT),
    ):
        if name in definition:
            query = definition[name]
            named = {each: query.get(field_of(each)) for each in model.model_fields}
            yield key, {each: value for each, value in named.items() if value is not None}
    is_query = not fields.get("S3Input")
    distribution = place.get("DataDistributionType" if is_query else "S3DataDistributionType")
    shards = {None: None, "FullyReplicated": False, "ShardedByS3Key": True}
    said = {
        "at": place.get("LocalPath"),
        "sharded": shards[distribution],
        "mode": place.get("InputMode" if is_query else "S3InputMode"),
        "compression": "None" if is_query else place.get("S3CompressionType"),
        "data_type": place.get("S3DataType", "S3Prefix"),
        "app_managed": fields.get("AppManaged"),
    }
    if said["at"] == f"{INPUT}/{fields['InputName']}":
        said["at"] = None
    yield from _unusual(said, InputSettings)


def _output(fields: dict[str, Any], base: str | None) -> Iterator[tuple[str, Any]]:
    """Yield the keys of an output, without those that are as they are by default."""
    name, place = fields["OutputName"], fields.get("S3Output", {})
    said = {
        "path": place.get("S3Uri"),
        "at": place.get("LocalPath"),
        "upload": place.get("S3UploadMode", "EndOfJob"),
        "app_managed": fields.get("AppManaged"),
        "feature_group": fields.get("FeatureStoreOutput", {}).get("FeatureGroupName"),
    }
    is_below = base is not None and said["path"] == f"{base}/{name}"
    if is_below or str(said["path"]).startswith(FILE):
        said["path"] = None
    if said["at"] == f"{OUTPUT}/{name}":
        said["at"] = None
    yield from _unusual(said, OutputSettings)


def _unusual(
    said: dict[str, Any], model: type[InputSettings] | type[OutputSettings]
) -> Iterator[tuple[str, Any]]:
    for key, value in said.items():
        if value != model.model_fields[key].default:
            yield key, value


def _resources(request: RequestView) -> Iterator[tuple[str, Any]]:
    cluster = request.cluster_fields
    names = {
        "instance_type": "InstanceType",
        "instance_count": "InstanceCount",
        "volume_size_gb": "VolumeSizeInGB",
    }
    yield from ((key, cluster[name]) for key, name in names.items() if name in cluster)
    if preferences := cluster.get("InstancePreferences"):
        yield (
            "instance_preferences",
            [
                {key: each[name] for key, name in names.items() if name in each}
                for each in preferences
            ],
        )
    seconds = request.limit_seconds
    if seconds is None or seconds % 60 == 0:
        yield "max_runtime_minutes", None if seconds is None else seconds // 60
    else:
        yield "max_runtime_seconds", seconds


def _job(request: RequestView) -> Iterator[tuple[str, Any]]:
    network = request.network_fields
    said = {
        "role": request.role,
        "env": request.environment,
        "tags": request.tags,
        "experiment_config": request.experiment,
        "network_isolation": network.get("EnableNetworkIsolation"),
        "encrypt_traffic": network.get("EnableInterContainerTrafficEncryption"),
        "volume_kms_key": request.volume_kms_key,
        "output_kms_key": request.kms_key,
        "subnets": list(request.subnets),
        "security_group_ids": list(request.security_group_ids),
    }
    if request.subnets and said["network_isolation"] is False:
        said["network_isolation"] = None  # which the request then says anyway
    yield from ((key, value) for key, value in said.items() if value not in (None, "", {}, []))
