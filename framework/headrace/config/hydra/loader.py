"""Composes as Hydra does, and refuses what must not reach it; every problem is told in one pass.

Hydra has no hook between composing a configuration and making the objects that it names. What
composes, its loader, is therefore replaced by ours: for single runs, for each run of a sweep, in
worker processes, for ``--cfg``, ``--info`` and tab completion, and from Python.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra._internal.hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository
from hydra.core.config_search_path import ConfigSearchPath, SearchPathElement
from hydra.core.config_store import ConfigStore
from hydra.core.default_element import ResultDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from headrace.config import defaults, flow, learned, steps
from headrace.config.hydra import typed_text
from headrace.config.hydra.errors import problem_of
from headrace.config.hydra.objects import object_problems, search_path_problem
from headrace.config.models import GROUPS
from headrace.config.program import idle, shorthands
from headrace.errors import ConfigError, HeadraceError, Problem
from headrace.runtime.plugins import roots
from headrace.runtime.shown import quoted

ONE_CHOICE = [group for group in GROUPS if group != "experiment"]
"""Groups that Hydra would mix several choices of; presets may be put together."""
FILE = "file://"
MOST = 20
"""Problems that are looked for; each one costs several compositions."""


@contextmanager
def checked() -> Iterator[None]:
    """Have Hydra compose with our loader, for as long as it lasts."""
    # Hydra gives no other way to name a loader.
    module: Any = hydra._internal.hydra
    theirs, module.ConfigLoaderImpl = module.ConfigLoaderImpl, CheckedLoader
    store: Any = ConfigStore.instance()
    store.__deepcopy__ = _as_it_is
    try:
        yield
    finally:
        module.ConfigLoaderImpl = theirs
        vars(store).pop("__deepcopy__", None)


def _as_it_is(memo: object) -> ConfigStore:
    """Return the store in the place of a copy.

    Hydra copies all of it whenever it looks for files, twenty times for its help; that nobody
    changes it is as sure without, for what it gives away are copies.
    """
    return ConfigStore.instance()


class Refused(ConfigError, ConfigCompositionException):
    """The error that Hydra gets, whose tab completion keeps quiet about half a command line."""


class CheckedLoader(ConfigLoaderImpl):
    """Hydra's loader of configurations, with our checks behind it."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        _put_own_first(config_search_path)
        super().__init__(config_search_path)
        self._first_look: _FirstLook | None = None

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """Compose.

        Raises:
            ConfigError: Everything that is wrong with what was typed, or an object that no
                configuration may name.
        """

        def compose(some: list[str]) -> DictConfig:
            return super(CheckedLoader, self).load_configuration(
                config_name, some, run_mode, from_shell, validate_sweep_overrides
            )

        typed = typed_text.kept(shorthands.spelled_out(overrides))
        if not validate_sweep_overrides:
            return self._looked(config_name, typed, run_mode, from_shell)
        look, self._first_look = self._first_look, None
        problems: list[Problem] = []
        config = look.again(config_name, typed, run_mode, from_shell) if look else None
        if config is None:
            try:
                config = compose(typed)
            except Exception:  # whatever Hydra raises, it is about what was typed, or about conf/
                config, problems = _without_wrong_ones(compose, typed)
                problems = [steps.explained(problem, config) for problem in problems]
        if config is not None:
            problems += [*object_problems(config), *idle.typed_in_vain(config, overrides)]
            problems += [] if problems else steps.left_out_in_vain(compose, typed)
            if problems and run_mode == RunMode.RUN:
                problems = _with_ours(config, problems)
        if problems or config is None:
            raise Refused(list(dict.fromkeys(problems)))
        learned.leave_open(config, typed)
        defaults.complete(config)
        if from_shell and run_mode == RunMode.RUN:
            flow.need_no_run_folder(config)
        return config

    def _looked(
        self, config_name: str | None, overrides: list[str], run_mode: RunMode, from_shell: bool
    ) -> DictConfig:
        """Compose to learn ``hydra.mode``, before Hydra composes in earnest.

        Hydra lets choices be missing here, as in a sweep; what is complete serves for both.
        """

        def compose(mode: RunMode) -> DictConfig:
            return super(CheckedLoader, self).load_configuration(
                config_name, overrides, mode, from_shell, False
            )

        try:
            config = compose(RunMode.RUN)
        except Exception:  # whatever is wrong is told by what Hydra composes next
            return compose(run_mode)
        self._first_look = _FirstLook(config_name, overrides, from_shell, config)
        return config

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str]
    ) -> tuple[list[Override], CachingConfigRepository]:
        parsed, repo = super()._parse_overrides_and_create_caching_repo(config_name, overrides)
        for each in parsed:
            if each.key_or_group in ONE_CHOICE and isinstance(each.value(), list):
                what = f"takes one choice (got {quoted(each.get_value_string())})"
                raise Refused([Problem(each.key_or_group, what)])
        return parsed, repo

    def _load_single_config(self, default: ResultDefault, repo: Any) -> ConfigResult:
        loaded = super()._load_single_config(default, repo)
        place, name = loaded.path.removeprefix(FILE), default.config_path or ""
        if loaded.path.startswith(FILE) and OmegaConf.is_dict(loaded.config):
            package = loaded.header["package"] if default.package is None else default.package
            flow.note_in(loaded.config, name)
            file = Path(place, name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
            typed_text.keep_in(loaded.config, file, package or "")
            shorthands.spell_out_in(loaded.config)
        return loaded

    def _process_config_searchpath(
        self, config_name: str | None, parsed_overrides: list[Override], repo: Any
    ) -> None:
        loaded = repo.load_config(config_path=config_name) if config_name is not None else None
        primary = loaded.config if loaded is not None else None
        places = [OmegaConf.select(primary, "hydra.searchpath")] if primary is not None else []
        typed = [each for each in parsed_overrides if each.key_or_group == "hydra.searchpath"]
        for place in [*places, *(each.value() for each in typed)]:
            if problem := search_path_problem(place):
                raise Refused([problem])
        super()._process_config_searchpath(config_name, parsed_overrides, repo)


Compose = Callable[[list[str]], DictConfig]


@dataclass(frozen=True)
class _FirstLook:
    """The configuration that Hydra composed first, which takes a tenth of a second."""

    config_name: str | None
    overrides: list[str]
    from_shell: bool
    config: DictConfig

    def again(
        self, config_name: str | None, overrides: list[str], run_mode: RunMode, from_shell: bool
    ) -> DictConfig | None:
        """Return what these arguments compose; None if that is something else, or may be wrong."""
        added = overrides[len(self.overrides) :]
        is_same = (config_name, from_shell) == (self.config_name, self.from_shell)
        if not is_same or [*self.overrides, *added] != overrides:
            return None
        if added not in ([], [f"hydra.mode={run_mode.name}"]):
            return None
        try:
            parsed = OverridesParser.create().parse_overrides(overrides)
            ConfigLoaderImpl.validate_sweep_overrides_legal(parsed, run_mode, from_shell)
        except Exception:
            return None
        if added:
            self.config.hydra.mode = run_mode
            self.config.hydra.overrides.hydra.extend(added)
        return self.config


def _put_own_first(search_path: ConfigSearchPath) -> None:
    """Have Hydra look into the ``conf/`` of the current folder before the shipped one.

    Hydra's own way, a `SearchPathPlugin`, would do so for each of the user's Hydra programs.
    """
    own, shipped = roots.own_root(), roots.SHIPPED / roots.CONF
    if own is None or not (own / roots.CONF).is_dir():
        return
    places = search_path.get_path()
    for index, place in enumerate(places):
        if place.path and Path(place.path.removeprefix(FILE)) == shipped:
            places.insert(index, SearchPathElement("own", f"{FILE}{own / roots.CONF}"))
            return


def _without_wrong_ones(
    compose: Compose, overrides: Sequence[str]
) -> tuple[DictConfig | None, list[Problem]]:
    """Leave out one override after the other that Hydra does not accept.

    Returns:
        What the others make, unless something else is wrong; and a problem for each one left out.
    """
    problems: list[Problem] = []
    left: list[str] = []
    for each in overrides:  # the grammar first, which needs no composing
        try:
            OverridesParser.create().parse_overrides([each])
            left.append(each)
        except Exception as exc:
            problems.append(problem_of(exc, each))
    while len(problems) < MOST:
        errors: dict[int, Exception] = {}
        count = bisect_left(
            range(len(left) + 1), True, key=lambda n: _fails(compose, left[:n], errors)
        )
        if count > len(left):
            return compose(left), problems
        # The shortest beginning that is not accepted: the last one in it is to blame.
        blamed = left[count - 1 : count]
        problems.append(problem_of(errors[count], *blamed))
        if not blamed:  # nothing that was typed: conf/ itself is wrong
            break
        del left[count - 1]
    return None, problems


def _fails(compose: Compose, overrides: list[str], errors: dict[int, Exception]) -> bool:
    """Return whether Hydra refuses the overrides, and note the error by their number."""
    try:
        compose(overrides)
    except Exception as exc:
        errors[len(overrides)] = exc
        return True
    return False


def _with_ours(config: DictConfig, problems: Sequence[Problem]) -> list[Problem]:
    """Add what our own checks say of a configuration that Hydra accepts by now."""
    from headrace.config.compose import compose  # brings in all models and plugins

    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    try:
        with defaults.run_folder_is("."):
            compose(own)
    except ConfigError as exc:
        # What was left out is missing now, and what another choice lacks is nobody's mistake.
        known = {problem.where for problem in problems}
        further = [
            each
            for each in exc.problems
            if known.isdisjoint((each.where, each.where.partition(".")[0]))
        ]
        return [*problems, *further]
    except HeadraceError:
        pass  # a broken plugin, which stays broken
    return list(problems)
