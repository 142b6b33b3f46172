"""The result of a finished job: its channels, the closing table, and its rows in Python."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from headrace.config.problems import suggest
from headrace.errors import HeadraceError
from headrace.results import program_manifest
from headrace.results.reports.hosts import TOKENS
from headrace.results.stored import StoredResult, measured
from headrace.runtime.output.seal import FILES, bytes_of_channel
from headrace.runtime.spec import REPORT
from headrace.terminal.tables import aligned, as_html
from headrace.terminal.units import size

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import scipy.sparse as sp

    from headrace.results.batches import Batch
    from headrace.results.explain import Token


_HEADER = ("channel", "rows", "parts", "size")
_NUMBERS = (1, 2, 3)
"""Positions of the columns that hold numbers."""
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
        Channel(name, what["rows"], len(what["parts"]), bytes_of_channel(what))
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
    return "\n".join(
        [*figures_of(result), *warned(result.manifest), closing(result), result.output]
    )


def figures_of(result: Result) -> list[str]:
    """Return the lines of the table of channels or outputs, and of the model that was judged."""
    judged = result.evaluation.get("channels", {}).items()
    return [
        *table_of(result.channels),
        *program_manifest.table_of(program_manifest.outputs_of(result.manifest)),
        *(_judged(name, figures) for name, figures in judged),
    ]


def how_to_load(result: Result) -> str | None:
    """Return the Python that opens a result; None if there is nothing that Python could read.

    ::

        headrace.open_result('/data/out').load('train')
    """
    if not result.has_ended or not result.manifest:
        return None
    opened = f"headrace.open_result({result.output!r})"
    if not result.channels:
        return opened
    return f"{opened}.load({result.channels[0].name!r})"


class RowsError(HeadraceError):
    """Rows that cannot be loaded as a matrix."""


class Rows(NamedTuple):
    """The rows of a channel."""

    features: sp.csr_matrix | npt.NDArray[np.float64]
    """Sparse if the chain hashed them."""
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
    """Empty if several instances worked, likewise."""
    evaluation: dict[str, Any]
    """Empty if no model was judged."""
    _result: Result = field(kw_only=True)

    @classmethod
    def of(cls, result: Result, request: dict[str, Any]) -> RunResult:
        """Read what a target's result does not hold; there is nothing of a job that goes on."""
        reports: Sequence[dict[str, Any]] = ({}, {}, {})
        if result.has_ended:
            reports = StoredResult(result.output).reports(result.manifest)
        return cls._with(result, request, reports)

    @classmethod
    def at(cls, place: str | os.PathLike[str]) -> RunResult:
        """Open the result that a run left.

        Args:
            place: ``output.path``: a folder, or ``s3://…``.

        Raises:
            HeadraceError: There is no result.
        """
        stored = StoredResult(os.fspath(place))
        manifest = stored.manifest()
        _, timings, evaluation = reports = stored.reports(manifest)
        seconds = float(measured(timings).get("seconds", 0))
        judged = {} if "program" in manifest else evaluation  # else a file of the program's own
        result = Result(stored.place, manifest, seconds, channels_of(manifest), judged)
        return cls._with(result, stored.request() or {}, reports)

    @classmethod
    def _with(
        cls, result: Result, request: dict[str, Any], reports: Sequence[dict[str, Any]]
    ) -> RunResult:
        output = (result.output, result.seconds, result.channels)
        return cls(*output, request, result.manifest, *reports, _result=result)

    def load(self, channel: str = "train") -> Rows:
        """Load all rows of a channel into memory, for SciPy and scikit-learn.

        Args:
            channel: Its name.

        Returns:
            The features, the labels and the ids, each in the order of the parts. Hashed rows are a
            sparse matrix, shape (rows, ``n_features``); others an array, shape (rows, columns),
            with NaN for null.

        Raises:
            RowsError: There is no such channel, its format cannot be read, or a column holds text.
            UnreadableError: A part cannot be read.
        """
        from headrace.results.batches import batch_of
        from headrace.results.part_rows import rows_of

        parts = self._parts(channel, "load()")
        stored = StoredResult(self.output)
        try:
            read = [rows_of(self.manifest, part, stored.read) for part in parts]
            batch = batch_of(read)
            features = batch.matrix if batch.sparse is None else batch.csr
        except ValueError as exc:
            raise self._error(f"load(): {exc}") from exc
        return Rows(features, batch.labels, batch.ids)

    def batches(
        self,
        channel: str = "train",
        size: int = 1024,
        *,
        seed: int | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[Batch]:
        """Return the rows of a channel in batches; one part at a time is in memory.

        Args:
            channel: Its name.
            size: Rows of a batch; the last one may have fewer.
            seed: Shuffles the parts, and the rows within each: another order for each number. None
                for the order of the files.
            shard: Which share of the parts, and of how many: ``(0, 2)`` and ``(1, 2)`` are all.

        Raises:
            RowsError: There is no such channel, its format cannot be read, or a number is not one
                of those above.
            UnreadableError: A part cannot be read.
        """
        from headrace.results.batches import batches

        if not _is_whole(size, 1):
            raise self._error(f"batches(): size should be an integer of at least 1 (got {size!r})")
        if seed is not None and not _is_whole(seed, 0):
            raise self._error(
                f"batches(): seed should be None or an integer of at least 0 (got {seed!r})"
            )
        if not _is_shard(shard):
            what = "shard should be (index, count), with 0 <= index < count"
            raise self._error(f"batches(): {what} (got {shard!r})")
        parts = self._parts(channel, "batches()")[shard[0] :: shard[1]]
        made = batches(self.manifest, parts, StoredResult(self.output).read, size, seed)
        return self._explained(made)

    def explain(self, index: int) -> list[Token]:
        """Return the tokens that were hashed to an index, the most frequent first.

        Args:
            index: A column of the matrix, as a model's importances number them.

        Raises:
            RowsError: The job did not keep its tokens, or the matrix has no such column.
            UnreadableError: The file cannot be read.
        """
        from headrace.results.explain import tokens_at

        if self.manifest.get("n_features") is None:
            what = (
                "explain() is for hashed rows; report/feature_map.json names the columns of others"
            )
            raise self._error(what)
        if f"{REPORT}/{TOKENS}" not in self.manifest.get(FILES, ()):
            raise self._error("explain() needs the tokens of the job; set output.tokens=true")
        width = self.manifest["n_features"]
        if not _is_whole(index, 0) or index >= width:
            raise self._error(
                f"explain(): index should be an integer from 0 to {width - 1} (got {index!r})"
            )
        content = StoredResult(self.output).read(f"{REPORT}/{TOKENS}")
        return tokens_at(content, operator.index(index))

    def _explained(self, made: Iterator[Batch]) -> Iterator[Batch]:
        try:
            yield from made
        except ValueError as exc:
            raise self._error(f"batches(): {exc}") from exc

    def _parts(self, channel: str, asked: str) -> list[dict[str, Any]]:
        from headrace.results.part_rows import is_readable, readable_formats
        from headrace.results.reports import incomplete

        if "program" in self.manifest:
            what = f"{asked} reads channels of rows; this is a program's result, of files"
            raise self._error(what)
        channels = self.manifest.get("channels", {})
        if channel not in list(channels):  # a list, for what has no hash
            raise self._error(f"there is no channel {channel!r}; {suggest(str(channel), channels)}")
        if problem := incomplete(self.manifest):
            raise self._error(f"its manifest is not complete ({problem})")
        if not is_readable(self.manifest):
            what = f"{asked} reads output.format={', '.join(readable_formats())}"
            got = self.manifest["output_format"]
            raise self._error(f"{what} (got {got}); docs/files.md says who reads the others")
        parts: list[dict[str, Any]] = channels[channel]["parts"]
        return parts

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


def _is_whole(value: object, least: int) -> bool:
    """Return whether a value is an integer, of Python's or NumPy's, and not below `least`."""
    try:
        return operator.index(value) >= least  # type: ignore[arg-type]
    except TypeError:
        return False


def _is_shard(value: object) -> bool:
    if not isinstance(value, Sequence) or len(value) != 2:
        return False
    index, count = value
    return _is_whole(index, 0) and _is_whole(count, 1) and bool(index < count)


def _rows_of(channels: Sequence[Channel]) -> list[tuple[str, str, str, str]]:
    """Return the rows of a table of channels, its header first; none without channels."""
    rows = [(each.name, f"{each.rows:,}", f"{each.parts:,}", size(each.bytes)) for each in channels]
    return [_HEADER, *rows] if rows else []


def _determination(figures: dict[str, Any]) -> str:
    """Return what to say of R², which labels that are all the same do not have."""
    if figures["r2"] is not None:
        return f", R² {figures['r2']:.3f}"
    return "; all its labels are the same" if figures.get("mse", 0) is not None else ""


def _judged(channel: str, figures: dict[str, Any]) -> str:
    if "rmse" in figures:
        rmse, mae = (
            "too large" if figures[key] is None else f"{figures[key]:.6g}"
            for key in ("rmse", "mae")
        )
        return f"{channel}: RMSE {rmse}, MAE {mae}{_determination(figures)}"
    auc, entropy = figures["auc"], figures["normalised_entropy"]
    if auc is None or entropy is None:
        return f"{channel}: log loss {figures['log_loss']:.4f}; all its labels are the same"
    return (
        f"{channel}: log loss {figures['log_loss']:.4f}, AUC {auc:.3f}, "
        f"normalised entropy {entropy:.3f}"
    )


def warned(manifest: dict[str, Any]) -> list[str]:
    """Return a line for each warning; of many, the first ones."""
    warnings = manifest.get("warnings", ())
    lines = [f"warning: {each['text']}" for each in warnings[:_MOST_WARNINGS]]
    if len(warnings) > len(lines):
        lines.append(f"{len(warnings) - len(lines)} more warnings: report/manifest.json")
    return lines


def closing(result: Result) -> str:
    """Return the line that says how much was done in which time."""
    rejected = result.manifest.get("rows", {}).get("rejected", 0)
    total = sum(channel.rows for channel in result.channels)
    done = f"{total:,} rows in" if result.channels else "done in"
    done = done if result.has_ended else "submitted in"
    return f"{done} {result.seconds:,.1f} s" + (f", {rejected:,} rejected" if rejected else "")
