"""``transform.learned``: another run, whose chain and whose dataset a configuration may leave open.

The run has left a result, or it is a job of the same flow, whose result is not there yet. Of such a
job the chain and the dataset are known, as they are configured; its columns and what it learned
come with its report.

What was typed counts. What was not is as in the run, instead of as in ``conf/``, so that
``transform.learned=RUN dataset.path=PATH`` says enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from headrace.config.registry import Step, check_steps
from headrace.config.steps import ADDRESS
from headrace.errors import ConfigError, HeadraceError, Problem
from headrace.runtime.shown import plain, quoted
from headrace.runtime.spec import REPORT, DatasetSpec, LearnedSpec
from headrace.uris import S3, full_path, join, path_of, uri_of

if TYPE_CHECKING:
    from headrace.config.compose import Plan
    from headrace.runtime.online.run_folder import RunFolder

WHERE = "transform.learned"
_PATH = "path"
_OPEN = "(open)"
"""A key of transform that nobody can type: its steps are no chain, but what was typed of one."""
_WIDTH = "n_features"
_STEP = f"{ADDRESS}."
_LINK = f"${{transform.{_WIDTH}}}"


@dataclass(frozen=True)
class JobToCome:
    """A job of a flow that has yet to learn."""

    label: str
    plan: Plan
    has_its_data: bool = False
    """True if it reads nothing that another job has yet to make."""


Coming = Mapping[str, JobToCome]
"""URI of a report → the job that will write it."""


@dataclass(frozen=True)
class Learned:
    """The chain and the dataset of another run, and what it learned."""

    run: str
    """The run, as a message names it."""
    source: str | None
    """URI of the folder that the job reads; None if there is nothing to read."""
    spec: LearnedSpec
    dataset: dict[str, Any]
    """As in a configuration, without the path."""
    steps: dict[str, dict[str, Any]]
    """As in a configuration."""
    notes: tuple[str, ...] = ()
    """Why rows may come out differently here."""
    job: JobToCome | None = None
    """The job that the run is, if its result is not there yet."""

    def filled_in(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration with the run's chain and dataset where it says nothing."""
        transform, dataset = dict(values["transform"]), values.get("dataset")
        if transform.pop(_OPEN, False):
            transform["steps"] = self._steps_with(transform["steps"], transform.get("n_features"))
        filled: dict[str, Any] = {**values, "transform": transform}
        if isinstance(dataset, Mapping):
            filled["dataset"] = {**self.dataset, **dataset}
        return filled

    def _steps_with(self, typed: Mapping[str, Any], width: object) -> dict[str, Any]:
        """Return the run's steps with what was typed of them, and the width if one was typed."""
        steps: dict[str, Any] = {}
        for label, step in self.steps.items():
            has_width = width is not None and _WIDTH in step
            steps[label] = {**step, _WIDTH: width} if has_width else step
        for label, given in typed.items():
            is_part = isinstance(given, Mapping) and label in steps
            steps[label] = {**steps[label], **given} if is_part else given
        return steps

    def problems(self, chain: Sequence[Step]) -> Iterator[Problem]:
        """Yield how a chain differs from the run's, but for steps that new rows do not go through.

        Args:
            chain: That of the configuration.
        """
        theirs, wrong = check_steps(self.steps)
        yield from wrong
        ours, others = steps_for_new_rows(chain), steps_for_new_rows(theirs)
        if list(ours) != list(others):
            what = f"{self.run} has the steps {', '.join(others) or '(none)'}"
            what += f", and here are {', '.join(ours) or '(none)'}"
            yield Problem(ADDRESS, f"{what}; leave out all keys of transform to take the run's")
            return
        for label, step in ours.items():
            yield from self._differences(step, others[label])

    def _differences(self, ours: Step, theirs: Step) -> Iterator[Problem]:
        run = f"in {self.run}"
        address = f"{ADDRESS}.{ours.label}"
        if ours.name != theirs.name:
            yield Problem(f"{address}.name", f"is {ours.name} here and {theirs.name} {run}")
            return
        for key, value in ours.parameters.items():
            if value != theirs.parameters[key]:
                what = f"is {_shown(value)} here and {_shown(theirs.parameters[key])} {run}"
                yield Problem(f"{address}.{key}", what)


def leave_open(config: DictConfig, overrides: Sequence[str]) -> None:
    """Drop what ``conf/`` says of chain and dataset and nobody typed, if another run is named.

    Args:
        config: What Hydra composed.
        overrides: As typed.
    """
    try:
        given = OmegaConf.select(config, WHERE, throw_on_missing=False)
    except OmegaConfBaseException:  # a link that leads nowhere is told with everything else
        return
    if _text_of(given) is None:
        return
    typed = [each.partition("=")[0].strip().lstrip("+~").partition("@")[0] for each in overrides]
    if "experiment" in typed:
        return
    with open_dict(config):
        if "transform" not in typed and ADDRESS not in typed:
            config.transform.steps = _typed_steps(config.transform.get("steps"), typed)
            config.transform[_OPEN] = True
            if f"transform.{_WIDTH}" not in typed:
                config.transform.pop(_WIDTH, None)
        if "dataset" not in typed:
            said = {key.split(".")[1] for key in typed if key.startswith("dataset.")}
            for key in {str(key) for key in config.dataset} - said - {_PATH}:
                config.dataset.pop(key)


