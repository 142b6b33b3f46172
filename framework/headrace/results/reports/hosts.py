"""Merge the reports of several hosts into the report of their job.

Each host leaves ``report/<host>/`` with a manifest, its statistics and its timings.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from headrace.errors import JobFailed
from headrace.results import reports
from headrace.results.whole_files import json_text
from headrace.runtime.spec import REPORT

if TYPE_CHECKING:
    from headrace.runtime.statistics.observed import Observed

MANIFEST, METRICS, TIMINGS = "manifest.json", "metrics.json", "timings.json"
REJECTED, TOKENS = "rejected.jsonl", "tokens.parquet"
FEATURES, FEATURE_MAP = "feature_map", "feature_map.json"
"""Key of the manifest, and the file of the report with the same content."""

_DAMAGES = (ValueError, LookupError, TypeError, AttributeError, OSError, zipfile.BadZipFile)
"""The errors of reading a damaged file of arrays."""
Read = Callable[[str], bytes | None]
"""Returns the content of a file of the report, by its path below it; None if there is none."""
Report = dict[str, dict[str, Any] | bytes]
"""Name of a file → its content: JSON, or bytes."""


def merged(hosts: Sequence[str], read: Read) -> Report:
    """Merge the reports of the hosts into one.

    Args:
        hosts: Names of all that took part.
        read: Reads their files.

    Returns:
        File name → content, the manifest last; nothing if no host left a manifest.

    Raises:
        JobFailed: A host left none, or they do not fit each other: this is no result.
    """
    manifests = {host: _json(read, f"{host}/{MANIFEST}") for host in hosts}
    found = {host: manifest for host, manifest in manifests.items() if manifest}
    if not found:
        return {}
    if missing := [host for host in hosts if host not in found]:
        raise JobFailed(f"{missing[0]} left no {MANIFEST}; without it there is no result")
    manifest = _manifest(found)
    report: Report = {**_timings(hosts, read), **_rejected(hosts, read)}
    observed = _observed(hosts, read)
    if observed is not None:
        report[METRICS] = _metrics(observed, manifest)
        if observed.statistics.tokens is not None:
            hasher = _hasher(manifest["config"]["steps"])
            report[TOKENS] = observed.statistics.tokens.parquet(hasher)
        manifest = _with_warnings(observed, manifest)
    if FEATURES in manifest:
        report[FEATURE_MAP] = manifest[FEATURES]
    return {**report, MANIFEST: manifest}


def content_of(file: dict[str, Any] | bytes) -> bytes:
    """Return the bytes of one file of a report."""
    return file if isinstance(file, bytes) else json_text(file).encode()


def _json(read: Read, name: str) -> dict[str, Any]:
    content = read(name)
    try:
        return {} if content is None else reports.parsed(f"{REPORT}/{name.split('/')[-1]}", content)
    except ValueError as exc:
        raise JobFailed(f"{name} is none of headrace's ({exc})") from exc


def _manifest(manifests: dict[str, dict[str, Any]]) -> dict[str, Any]:
    from headrace.runtime.output.manifest import merge  # needs Arrow, which takes its time

    try:
        manifest = merge(manifests)
    except ValueError as exc:
        raise JobFailed(f"the manifests of the hosts do not go together: {exc}") from exc
    if not manifest["rows"]["written"]:
        raise JobFailed(f"there are no good rows in what the {len(manifests)} instances read")
    return manifest


def _observed(hosts: Sequence[str], read: Read) -> Observed | None:
    """Return what all hosts saw together; None if their entrypoint is not ours."""
    from headrace.runtime.statistics.observed import OBSERVED, Observed

    observed = []
    for host in hosts:
        if (content := read(f"{host}/{OBSERVED}")) is not None:
            try:
                observed.append(Observed.from_bytes(content))
            except _DAMAGES as exc:
                raise JobFailed(f"{host}/{OBSERVED} is none of headrace's ({exc})") from exc
    if len(observed) < len(hosts):
        return None
    together, *others = observed
    for other in others:
        together.merge(other)
    return together


def _metrics(observed: Observed, manifest: dict[str, Any]) -> dict[str, Any]:
    from headrace.runtime.statistics.metrics import metrics

    hasher = _hasher(manifest["config"]["steps"])
    return metrics(manifest, observed.totals, observed.statistics, hasher, observed.time)


def _with_warnings(observed: Observed, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest with the warnings of all rows, in the place of those of a share."""
    from headrace.runtime.output.manifest import WARNINGS
    from headrace.runtime.output.seal import FILES, is_sealed, sealed

    warned = {**manifest, WARNINGS: observed.warnings(manifest)}
    return sealed(warned, manifest[FILES]) if is_sealed(manifest) else warned


def _rejected(hosts: Sequence[str], read: Read) -> Report:
    """Return the first rows that were left out, host after host."""
    from headrace.runtime.output.rejected import first_of  # needs Arrow

    found = [read(f"{host}/{REJECTED}") for host in hosts]
    contents = [content for content in found if content is not None]
    return {REJECTED: first_of(contents)} if contents else {}


def _hasher(steps: Sequence[dict[str, Any]]) -> Any:
    from headrace.runtime.hashing.hasher import Hasher
    from headrace.runtime.plugins.transforms import load
    from headrace.runtime.spec import StepSpec

    transforms = (transform for _, transform in load([StepSpec(**step) for step in steps]))
    return next((transform for transform in transforms if isinstance(transform, Hasher)), None)


def _timings(hosts: Sequence[str], read: Read) -> Report:
    """Return the slowest host's seconds, the largest memory, and all threads."""
    every = [_json(read, f"{host}/{TIMINGS}") for host in hosts]
    if not all(every):
        return {}
    largest = {key: max(host[key] for host in every) for key in ("seconds", "peak_memory_mb")}
    return {TIMINGS: {**largest, "threads": sum(host["threads"] for host in every)}}
