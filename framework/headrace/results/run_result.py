"""The result of a run in Python: its report, and the rows of its channels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from headrace.config.problems import suggest
from headrace.errors import HeadraceError
from headrace.results import program_manifest
from headrace.results.channels import NUMBERS, Channel, rows_of
from headrace.results.stored import StoredResult
from headrace.results.summary import summary
from headrace.terminal.tables import as_html

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import scipy.sparse as sp

    from headrace.results.result import Result

READABLE = "npz"


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
        if written != READABLE:
            what = f"load() reads output.format={READABLE} (got {written})"
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
        rows = rows_of(self.channels) or outputs
        others = summary(self._result).splitlines()[len(rows) :]
        numbers = NUMBERS if self.channels else program_manifest.NUMBERS
        return as_html(rows, numbers) + f"<div>{'<br>'.join(map(escape, others))}</div>"

    def _error(self, what: str) -> RowsError:
        return RowsError(f"{self.output}: {what}")


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
