"""The order of a flow's jobs, by what they use of each other; and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath

from headrace.config.flow import GROUP, FlowConfig, FlowJobSettings, When
from headrace.config.problems import got, suggest
from headrace.errors import ConfigError, Problem
from headrace.flow.references import OUTPUT, PARAM, Reference, references, whole
from headrace.runtime.shown import plain, quoted

Needs = Mapping[str, tuple[str, ...]]
"""Label of a job → the jobs that it needs, in the order of the file."""
NUMERIC = ("at_least", "at_most", "above", "below")
OPERATORS = ("equals", "one_of", *NUMERIC)


def order(flow: FlowConfig) -> Needs:
    """Return the jobs, each behind all that it needs.

    Raises:
        ConfigError: A reference leads nowhere, or jobs need each other in a circle.
    """
    problems = [*_jobs(flow), *_conditions(flow)]
    if problems:
        raise ConfigError(problems)
    needs = {label: _needs(label, flow) for label in flow.jobs}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        what = f"jobs need each other in a circle: {circle}"
        raise ConfigError([Problem(f"{GROUP}.jobs", what)]) from error
    return {label: needs[label] for label in _stable(needs)}


def _stable(needs: Needs) -> Iterator[str]:
    """Yield the jobs in the order of the file, as far as their needs allow."""
    left, done = list(needs), set[str]()
    while left:
        label = next(each for each in left if done.issuperset(needs[each]))
        left.remove(label)
        done.add(label)
        yield label


def operand(condition: When) -> tuple[str, object]:
    """Return the operator of a condition, and what the figure is compared with."""
    given = [(key, getattr(condition, key)) for key in OPERATORS]
    return next((key, value) for key, value in given if value is not None)


def _needs(label: str, flow: FlowConfig) -> tuple[str, ...]:
    job = flow.jobs[label]
    used = {each.job for each in _used(job) if each.kind == OUTPUT}
    used |= {each.job for each in flow.when.get(label, ())}
    return tuple(each for each in flow.jobs if each in used or each in job.after)


def _used(job: FlowJobSettings) -> Iterator[Reference]:
    yield from references(job.overrides)
    yield from references(job.raw)


def _jobs(flow: FlowConfig) -> Iterator[Problem]:
    for label, job in flow.jobs.items():
        where = f"{GROUP}.jobs.{label}"
        if job.raw is not None and job.overrides:
            yield Problem(where, "is a raw step or has overrides, not both")
        if job.raw is not None and not isinstance(job.raw.get("Type"), str):
            what = "a raw step has a Type, as in {Type: Training, Arguments: {}}"
            yield Problem(f"{where}.raw", what)
        for each in dict.fromkeys(_used(job)):
            if problem := _wrong_reference(each, flow, where):
                yield problem
        for other in job.after:
            if other not in flow.jobs:
                what = f"there is no job {quoted(other)}; {suggest(other, flow.jobs)}"
                yield Problem(f"{where}.after", what)


def _wrong_reference(reference: Reference, flow: FlowConfig, where: str) -> Problem | None:
    if reference.kind == PARAM:
        if reference.name in flow.parameters:
            return None
        what = f"there is no parameter {quoted(reference.name)}"
        advice = suggest(reference.name, flow.parameters) if flow.parameters else "declare it"
        return Problem(where, f"{what}; {advice}")
    if not reference.channel:
        what = (
            f"should name a job and its output, as in ${{output:prepare.train}} (got {reference})"
        )
        return Problem(where, what)
    if reference.job not in flow.jobs:
        what = f"there is no job {quoted(reference.job)}; {suggest(reference.job, flow.jobs)}"
        return Problem(where, what)
    return None


def _conditions(flow: FlowConfig) -> Iterator[Problem]:
    for label, conditions in flow.when.items():
        where = f"{GROUP}.when.{label}"
        if label not in flow.jobs:
            what = f"there is no job {quoted(label)}; {suggest(label, flow.jobs)}"
            yield Problem(where, what)
        for condition in conditions:
            yield from _condition(condition, flow, where)


def _condition(condition: When, flow: FlowConfig, where: str) -> Iterator[Problem]:
    job = condition.job
    if not condition.channel:
        what = f"should be job.channel, as in fit.report (got {got(condition.output)})"
        yield Problem(f"{where}.output", what)
    elif job not in flow.jobs:
        what = f"there is no job {quoted(job)}; {suggest(job, flow.jobs)}"
        yield Problem(f"{where}.output", what)
    elif flow.jobs[job].raw is not None:
        yield Problem(f"{where}.output", f"{job} is a raw step, whose files are not known")
    if ".." in PurePosixPath(condition.file).parts or condition.file.startswith("/"):
        what = f"should be a path in {plain(condition.output)} (got {got(condition.file)})"
        yield Problem(f"{where}.file", what)
    given = [key for key in OPERATORS if getattr(condition, key) is not None]
    if len(given) != 1:
        found = ", ".join(given) or "none"
        yield Problem(where, f"needs one of {', '.join(OPERATORS)} (got {found})")
        return
    key, value = operand(condition)
    for each in value if isinstance(value, tuple) else (value,):
        if (reference := whole(each)) is not None:
            problem = _wrong_reference(reference, flow, f"{where}.{key}")
            if reference.kind == OUTPUT:
                problem = Problem(f"{where}.{key}", f"should be a value (got {reference})")
            if problem is not None:
                yield problem
                continue
            each = flow.parameters[reference.name]
        is_number = isinstance(each, int | float) and not isinstance(each, bool)
        if key in NUMERIC and not is_number:
            yield Problem(f"{where}.{key}", f"should be a number (got {got(each)})")
        elif not isinstance(each, bool | int | float | str):
            yield Problem(
                f"{where}.{key}", f"should be a text, a number or a truth value (got {got(each)})"
            )
