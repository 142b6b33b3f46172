"""The closing table: channels, rows, sizes, speed and the location of the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace.results import program_manifest
from headrace.results.channels import table_of

if TYPE_CHECKING:
    from headrace.results.result import Result


def summary(result: Result) -> str:
    """Return the table in plain text, without a newline at its end.

    ::

        channel      rows  parts    size
        train       8,012      1  312 kB
        validation  1,988      1   78 kB
        validation: log loss 0.3921, AUC 0.742, normalised entropy 0.931
        10,000 rows in 1.9 s, 3 rejected
        /data/out
    """
    judged = result.evaluation.get("channels", {}).items()
    outputs = program_manifest.table_of(program_manifest.outputs_of(result.manifest))
    lines = [
        *table_of(result.channels),
        *outputs,
        *(_judged(name, figures) for name, figures in judged),
    ]
    return "\n".join([*lines, _closing(result), result.output])


def _judged(channel: str, figures: dict[str, Any]) -> str:
    auc, entropy = figures["auc"], figures["normalised_entropy"]
    if auc is None:
        return f"{channel}: log loss {figures['log_loss']:.4f}; all its labels are the same"
    return (
        f"{channel}: log loss {figures['log_loss']:.4f}, AUC {auc:.3f}, "
        f"normalised entropy {entropy:.3f}"
    )


def _closing(result: Result) -> str:
    rejected = result.manifest.get("rows", {}).get("rejected", 0)
    total = sum(channel.rows for channel in result.channels)
    done = f"{total:,} rows in" if result.channels else "done in"
    done = done if result.has_ended else "submitted in"
    return f"{done} {result.seconds:,.1f} s" + (f", {rejected:,} rejected" if rejected else "")
