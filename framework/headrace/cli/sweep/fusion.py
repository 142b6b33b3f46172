"""Fused sweeps: finds the runs that can be done in one go, and does them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import PurePosixPath

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from headrace import targets
from headrace.cli.actions.run import shown
from headrace.cli.attempt import attempt, note_start
from headrace.cli.sweep.objective import objective
from headrace.config.compose import compose
from headrace.config.models import JobConfig, OutputConfig
from headrace.errors import HeadraceError
from headrace.flow.loading import has_flow
from headrace.prepare import Ready, prepare
from headrace.results import pages
from headrace.results.result import Result
from headrace.runtime.process.fused import difference
from headrace.runtime.process.shortage import require_memory_for_threads
from headrace.uris import path_of, uri_of

OWN = ("output", "transform", "job")
"""Groups in which runs may differ, within the limits of `_same_otherwise`."""

Task = Callable[[DictConfig], object]


def fused(configs: Sequence[DictConfig]) -> tuple[Mapping[int, Task], str]:
    """Look for runs that can be done in one go.

    Args:
        configs: The runs, as Hydra composed them.

    Returns:
        For each of those runs, by its place, what to do in the place of Hydra's task, and nothing
        for all others; and why there are none, for a person.
    """
    ready = {place: job for place, each in enumerate(configs) if (job := _prepared(each))}
    if len(ready) < 2:  # whatever is wrong with the others they tell by themselves
        return {}, ""
    first, *others = ready.values()
    for other in others:
        if reason := _difference(first, other):
            return {}, reason
    if _places_overlap([each.config.output for each in ready.values()]):
        return {}, "they have no output folders of their own"
    together = Together(tuple(ready.values()), [configs[place] for place in ready])
    return {place: partial(together.task, n) for n, place in enumerate(ready)}, ""


class Together:
    """Runs that are done in one go, by the first of their tasks.

    Args:
        runs: Jobs that are alike, on this machine.
        configs: The same, as Hydra composed them.
    """

    def __init__(self, runs: Sequence[Ready], configs: Sequence[DictConfig]) -> None:
        self._runs = runs
        self._configs = configs

    def task(self, number: int, _: DictConfig) -> float:
        """Show and note one run's result; what `headrace.cli.main.execute` gives."""
        return objective(attempt(lambda: self._result(number)))

    def _result(self, number: int) -> Result:
        outcome = self._outcomes[number]
        if isinstance(outcome, HeadraceError):
            raise outcome
        return shown(outcome, self._runs[number].config)

    @cached_property
    def _outcomes(self) -> Sequence[Result | HeadraceError]:
        from headrace.targets.local.fused import run_together

        for config in self._configs:
            note_start(config.hydra)
        require_memory_for_threads(1)
        with ThreadPoolExecutor(1, "page") as meanwhile:
            meanwhile.submit(pages.get_ready_for_sweep)
            try:
                return run_together([(run.job, run.config) for run in self._runs])
            except HeadraceError as error:
                return [error] * len(self._runs)


def _prepared(config: DictConfig) -> Ready | None:
    """Return the job of a run that may start; None for one that fails or does something else."""
    with _as_current(config) as own:
        try:
            if has_flow(own):  # several jobs, each of its own
                return None
            plan = compose(own)
            return prepare(plan, dry=False) if plan.config.action == "run" else None
        except HeadraceError:
            return None


@contextmanager
def _as_current(config: DictConfig) -> Iterator[DictConfig]:
    """Yield the run's own part of its configuration, and have Hydra take it for the current run."""
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(config)
    try:
        yield own
    finally:
        HydraConfig.instance().cfg = before


def _difference(one: Ready, other: Ready) -> str:
    hosts = one.config.resources.instance_count
    if not targets.find(one.config).can_share_input:
        return f"target={one.config.target.name} runs every job by itself"
    if one.config.backend.is_a_cluster:
        return "Spark runs every job by itself"
    if hosts > 1:
        return f"several instances run every job by themselves (resources.instance_count={hosts})"
    for group in JobConfig.model_fields:
        if group not in OWN and getattr(one.config, group) != getattr(other.config, group):
            return f"they differ in {group}"
    if not _same_otherwise(one.config, other.config):
        return "they differ in job"
    if one.job.program.spec is None:  # the other has the same program
        return "a program of one's own runs by itself"
    return difference(one.job.spec, other.job.spec) or ""


def _places_overlap(outputs: Sequence[OutputConfig]) -> bool:
    """Return whether a result would go to where another one is, or below."""
    places = [PurePosixPath(_resolved(output.path)) for output in outputs]
    taken = set(places)
    return len(taken) < len(places) or any(not taken.isdisjoint(each.parents) for each in places)


def _resolved(path: str) -> str:
    place = path_of(uri_of(path))
    return str(place.resolve()) if place else path


def _same_otherwise(one: JobConfig, other: JobConfig) -> bool:
    """Return whether the settings of the job are the same but for its name."""
    return one.job.model_copy(update={"name": None}) == other.job.model_copy(update={"name": None})
