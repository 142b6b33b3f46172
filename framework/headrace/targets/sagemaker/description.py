"""Everything that SageMaker knows of a job, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headrace.runtime.shown import masked_arguments
from headrace.targets.sagemaker.record import JobRecord, utc
from headrace.terminal.tables import aligned, listed
from headrace.terminal.units import duration

WIDTH = 13
NOT_YET = "-"
IMAGES_OWN = "the image's own entrypoint"


def described(record: JobRecord, usd_per_hour: float | None) -> list[str]:
    """The job's state, cost, code and places.

    Values of environment variables are left out: they may be secrets.

    Args:
        record: What the service says.
        usd_per_hour: Price of one instance; default: a list price.
    """
    pairs = [*_state(record), ("cost", record.cost(usd_per_hour)), *_code(record.answer)]
    places = [*_inputs(record.answer), *_outputs(record.answer)]
    table = ["", *aligned([("", "name", "from", "to"), *places])] if places else []
    return [*listed(pairs, WIDTH), *table]


def report_of(record: JobRecord) -> str | None:
    """Where the manifest is, if the job is one of ours and done."""
    outputs = record.answer.get("ProcessingOutputConfig", {}).get("Outputs", [])
    uris = [each["S3Output"]["S3Uri"] for each in outputs if each["OutputName"] == "report"]
    return uris[0] if uris and record.status == "Completed" else None


def _state(record: JobRecord) -> Iterator[tuple[str, str]]:
    yield "job", record.name
    yield "status", record.status
    for label, key in (("reason", "FailureReason"), ("message", "ExitMessage")):
        if text := str(record.answer.get(key, "")).strip():
            yield label, text
    yield "created", f"{utc(record.created)} UTC"
    yield "started", f"{utc(record.started)} UTC" if record.started else NOT_YET
    yield "ended", f"{utc(record.ended)} UTC" if record.ended else NOT_YET
    seconds = record.billed_seconds()
    so_far = "" if record.has_ended else " so far"
    yield "billed", NOT_YET if seconds is None else f"{duration(seconds)}{so_far}"


def _code(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if cluster := answer.get("ProcessingResources", {}).get("ClusterConfig"):
        count, kind, disk = (
            cluster[key] for key in ("InstanceCount", "InstanceType", "VolumeSizeInGB")
        )
        yield "instances", f"{count} x {kind}, {disk} GB of disk each"
    if limit := answer.get("StoppingCondition", {}).get("MaxRuntimeInSeconds"):
        yield "limit", f"{limit / 60:g} min"
    application = answer.get("AppSpecification", {})
    yield "image", application.get("ImageUri", NOT_YET)
    yield "starts", " ".join(application.get("ContainerEntrypoint", [IMAGES_OWN]))
    if arguments := application.get("ContainerArguments"):
        yield "arguments", " ".join(masked_arguments(arguments))
    if environment := answer.get("Environment"):
        yield "environment", f"{', '.join(sorted(environment))} (values are not shown)"
    yield "role", answer.get("RoleArn", NOT_YET)


def _inputs(answer: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for entry in answer.get("ProcessingInputs", []):
        source = entry.get("S3Input")
        if source:  # others' jobs may read from Athena or Redshift
            yield "input", entry["InputName"], source["S3Uri"], source.get("LocalPath", "")


def _outputs(answer: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for entry in answer.get("ProcessingOutputConfig", {}).get("Outputs", []):
        place = entry.get("S3Output")
        if place:  # and write to the Feature Store
            yield "output", entry["OutputName"], place.get("LocalPath", ""), place["S3Uri"]
