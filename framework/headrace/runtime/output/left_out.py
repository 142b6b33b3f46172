"""The manifest's account of good rows that steps left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.runtime.chain.preflight import Prepared
from headrace.runtime.statistics.metrics import Totals
from headrace.runtime.transform import sampling_of

ROWS, LEFT_OUT, DOWNSAMPLE = "rows", "left_out", "downsample"
"""Keys in the manifest; the middle one is in the other two."""


def left_out(manifest: dict[str, Any], job: Prepared, totals: Totals) -> dict[str, Any]:
    """Return the keys to put into a manifest; none if no step leaves out rows.

    Args:
        manifest: What was written.
        job: The job.
        totals: What the rows add up to.
    """
    declared = any(getattr(link.transform, "leaves_out_rows", False) for link in job.links)
    if not (declared or totals.left_out):
        return {}
    rows = manifest[ROWS]
    counts = {**rows, "read": rows["read"] + totals.left_out, LEFT_OUT: totals.left_out}
    sampling = sampling_of(job.schema)
    if sampling is None:
        return {ROWS: counts}
    kept = totals.labels.of(0).get(f"{sampling.label:.17g}", 0) if totals.labels.is_kept else None
    told = {"label": sampling.label, "rate": sampling.rate, "kept": kept}
    return {ROWS: counts, DOWNSAMPLE: {**told, LEFT_OUT: totals.left_out}}


def together(manifests: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the same keys, and the rows, of the work of several hosts."""
    names = dict.fromkeys(key for one in manifests for key in one[ROWS])
    made = {ROWS: {key: sum(one[ROWS].get(key, 0) for one in manifests) for key in names}}
    shares = [one[DOWNSAMPLE] for one in manifests if DOWNSAMPLE in one]
    if not shares:
        return made
    counts = {key: [share[key] for share in shares] for key in ("kept", LEFT_OUT)}
    summed = {key: None if None in every else sum(every) for key, every in counts.items()}
    return {**made, DOWNSAMPLE: {**shares[0], **summed}}
