"""Between Hydra and the actions: what a person sees when something is wrong, and exit statuses.

0: done. 1: the job failed. 2: the configuration is wrong. 130: interrupted. A user's mistake ends
in its message; a bug keeps its traceback.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from headrace.cli import startup
from headrace.cli.attempt import attempt, mendable, tell
from headrace.cli.startup import INTERRUPTED
from headrace.cli.sweep.callback import SweepSummary
from headrace.cli.sweep.objective import objective
from headrace.config import defaults
from headrace.config.hydra.errors import problem_of, setting_problem
from headrace.config.hydra.loader import checked
from headrace.config.hydra.objects import NO_PACKAGE, names_package
from headrace.errors import (
    ConfigError,
    DataError,
    HeadraceError,
    JobFailed,
    PluginError,
    Problem,
)
from headrace.runtime.shown import masked_words, plain, quoted
from headrace.targets.local import early

WORKER_KILLED = (
    "a worker process of the sweep was killed, perhaps for want of memory; "
    "runs that it had not ended are lost"
)

RERUN = (
    "would load a pickle, which may run any code; "
    "a run's overrides are in its .hydra/overrides.yaml"
)

LOOK = "look"
PIPELINE = "pipeline"
SAMPLE = "avazu_sample"
"""The dataset that is described unless another one is chosen."""
_OTHER_DATA = re.compile(
    "there is no column|in the header|header is not UTF-8|cannot tell the format|there is no header"
)
"""The way to tell errors of data that another description fits."""

# Here and not in main(): a sweep's worker processes import this module but never call main().
defaults.register()


def main(run: Callable[[], object], arguments: Sequence[str] = ()) -> int:
    """Run the program, of which Hydra is the outer half.

    Args:
        run: A function decorated by ``hydra.main`` that calls `execute`.
        arguments: What Hydra will find on the command line.

    Returns:
        The exit status.
    """
    # Hydra then raises its errors instead of printing them and ending the process.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        _check_working_folder()
        options = _refuse(arguments)
        warnings.showwarning = _warn
        logging.setLogRecordFactory(_record)
        if not startup.leads_to_python(arguments):
            early.end()
        with (
            checked(),
            _completing() if options.shell_completion else nullcontext(),
        ):
            run()
    except HeadraceError as exc:
        return tell(exc)
    except (HydraException, OmegaConfBaseException, YAMLError) as exc:
        return tell(ConfigError([problem_of(exc)]))
    except BrokenExecutor:
        return tell(JobFailed(WORKER_KILLED))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as exc:
        if exc.code:
            raise
    except Exception as exc:
        known = mendable(exc)
        if known is None and (problem := setting_problem(exc)) is not None:
            known = ConfigError([problem])
        if known is None:
            raise
        return tell(known)
    finally:
        SweepSummary.end()
        early.end()
        startup.end()
    lost = startup.lost()
    return 0 if lost is None else tell(JobFailed(f"cannot write to stdout: {lost}"))


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except OSError as exc:
        what = f"the working folder cannot be used ({exc.strerror}); change to one that is there"
        raise ConfigError([Problem("", what)]) from exc


def _completing() -> AbstractContextManager[None]:
    from headrace.cli.completion import completing  # brings in all models

    return completing()


def _refuse(arguments: Sequence[str]) -> Namespace:
    """Refuse the options by which Hydra would run code that a file holds or a package brings.

    Returns:
        Hydra's options.

    Raises:
        ConfigError: There is one.
    """
    parser = get_args_parser()
    setattr(parser, "error", _refuse_words)  # noqa: B010 - argparse would show words as they are
    options = parser.parse_args(list(arguments))
    problems = []
    if options.experimental_rerun is not None:
        problems.append(Problem("--experimental-rerun", RERUN))
    if names_package(options.config_path):
        problems.append(Problem("--config-path", f"{quoted(options.config_path)} {NO_PACKAGE}"))
    if problems:
        raise ConfigError(problems)
    return options


def _refuse_words(message: str) -> NoReturn:
    advice = f"{defaults.command()} --help shows what there is"
    raise ConfigError([Problem("", f"{plain(message)}; {advice}")])


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning of Hydra's, which may repeat what somebody typed."""
    print(f"note: {plain(' '.join(str(message).split()))}", file=sys.stderr, flush=True)


def _record(*args: Any, **options: Any) -> logging.LogRecord:
    """Make a record of a log; Hydra's launchers write each run's overrides into theirs."""
    record = logging.LogRecord(*args, **options)
    if record.name.startswith("hydra"):
        record.msg, record.args = masked_words(record.getMessage()), ()
    return record


def execute(config: DictConfig) -> float:
    """Do what one composed configuration says.

    Returns:
        What a sweep that looks for the best settings minimises.

    Raises:
        SystemExit: It failed, and it is no run of a sweep; the message is on stderr.
    """
    startup.begin()
    try:
        return objective(attempt(lambda: _performed(config)))
    except KeyboardInterrupt:
        if startup.is_worker():  # whose pool would go on with the next run
            os._exit(INTERRUPTED)
        raise


def _performed(config: DictConfig) -> Any:
    if config.get("action") == LOOK:  # which needs no valid job
        from headrace.cli.actions import look

        return look.perform(config)
    from headrace.cli import actions
    from headrace.config.compose import compose
    from headrace.flow.loading import has_flow

    if has_flow(config) or config.get("action") == PIPELINE:  # one job is a flow of one
        from headrace.cli.actions import flow

        return flow.perform(config)

    try:
        return actions.perform(compose(config))
    except (DataError, JobFailed, PluginError) as error:
        if not _OTHER_DATA.search(str(error)) or (hint := _way_to_look()) is None:
            raise
        raise type(error)(f"{error}; {hint}") from error


def _way_to_look() -> str | None:
    """Return how to get a description of data that the sample's description does not fit."""
    hydra = HydraConfig.get()
    said = [each.removeprefix("dataset.path=") for each in hydra.overrides.task]
    paths = [path for path, each in zip(said, hydra.overrides.task, strict=True) if path != each]
    if not paths or hydra.runtime.choices.get("dataset") != SAMPLE:
        return None
    return f"run with action={LOOK} dataset.path={plain(paths[-1])} to get its conf/dataset file"
