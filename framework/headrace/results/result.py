"""The result of a finished job: its channels, the closing table, and its rows in Python."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from headrace.config.problems import suggest
from headrace.errors import HeadraceError
from headrace.results import program_manifest
from headrace.results.stored import StoredResult
from headrace.terminal.tables import aligned, as_html
from headrace.terminal.units import size

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import scipy.sparse as sp


_HEADER = ("channel", "rows", "parts", "size")
_NUMBERS = (1, 2, 3)
"""Positions of the columns that hold numbers."""
_READABLE = "npz"
_MOST_WARNINGS = 10


@dataclass(frozen=True)
class Channel:
    """One channel of a result."""

    name: str
    rows: int
    parts: int
    bytes: int


@dataclass(frozen=True)
class Result:
    """The result of a finished job."""

    output: str
    """The folder that holds it, or its ``s3://`` URI."""
    manifest: dict[str, Any]
    """``report/manifest.json``; empty if the entrypoint writes none."""
    seconds: float
    """Wall time, from the request to files on disk."""
    channels: tuple[Channel, ...]
    evaluation: dict[str, Any] = field(default_factory=dict)
    """``report/evaluation.json``; empty if no model was judged."""
    has_ended: bool = True
    """False: the job goes on, and nobody has waited for it."""


def channels_of(manifest: dict[str, Any]) -> tuple[Channel, ...]:
    """Return the channels of a manifest; none for an empty one (``{}``)."""
    return tuple(
        Channel(
            name, what["rows"], len(what["parts"]), sum(part["bytes"] for part in what["parts"])
        )
        for name, what in manifest.get("channels", {}).items()
    )


def bytes_of(manifest: dict[str, Any]) -> int:
    """Return the size of all that a result delivers: its parts, or the files of its outputs."""
    rows = sum(channel.bytes for channel in channels_of(manifest))
    return rows + sum(output.bytes for output in program_manifest.outputs_of(manifest))


def table_of(channels: Sequence[Channel]) -> list[str]:
    """Return the lines of a table of channels; none without channels."""
    rows = _rows_of(channels)
    return aligned(rows, _NUMBERS) if rows else []


def summary(result: Result) -> str:
    """Return the table in plain text, without a newline at its end.

    ::

        channel      rows  parts    size
        train       8,012      1  312 kB
        validation  1,988      1   78 kB
        validation: log loss 0.3921, AUC 0.742, normalised entropy 0.931
        warning: column 'device_ip' has another value in each row: …
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
    lines += _warned(result.manifest)
    return "\n".join([*lines, _closing(result), result.output])


class RowsError(HeadraceError):
    """Rows that cannot be loaded as a matrix."""


class Rows(NamedTuple):
    """The rows of a channel."""

    features: sp.csr_matrix
    labels: npt.NDArray[np.float64] | None
    """None if ``dataset.label`` is not set."""
    ids: npt.NDArray[np.bytes_] | None
    """None if ``dataset.id`` is not set."""


@dataclass(frozen=True, eq=False, repr=False)
class RunResult:
    """The result of `headrace.run`. The dicts are the files of ``report/``: docs/files.md."""

    output: str
    """The folder that holds the result, or its ``s3://`` URI."""
    seconds: float
    """Wall time, from the request to files on disk."""
    channels: tuple[Channel, ...]
    request: dict[str, Any]
    """The arguments of ``CreateProcessingJob``."""
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    """Empty if several instances worked: each wrote its own."""
    timings: dict[str, Any]
    """The same."""
    evaluation: dict[str, Any]
    """Empty if no model was judged."""
    _result: Result = field(kw_only=True)

    @classmethod
    def of(cls, result: Result, request: dict[str, Any]) -> RunResult:
        """Read what a target's result does not hold; there is nothing of a job that goes on."""
        stored = StoredResult(result.output)
        names = ("metrics", "timings", "evaluation")
        reports = [stored.report(name) if result.has_ended else {} for name in names]
        output = (result.output, result.seconds, result.channels)
        return cls(*output, request, result.manifest, *reports, _result=result)

    def load(self, channel: str = "train") -> Rows:
        """Load all rows of a channel into memory, for SciPy and scikit-learn.

        Args:
            channel: Its name.

        Returns:
            The matrix, shape (rows, ``n_features``), the labels and the ids, each in the order of
            the parts.

        Raises:
            RowsError: There is no such channel, or its parts are no ``npz``.
            UnreadableError: A part cannot be read.
        """
        if "program" in self.manifest:
            raise self._error("load() reads channels of rows; this is a program's result, of files")
        channels = self.manifest.get("channels", {})
        if channel not in channels:
            raise self._error(f"there is no channel {channel!r}; {suggest(channel, channels)}")
        written = self.manifest["output_format"]
        if written != _READABLE:
            what = f"load() reads output.format={_READABLE} (got {written})"
            raise self._error(f"{what}; docs/files.md says who reads the others")
        stored = StoredResult(self.output)
        return _joined([stored.read(part["file"]) for part in channels[channel]["parts"]])

    def __fspath__(self) -> str:
        """Return its folder, so that `headrace.load` and `pathlib.Path` accept the result."""
        return self.output

    def __repr__(self) -> str:
        """Return the table that the command line shows at the end."""
        return summary(self._result)

    def _repr_html_(self) -> str:
        """Return the same table for a notebook."""
        outputs = program_manifest.rows_of(program_manifest.outputs_of(self.manifest))
        rows = _rows_of(self.channels) or outputs
        numbers = _NUMBERS if self.channels else program_manifest.NUMBERS
        others = summary(self._result).splitlines()[len(rows) :]
        return as_html(rows, numbers) + f"<div>{'<br>'.join(map(escape, others))}</div>"

    def _error(self, what: str) -> RowsError:
        return RowsError(f"{self.output}: {what}")


