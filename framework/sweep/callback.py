"""What happens around the runs of a sweep: at their end the summary, whatever became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class SweepSummary(Callback):
    """Shows and writes the summary of a sweep; one of its runs that failed gives the exit status.

    Hydra tells its callbacks of the end only if nothing went wrong on the way; `end` is for the
    other cases.
    """

    _under_way: ClassVar[Path | None] = None
    """The folder of the sweep, from its start to its summary."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Remember where the runs will be, and forget those of an earlier sweep there."""
        from framework.records import forget

        folder = Path(config.hydra.sweep.dir).absolute()
        forget(folder)
        if config.get("action") == "run":
            SweepSummary._under_way = folder

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Sum up.

        Raises:
            SystemExit: A run failed.
        """
        status = SweepSummary.end() or _status(Path(config.hydra.sweep.dir))
        if status:
            raise SystemExit(status)

    @classmethod
    def end(cls) -> int:
        """Sum up what there is, unless that has been done; the status of the first failure."""
        folder, cls._under_way = cls._under_way, None
        if folder is None:
            return 0
        from framework.records import RecordError, SweepRecord
        from framework.report import try_sweep_page
        from framework.sweep.summary import show

        try:
            sweep = SweepRecord.read(folder)
        except RecordError:  # it ended before its first run began
            return 0
        show(sweep)
        try_sweep_page(sweep)
        return sweep.exit_status


def _status(folder: Path) -> int:
    from framework.records import RecordError, SweepRecord

    try:
        return SweepRecord.read(folder).exit_status
    except RecordError:
        return 0
