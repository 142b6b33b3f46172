"""The evaluation of one result: takes its rows as they are written, ends in ``evaluation.json``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from headrace.runtime.chain.dictionaries import decoded
from headrace.runtime.errors import DataError
from headrace.runtime.evaluation.dense import DenseRows
from headrace.runtime.evaluation.kinds import KINDS
from headrace.runtime.evaluation.needs import judged
from headrace.runtime.evaluation.rows import (
    BATCH_ROWS,
    Rows,
    Spool,
    cut,
    needed,
    refuse_infinite,
)
from headrace.runtime.output.parts import Waiting
from headrace.runtime.output.writers.base import Layout
from headrace.runtime.process.threads import Worker
from headrace.runtime.spec import TRAIN, EvaluationSpec
from headrace.runtime.transform import sampling_of


class Evaluator:
    """Trains on the rows of ``train`` while they stream by, judges on all others at the end.

    The work is done in a thread of its own; scikit-learn leaves the interpreter's lock while it
    learns. Rows that are needed again lie on the disk.

    Args:
        spec: How the model is trained.
        schema: The rows' columns.
        channels: The output channels.
        folder: Where the disk has room for the rows.

    Raises:
        ChainError: Training rows are left out, and the model cannot be corrected for that.

    Attributes:
        report: The content of ``evaluation.json``, once finished; the same rows and parameters give
            the same.
    """

    report: dict[str, Any]

    def __init__(
        self, spec: EvaluationSpec, schema: pa.Schema, channels: Sequence[str], folder: Path
    ) -> None:
        self._spec = spec
        self._kind = KINDS[spec.kind]
        self._sampling = sampling_of(schema)
        self._shift = self._kind.shift(self._sampling)
        self._places = needed(schema)
        kept = pa.schema([schema.field(place) for place in self._places])
        layout = Layout.of(kept)
        self._label = layout.label or 0
        is_hashed = layout.indices is not None
        self._rows_of = partial(Rows.of, layout=layout) if is_hashed else DenseRows(kept)
        again = channels if spec.passes > 1 else judged(channels)
        self._spools = {name: Spool(folder, kept) for name in again}
        self._judged = judged(channels)
        self._waiting = Waiting()
        self._rows_trained = 0
        self._worker = Worker()
        self._worker.do(self._start)

    @property
    def seconds(self) -> float:
        """Return the time that training and judging took so far, most of it beside other work."""
        return self._worker.seconds

    def add(self, name: str, batch: pa.RecordBatch) -> None:
        """Take the next rows of a channel.

        Raises:
            DataError: A label is neither 0 nor 1, or something went wrong with earlier rows.
        """
        rows = decoded(batch.select(self._places))
        self._kind.refuse(rows, self._label)
        self._worker.do(partial(self._take, name, rows))

    def finish(self) -> None:
        """End the training, judge, make the report.

        Raises:
            DataError: A channel has no rows, or something went wrong with earlier rows.
        """
        self.report = self._worker.finish(self._finish)

    def close(self) -> None:
        """Give the disk back; what is under way ends, what has not begun is left."""
        self._worker.close()
        for spool in self._spools.values():
            spool.close()

    def _start(self) -> None:
        self._model = self._kind.model(self._spec)

    def _take(self, name: str, rows: pa.RecordBatch) -> None:
        if name in self._spools:
            self._spools[name].add(rows)
        if name == TRAIN:
            self._waiting.add(rows)
            while self._waiting.rows >= BATCH_ROWS:
                self._learn(self._waiting.take(BATCH_ROWS))

    def _rows(self, batches: Sequence[pa.RecordBatch]) -> Rows:
        rows = self._rows_of(batches)
        refuse_infinite(rows)
        return rows

    def _learn(self, batches: Sequence[pa.RecordBatch]) -> None:
        rows = self._rows(batches)
        self._model.learn(rows)
        self._rows_trained += len(rows.labels)

    def _finish(self) -> dict[str, Any]:
        if self._waiting.rows:
            self._learn(self._waiting.take(self._waiting.rows))
        self._refuse_empty()
        trained = self._rows_trained
        for _ in range(1, self._spec.passes):
            for batches in cut(self._spools[TRAIN].batches()):
                self._learn(batches)
        self._model.settle()
        judges = {name: self._judge(name) for name in self._judged}
        model = {**self._model.described(), "rows": trained, **self._downsample()}
        return {**self._kind.report(judges, self._judged[0]), "model": model}

    def _downsample(self) -> dict[str, Any]:
        return {"downsample": self._sampling._asdict()} if self._sampling else {}

    def _judge(self, name: str) -> Any:
        judge = self._kind.judge()
        for batches in cut(self._spools[name].batches()):
            rows = self._rows(batches)
            judge.add(self._model.scores(rows) + self._shift, rows.labels)
        return judge

    def _refuse_empty(self) -> None:
        counts = {TRAIN: self._rows_trained}
        counts |= {name: self._spools[name].rows for name in self._judged}
        for name, rows in counts.items():
            if not rows:
                use = "learn from" if name == TRAIN else "judge on"
                raise DataError(
                    f"channel {name!r} holds no rows that a model could {use}; "
                    "split in another way, or use evaluation=none"
                )