def _rows_of(channels: Sequence[Channel]) -> list[tuple[str, str, str, str]]:
    """Return the rows of a table of channels, its header first; none without channels."""
    rows = [(each.name, f"{each.rows:,}", f"{each.parts:,}", size(each.bytes)) for each in channels]
    return [_HEADER, *rows] if rows else []


def _judged(channel: str, figures: dict[str, Any]) -> str:
    if "rmse" in figures:
        r2 = (
            "; all its labels are the same"
            if figures["r2"] is None
            else f", R² {figures['r2']:.3f}"
        )
        return f"{channel}: RMSE {figures['rmse']:.6g}, MAE {figures['mae']:.6g}{r2}"
    auc, entropy = figures["auc"], figures["normalised_entropy"]
    if auc is None:
        return f"{channel}: log loss {figures['log_loss']:.4f}; all its labels are the same"
    return (
        f"{channel}: log loss {figures['log_loss']:.4f}, AUC {auc:.3f}, "
        f"normalised entropy {entropy:.3f}"
    )


def _warned(manifest: dict[str, Any]) -> list[str]:
    """Return a line for each warning; of many, the first ones."""
    warnings = manifest.get("warnings", ())
    lines = [f"warning: {each['text']}" for each in warnings[:_MOST_WARNINGS]]
    if len(warnings) > len(lines):
        lines.append(f"{len(warnings) - len(lines)} more warnings: report/manifest.json")
    return lines


def _closing(result: Result) -> str:
    rejected = result.manifest.get("rows", {}).get("rejected", 0)
    total = sum(channel.rows for channel in result.channels)
    done = f"{total:,} rows in" if result.channels else "done in"
    done = done if result.has_ended else "submitted in"
    return f"{done} {result.seconds:,.1f} s" + (f", {rejected:,} rejected" if rejected else "")


def _joined(parts: Sequence[bytes]) -> Rows:
    import numpy as np
    import scipy.sparse as sp

    read = [np.load(io.BytesIO(part)) for part in parts]
    matrices = [
        sp.csr_matrix((each["data"], each["indices"], each["indptr"]), tuple(each["shape"]))
        for each in read
    ]
    labels, ids = (
        np.concatenate([each[name] for each in read]) if name in read[0] else None
        for name in ("label", "id")
    )
    return Rows(sp.vstack(matrices, "csr"), labels, ids)