def _typed_steps(steps: object, typed: Collection[str]) -> dict[str, Any]:
    """Return what was typed of the steps, but for the width; None for one that was left out."""
    raw = OmegaConf.to_container(steps, resolve=False) if isinstance(steps, DictConfig) else None
    known: dict[Any, Any] = raw if isinstance(raw, dict) else {}
    found: dict[str, Any] = {}
    for label in dict.fromkeys(key.split(".")[2] for key in typed if key.startswith(_STEP)):
        step, where = known.get(label), f"{_STEP}{label}"
        if isinstance(step, dict):
            keys = {key.removeprefix(f"{where}.").split(".")[0] for key in typed}
            is_whole = where in typed
            step = {
                key: step[key] for key in step if (is_whole or key in keys) and step[key] != _LINK
            }
        found[label] = step
    return found


def _text_of(given: object) -> str | None:
    """Return the place of a run, whose name may be a number; None if it is none."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        return str(given)
    return given if isinstance(given, str) and given else None


def learned_in(values: Mapping[str, Any], coming: Coming) -> Learned | None:
    """Return the run that a configuration names; None if it names none.

    Args:
        values: The configuration.
        coming: Jobs whose reports it may name as well.

    Raises:
        ConfigError: There is no whole result, or not one of a chain.
    """
    transform = values.get("transform")
    given = _text_of(transform.get("learned")) if isinstance(transform, Mapping) else None
    if given is None:  # anything else the model refuses
        return None
    if (job := coming.get(uri_of(given))) is not None:
        return _learned_by(job, uri_of(given))
    # All this takes its time to import, and most jobs do without.
    from headrace.results.stored import StoredResult
    from headrace.runtime.online.run_folder import SCRIPT, RunFolder

    place = given.rstrip("/") if given.startswith(S3) else full_path(str(path_of(given) or given))
    try:
        stored = StoredResult(place)
        run = RunFolder.of(place, stored.manifest())
        stored.refuse_changed(run.states.values())
        return _learned(place, run, stored.content(SCRIPT))
    except HeadraceError as exc:
        raise ConfigError([Problem(WHERE, str(exc))]) from exc
    except OSError as exc:
        what = f"{quoted(place, 400)} cannot be read ({exc.strerror})"
        raise ConfigError([Problem(WHERE, what)]) from exc


def _learned(place: str, run: RunFolder, script: bytes | None) -> Learned:
    from headrace.runtime.learning.files import FOLDER

    kept = run.learned.states.items()
    states = {label: {**each, "file": Path(each["file"]).name} for label, each in kept}
    source = join(uri_of(place), REPORT, FOLDER, "") if states else None
    steps = {step.label: {"name": step.name, **step.parameters} for step in run.steps}
    spec, shown = replace(run.learned, states=states), f"the run {quoted(place, 400)}"
    notes = tuple(run.skew(script))
    return Learned(shown, source, spec, _as_configured(run.dataset), steps, notes)


def _learned_by(job: JobToCome, report: str) -> Learned:
    """Return a run that has not ended; its manifest will say what is not known of it yet.

    Raises:
        ConfigError: It is none of a chain, or does not learn itself.
    """
    plan, shown = job.plan, f"the job {job.label!r}"
    if not plan.config.program.is_chain:
        what = f"{shown} runs a program; name a job that runs a chain of transforms"
        raise ConfigError([Problem(WHERE, what)])
    if plan.learned is not None:
        what = f"{shown} itself applies what {plan.learned.run} learned; name that"
        raise ConfigError([Problem(WHERE, what)])
    dataset = DatasetSpec.of(plan.spec.dataset.meaning)  # as the manifest will have it
    spec = LearnedSpec((), dataset, {}, plan.spec.sha256)
    steps = {step.label: {"name": step.name, **step.parameters} for step in plan.spec.steps}
    return Learned(shown, report, spec, _as_configured(dataset), steps, job=job)


def _as_configured(spec: DatasetSpec) -> dict[str, Any]:
    raw = asdict(spec)
    del raw["lists"]  # which the steps tell
    return {key: list(each) if isinstance(each, tuple) else each for key, each in raw.items()}


def steps_for_new_rows(chain: Sequence[Step]) -> dict[str, Step]:
    """Return the steps that new rows go through, by their labels: none that divides rows."""
    return {step.label: step for step in chain if _is_for_new_rows(step.transform)}


def _is_for_new_rows(transform: object) -> bool:
    asked = getattr(transform, "for_new_rows", None)
    return not hasattr(transform, "channels") and (asked is None or asked() is not None)


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return quoted(str(value)) if isinstance(value, str) else plain(str(value))
