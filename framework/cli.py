"""Between Hydra and the actions: what a person sees when something is wrong, and exit statuses.

0: done. 1: the job failed. 2: the configuration is wrong. 130: interrupted. A user's mistake ends
in its message; a bug keeps its traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from framework import defaults
from framework.errors import ConfigError, HeadraceError
from framework.hydra_errors import problem_of

INTERRUPTED = 130

# Here and not in main(): a sweep's worker processes import this module but never call main().
defaults.register()


def main(run: Callable[[], None]) -> int:
    """Runs the program, of which Hydra is the outer half.

    Args:
        run: A function decorated by ``hydra.main`` that calls `execute`.

    Returns:
        The exit status.
    """
    # Hydra then raises its errors instead of printing them and ending the process.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        run()
    except HeadraceError as exc:
        # Only from a sweep: every run has been tried, and this is the first that failed.
        return _report(exc)
    except (HydraException, OmegaConfBaseException, YAMLError) as exc:
        return _report(ConfigError([problem_of(exc)]))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def execute(config: DictConfig) -> None:
    """Does what one composed configuration says.

    Raises:
        SystemExit: It failed; the message is on stderr.
        HeadraceError: One run of a sweep failed; the others still have their turn.
    """
    from framework import actions
    from framework.compose import compose

    try:
        actions.perform(compose(config))
    except HeadraceError as exc:
        status = _report(exc)
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            raise
        raise SystemExit(status) from exc


def _report(error: HeadraceError) -> int:
    sys.stdout.flush()
    print(error, file=sys.stderr, flush=True)
    return error.exit_status
