"""Hydra's callbacks around the runs: folders are checked first, a sweep ends in its summary."""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from headrace.errors import ConfigError, Problem
from headrace.runtime.shown import quoted

if TYPE_CHECKING:
    from headrace.cli.sweep.table import SweepTable

_PATH = 400
"""Characters of a path that are shown."""


class SweepSummary(Callback):
    """Shows and writes the summary of a sweep; one of its runs that failed gives the exit status.

    Hydra tells its callbacks of the end only if nothing went wrong on the way; `end` is for the
    other cases.
    """

    _under_way: ClassVar[Path | None] = None
    """The folder of the sweep, from its start to its summary."""
    _table: ClassVar[SweepTable | None] = None
    """The live table, if the runs are shown on a terminal."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Look at the folder that Hydra is about to write to.

        Raises:
            SystemExit: It cannot be used.
        """
        _require("hydra.run.dir", Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Remember where the runs will be, and forget those of an earlier sweep there.

        Raises:
            SystemExit: The folder of the sweep cannot be used.
        """
        from headrace.cli.sweep import workers
        from headrace.results.records import forget

        folder = Path(config.hydra.sweep.dir).absolute()
        _require("hydra.sweep.dir", folder)
        if config.get("action") == "run" and (problem := one_place_for_all(config)):
            _end(problem)
        workers.watch()
        forget(folder)
        if config.get("action") == "run":
            SweepSummary._under_way = folder
            SweepSummary._show_runs(folder, config)

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
        from headrace.cli.sweep import lines

        lines.end()
        table, cls._table = cls._table, None
        if table is not None:
            table.stop()
        from headrace.cli.sweep.summary import show
        from headrace.results.pages import try_sweep_page
        from headrace.results.records import RecordError, SweepRecord
        from headrace.terminal.links import linked

        try:
            sweep = SweepRecord.read(folder)
        except RecordError:  # it ended before its first run began
            return 0
        figures, page = show(sweep), try_sweep_page(sweep)
        if page:
            print(f"page     {linked(str(page), sys.stdout)}")
        if figures:
            print(linked(str(figures), sys.stdout), flush=True)
        return sweep.exit_status

    @classmethod
    def _show_runs(cls, folder: Path, config: DictConfig) -> None:
        """Have the runs shown as a table on a terminal, else as a line for each."""
        from headrace.cli import startup
        from headrace.cli.sweep import lines
        from headrace.results.records import settings_of, swept_keys
        from headrace.terminal.colours import has_colours, is_terminal

        runs = [settings_of(each) for each in expected_runs(config)]
        is_live = is_terminal(sys.stderr) and startup.is_prepared()
        lines.begin(swept_keys(runs) if runs else None, is_live=is_live)
        if is_live:
            from headrace.cli.sweep.table import SweepTable

            cls._table = SweepTable(folder, runs, has_colours(sys.stderr))
            cls._table.start()


def expected_runs(config: DictConfig) -> Sequence[Sequence[str]]:
    """Return the overrides of each run that Hydra's own sweeper will start.

    Another sweeper decides while it goes on; of its runs none is known.

    Args:
        config: The sweep's, with Hydra's own node.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    sweeper = config.hydra.sweeper
    if not str(sweeper.get("_target_")).endswith(f".{BasicSweeper.__name__}"):
        return ()
    params = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]
    try:
        parsed = OverridesParser.create().parse_overrides([*params, *_typed(config)])
        (runs,) = BasicSweeper.split_arguments(parsed, None)
    except HydraException:  # which the sweeper is about to raise
        return ()
    return runs


def one_place_for_all(config: DictConfig) -> Problem | None:
    """Return a problem if all runs of a sweep would write their results to one place.

    Args:
        config: The sweep's, with Hydra's own node.
    """
    place = config.output._get_node("path") if "output" in config else None
    if place is None or place._is_interpolation() or place._is_missing():
        return None
    parsed = OverridesParser.create().parse_overrides(_typed(config))
    swept = [each for each in parsed if each.is_sweep_override()]
    runs = math.prod(len(list(each.sweep_string_iterator())) for each in swept)
    decide = {"output", "output.path", "experiment"}
    if runs < 2 or any(each.key_or_group in decide for each in swept):
        return None
    what = f"all {runs} runs would write to {quoted(str(place._value()), _PATH)}"
    way = "leave it out, and hydra.sweep.dir=FOLDER holds a folder for each"
    return Problem("output.path", f"{what}; {way}")


def _typed(config: DictConfig) -> list[str]:
    """Return the overrides of the command line as they are, for each run to resolve by itself."""
    typed: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    return list(typed)


def _require(address: str, folder: Path) -> None:
    """End the process, as Hydra hears no exception, if a folder cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except (FileExistsError, NotADirectoryError):
        file = next(each for each in (folder, *folder.parents) if each.exists())
        problem = f"{quoted(str(file), _PATH)} is a file; give a folder"
    except OSError as exc:
        place = quoted(str(folder.absolute()), _PATH)
        problem = f"cannot write in {place}: {exc.strerror}; give another folder"
    _end(Problem(address, problem))


def _end(problem: Problem) -> NoReturn:
    from headrace.cli.attempt import tell

    raise SystemExit(tell(ConfigError([problem])))


def _status(folder: Path) -> int:
    from headrace.results.records import RecordError, SweepRecord

    try:
        return SweepRecord.read(folder).exit_status
    except RecordError:
        return 0
