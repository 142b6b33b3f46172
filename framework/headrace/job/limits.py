"""Limits of ``CreateProcessingJob`` on texts that the user writes, checked before it refuses them.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headrace.config.models import JobConfig
from headrace.errors import ConfigError, Problem
from headrace.job.mapping import Mapping, ProcessingInput, ProcessingOutput
from headrace.runtime.shown import quoted

MOST_CHARACTERS = 256
MOST_WORDS = 100
MOST_VARIABLES = 100
TAKES = f"SageMaker takes at most {MOST_CHARACTERS}"


def check(config: JobConfig, entrypoint: Sequence[str], mapping: Mapping) -> None:
    """Refuse what is longer than the service takes, whatever the target is.

    Raises:
        ConfigError: With everything that is too long.
    """
    problems = [*_command(entrypoint), *_arguments(config), *_environment(config), *_paths(mapping)]
    if problems:
        raise ConfigError(problems)


def _command(entrypoint: Sequence[str]) -> Iterator[Problem]:
    if len(entrypoint) > MOST_WORDS:
        what = f"the command has {len(entrypoint)} words; SageMaker takes at most {MOST_WORDS}"
        yield Problem("program", what)
    for word in entrypoint:
        if len(word) > MOST_CHARACTERS:
            yield Problem("program", f"{_long(word)} of the command; {TAKES}")


def _arguments(config: JobConfig) -> Iterator[Problem]:
    groups = {"program.arguments": config.program.words, "job.arguments": config.job.arguments}
    advice = "put it into a file that comes as an input"
    for where, words in groups.items():
        for word in words:
            if len(word) > MOST_CHARACTERS:
                yield Problem(where, f"{_long(word)}; {TAKES}, so {advice}")
    count = sum(map(len, groups.values()))
    if count > MOST_WORDS:
        where = "program.arguments" if config.program.words else "job.arguments"
        yield Problem(where, f"there are {count} words; SageMaker takes at most {MOST_WORDS}")


def _environment(config: JobConfig) -> Iterator[Problem]:
    variables = config.job.env
    if len(variables) > MOST_VARIABLES:
        what = f"there are {len(variables)} variables; SageMaker takes at most {MOST_VARIABLES}"
        yield Problem("job.env", what)
    for name, value in variables.items():
        if len(name) > MOST_CHARACTERS:
            yield Problem("job.env", f"{_long(name)} as the name of a variable; {TAKES}")
        if len(value) > MOST_CHARACTERS:
            advice = "put it into a file that comes as an input"
            yield Problem(f"job.env.{name}", f"{_long(value)}; {TAKES}, so {advice}")


def _paths(mapping: Mapping) -> Iterator[Problem]:
    entries: list[ProcessingInput | ProcessingOutput] = [*mapping.inputs, *mapping.outputs]
    for entry in entries:
        if len(entry.container_path) > MOST_CHARACTERS:
            yield Problem(entry.where, f"{_long(entry.container_path)} as a folder; {TAKES}")


def _long(text: str) -> str:
    return f"{quoted(text, 40)} has {len(text):,} characters"
