"""The lines that ``action=describe`` prints about a job on SageMaker."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.job.request import RequestView
from headrace.runtime.shown import masked_arguments
from headrace.runtime.spec import REPORT
from headrace.targets.sagemaker.record import JobRecord, utc
from headrace.terminal.tables import aligned, listed
from headrace.terminal.units import duration

WIDTH = 13
NOT_YET = "-"
IMAGES_OWN = "the image's own entrypoint"


def described(record: JobRecord, usd_per_hour: float | None) -> list[str]:
    """Return lines with the job's state, cost, code, inputs and outputs.

    Values of environment variables are left out: they may be secrets.

    Args:
        record: What the service says.
        usd_per_hour: Price of one instance; default: a list price.
    """
    pairs = [*_state(record), ("cost", record.cost(usd_per_hour)), *_code(record.request)]
    places = list(_places(record.request))
    table = ["", *aligned([("", "name", "from", "to"), *places])] if places else []
    return [*listed(pairs, WIDTH), *table]


def report_of(record: JobRecord) -> str | None:
    """Return the URI of the folder with the manifest, if the job is one of ours and done."""
    uris = [channel.uri for channel in record.request.outputs if channel.name == REPORT]
    return uris[0] if uris and record.status == "Completed" else None


def _state(record: JobRecord) -> Iterator[tuple[str, str]]:
    yield "job", record.name
    yield "status", record.status
    if record.failure_reason:
        yield "reason", record.failure_reason
    if record.exit_message:
        yield "message", record.exit_message
    yield "created", f"{utc(record.created)} UTC"
    yield "started", f"{utc(record.started)} UTC" if record.started else NOT_YET
    yield "ended", f"{utc(record.ended)} UTC" if record.ended else NOT_YET
    seconds = record.billed_seconds()
    so_far = "" if record.has_ended else " so far"
    yield "billed", NOT_YET if seconds is None else f"{duration(seconds)}{so_far}"


def _code(request: RequestView) -> Iterator[tuple[str, str]]:
    if request.instance_type:
        size = f"{request.volume_size_gb} GB of disk each"
        yield "instances", f"{request.instance_count} x {request.instance_type}, {size}"
    if request.limit_seconds:
        yield "limit", f"{request.limit_seconds / 60:g} min"
    yield "image", request.image or NOT_YET
    yield "starts", " ".join(request.entrypoint or (IMAGES_OWN,))
    if request.arguments:
        yield "arguments", " ".join(masked_arguments(request.arguments))
    if request.environment:
        yield "environment", f"{', '.join(sorted(request.environment))} (values are not shown)"
    yield "role", request.role or NOT_YET


def _places(request: RequestView) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for each input and output on S3; others' jobs may have other kinds."""
    for source in request.inputs:
        if source.is_s3:
            yield "input", source.name, source.uri, source.container_path
    for output in request.outputs:
        if output.is_s3:
            yield "output", output.name, output.container_path, output.uri
