"""Check what no model can: settings that do not go together, and requirements of pip."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from headrace.config.dataset import DatasetConfig, problems_of
from headrace.config.models import FROM, AwsImageConfig, JobConfig, LogisticEvaluation
from headrace.config.problems import got, suggest
from headrace.config.program import checks as program_checks
from headrace.config.registry import Step
from headrace.config.steps import ADDRESS
from headrace.errors import Problem
from headrace.runtime.evaluation import needs
from headrace.runtime.hashing.hasher import Hasher
from headrace.runtime.plugins.formats import AUTO
from headrace.runtime.plugins.transforms import channels_of
from headrace.runtime.shown import plain, quoted
from headrace.runtime.spec import NO_TOKENS, DatasetSpec, OutputSpec, RuntimeSpec
from headrace.runtime.transform import Role, learner, table_reader

REQUIREMENTS = "backend.requirements"
_REQUIREMENT_EXAMPLE = "as in 'pyarrow>=17'"
_REQUIREMENT_FILE = re.compile(r"[^;]*(/|\\|\.whl\s*$|\.zip\s*$|\.tar\.\w+\s*$)")
_SHOWN = 5
IMPORT = "import"
JOBS = "jobs"
PIPELINE = "pipeline"
SAGEMAKER = "sagemaker"
"""The pipelines that ``format`` names by default."""
WRITE_CONF = ("look", IMPORT)
"""Actions that write a file of configuration."""


def cross_check(config: JobConfig, chain: Sequence[Step]) -> list[Problem]:
    """Return every problem of a configuration whose keys are valid one by one."""
    return [
        *requirement_problems(config.backend.requirements),
        *_without_effect(config),
        *problems_of(config.dataset),
        *_without_meaning(config.dataset),
        *_columns_named_twice(config.dataset),
        *_channels_declared_twice(chain),
        *_spark(config),
        *program_checks.check(config),
        *_tables(chain, config),
        *_steps_that_need_all_rows(chain, config),
        *_evaluation(config, chain),
        *_output(config, chain),
    ]


def _without_effect(config: JobConfig) -> Iterable[Problem]:
    """Find settings that another one makes idle."""
    backend = config.backend
    if config.name is not None and config.action not in WRITE_CONF:
        what = "is that of the file that action=look writes; leave it out (a job's is job.name)"
        yield Problem("name", what)
    if config.request_file is not None and config.action != IMPORT:
        yield Problem(FROM, f"is the request that action={IMPORT} reads; leave it out")
    yield from of_pipelines_alone(config.action, config.start, config.format)
    yield from _of_watching_alone(config)
    defaults = {name: field.default for name, field in type(backend).model_fields.items()}
    version = backend.framework_version if isinstance(backend, AwsImageConfig) else None
    if backend.image_uri is not None and version != defaults.get("framework_version"):
        what = "has no effect beside backend.image_uri, which names the image; leave one out"
        yield Problem("backend.framework_version", what)
    if not backend.requirements and backend.python_version != defaults["python_version"]:
        what = "has no effect without backend.requirements, whose wheels it is for; leave it out"
        yield Problem("backend.python_version", what)


def of_pipelines_alone(action: str, start: object, written: str) -> Iterator[Problem]:
    """Find settings of pipelines beside another action.

    Args:
        action: What is done.
        start: The value of ``start``.
        written: The value of ``format``.
    """
    if action == PIPELINE:
        return
    for key, is_given in (("start", bool(start)), ("format", written != SAGEMAKER)):
        if is_given:
            yield Problem(key, f"is for action={PIPELINE}; leave it out")


def _of_watching_alone(config: JobConfig) -> Iterator[Problem]:
    """Find settings of the live view of jobs beside another action."""
    if config.watch and config.action != JOBS:
        yield Problem("watch", f"is for action={JOBS}; leave it out")
    for key in ("regions", "profiles"):
        if getattr(config, key) and not (config.watch and config.action == JOBS):
            yield Problem(key, f"is for action={JOBS} watch=true; leave it out")


def _without_meaning(dataset: DatasetConfig) -> Iterable[Problem]:
    """Find settings that the format knows nothing of."""
    spec = DatasetSpec(**dataset.model_dump(exclude={"path"}))
    if dataset.format == AUTO or not spec.settings_of_text:
        return
    from headrace.runtime.sources.meaning import meaningless  # pyarrow takes its time to import

    for key, what in meaningless(spec, dataset.format):
        yield Problem(f"dataset.{key}", f"{what}; leave it out")


def requirement_problems(requirements: Sequence[str]) -> Iterator[Problem]:
    """Return the problems of ``backend.requirements``, before anything is downloaded.

    Args:
        requirements: As pip takes them on its command line.
    """
    for number, text in enumerate(requirements):
        if what := _wrong_requirement(text):
            yield Problem(f"{REQUIREMENTS}[{number}]", what)


def _wrong_requirement(text: str) -> str | None:
    if text.lstrip().startswith("-"):
        what = "is an option of pip, whose own configuration is the place for it"
        return f"{got(text)} {what}; give a package, {_REQUIREMENT_EXAMPLE}"
    if "@" in text.partition(";")[0] or _REQUIREMENT_FILE.match(text):
        what = "names a file or an address; give a package of an index"
        return f"{got(text)} {what}, {_REQUIREMENT_EXAMPLE}"
    from packaging.requirements import InvalidRequirement, Requirement  # slow; most jobs have none

    try:
        Requirement(text)
    except InvalidRequirement as exc:
        what = f"is no requirement of pip's ({str(exc).splitlines()[0]}); give a package"
        return f"{got(text)} {what}, {_REQUIREMENT_EXAMPLE}"
    return None


def _columns_named_twice(dataset: DatasetConfig) -> Iterable[Problem]:
    used = {"label": dataset.label, "id": dataset.id}
    for key, column in used.items():
        for role in ("numeric", "categorical"):
            if column is not None and column in (getattr(dataset, role) or ()):
                yield Problem(
                    f"dataset.{role}", f"the column {quoted(column)} is the {key} already"
                )
    if dataset.label is not None and dataset.label == dataset.id:
        yield Problem("dataset.id", f"the column {quoted(dataset.id)} is the label already")
    for column in dataset.numeric:
        if column in (dataset.categorical or ()):
            yield Problem("dataset.categorical", f"the column {quoted(column)} is numeric already")
    for role in ("numeric", "categorical", "columns", "columns_expected"):
        counts = Counter(getattr(dataset, role) or ())
        for column in (name for name, count in counts.items() if count > 1):
            yield Problem(f"dataset.{role}", f"the column {quoted(column)} is named twice")


def _channels_declared_twice(chain: Sequence[Step]) -> Iterable[Problem]:
    declaring = [step.label for step in chain if hasattr(step.transform, "channels")]
    for label in declaring[1:]:
        yield Problem(
            f"{ADDRESS}.{label}", f"the channels are declared by {ADDRESS}.{declaring[0]} already"
        )


def _spark(config: JobConfig) -> Iterable[Problem]:
    backend = config.backend
    if config.runtime.split_bytes != RuntimeSpec.split_bytes and not backend.is_a_cluster:
        what = f"is for Spark's tasks, and backend={backend.name} has none; leave it out"
        yield Problem("runtime.split_bytes", what)
    for place, argument in enumerate(config.job.arguments if backend.is_a_cluster else ()):
        if shlex.quote(argument) != argument:
            what = f"the image hands it to a shell as it is, which would change {quoted(argument)}"
            yield Problem(f"job.arguments[{place}]", f"{what}; quote it for one")


def _tables(chain: Sequence[Step], config: JobConfig) -> Iterable[Problem]:
    """Find steps whose table is no input of the job, or not there for every row."""
    for step in chain if not config.transform.learned else ():  # which brings it
        reader = table_reader(step.transform)
        if reader is None:
            continue
        name, where = reader.table_input, f"{ADDRESS}.{step.label}"
        if name not in config.inputs:
            brings = f"inputs.{plain(name)}=PATH brings the table"
            advice = suggest(name, config.inputs) if config.inputs else brings
            yield Problem(where, f"there is no input {quoted(name)}; {advice}")
            continue
        channel = config.inputs[name]
        if channel.sharded:
            what = "every instance needs the whole table; leave it out"
            yield Problem(f"inputs.{name}.sharded", f"{what} ({where} reads it)")
        if channel.mode == "Pipe":
            what = "the table is read as files; leave it out"
            yield Problem(f"inputs.{name}.mode", f"{what} ({where} reads it)")


def _steps_that_need_all_rows(chain: Sequence[Step], config: JobConfig) -> Iterable[Problem]:
    instances = config.resources.instance_count
    is_apart = instances > 1 and not config.backend.is_a_cluster and not config.transform.learned
    for step in chain if is_apart else ():
        if learner(step.transform) is not None:
            what = "learns from all rows, and instances cannot tell each other what they saw"
            yield _needs_one_instance(step, what, instances)
        elif _wants_row_numbers(step.transform):
            what = "numbers all rows, and no instance knows how many rows the others have"
            yield _needs_one_instance(step, what, instances)


def _needs_one_instance(step: Step, what: str, instances: int) -> Problem:
    advice = f"use one instance (resources.instance_count={instances}), or backend=pyspark"
    return Problem(f"{ADDRESS}.{step.label}", f"{what}; {advice}")


def _evaluation(config: JobConfig, chain: Sequence[Step]) -> Iterable[Problem]:
    if config.evaluation.name == "none":
        return
    if config.transform.learned:
        what = "a model is judged on rows that it was not trained on, and transform.learned"
        yield Problem("evaluation", f"{what} does not split the rows; use evaluation=none")
        return
    transforms = [step.transform for step in chain]
    has_label = config.dataset.label is not None
    for what in needs.missing(channels_of(transforms), has_label=has_label):
        yield Problem("evaluation", what)
    others = sorted({*config.dataset.label_values.values()} - {0, 1})
    if others and isinstance(config.evaluation, LogisticEvaluation):
        named = ", ".join(f"{number:g}" for number in others[:_SHOWN])
        what = "a logistic regression needs labels that are 0 or 1, and dataset.label_values has"
        yield Problem("evaluation", f"{what} {named}; use evaluation=linear or none for others")
    instances = config.resources.instance_count
    if instances > 1 and not config.backend.is_a_cluster:
        what = "each instance would train and judge a model of its own share of the rows; use one"
        yield Problem("evaluation", f"{what} (resources.instance_count={instances})")


def _output(config: JobConfig, chain: Sequence[Step]) -> Iterable[Problem]:
    """Find settings that the output format, or the chain, knows nothing of."""
    output = config.output
    if output.header or output.columns is not None:
        from headrace.runtime.output.writers import in_vain  # pyarrow takes its time to import

        spec = OutputSpec(**output.model_dump(exclude={"path", "overwrite"}))
        for key, what in in_vain(spec):
            yield Problem(f"output.{key}", what)
    if output.tokens and not any(isinstance(step.transform, Hasher) for step in chain):
        yield Problem("output.tokens", NO_TOKENS)


def _wants_row_numbers(transform: object) -> bool:
    """Return whether a step needs row numbers of the whole input, whatever the columns are."""
    import pyarrow as pa  # takes its time, and only a job of several instances comes here

    with suppress(KeyError, IndexError, ValueError):  # a step that insists on its columns
        return Role.ROW_NUMBER in getattr(transform, "wants", lambda _: ())(pa.schema([]))
    return False
