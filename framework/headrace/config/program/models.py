"""The models of ``program``: what runs in the container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from headrace.config.model import Location, Model, Text, Word
from headrace.config.problems import got
from headrace.runtime.plugins.registry import Registry

PROGRAMS = Registry(
    "program",
    "headrace.programs",
    {
        "chain": "headrace.programs.chain:Chain",
        "script": "headrace.programs.script:Script",
        "image": "headrace.programs.image:Image",
    },
)
"""The compilers of the programs that the models below configure."""


def arguments_of(given: Any) -> Any:
    """Return arguments as texts, truth values and lists of texts.

    Raises:
        ValueError: It is neither a list nor a mapping, or one of its values cannot be an argument.
    """
    if isinstance(given, list | tuple):
        return tuple(_word(value) for value in given)
    if not isinstance(given, Mapping):
        raise ValueError(f"should be a list, or a mapping of options (got {got(given)})")
    return {str(option): _value(str(option), value) for option, value in given.items()}


def _value(option: str, given: Any) -> Any:
    if not option:
        raise ValueError("an option has no name")
    if given is None or isinstance(given, bool):
        return given
    if isinstance(given, list | tuple):
        return tuple(_word(value) for value in given)
    return _word(given)


def _word(given: Any) -> str:
    if isinstance(given, bool):
        return str(given).lower()
    if not isinstance(given, str | int | float):
        raise ValueError(f"an argument is a text or a number (got {got(given)})")
    return str(given)


Arguments = Annotated[
    dict[Word, bool | Word | tuple[Word, ...] | None] | tuple[Word, ...],
    BeforeValidator(arguments_of, json_schema_input_type=dict[str, Any] | list[str | float]),
]


class ProgramConfig(Model):
    """The settings that all programs share."""

    is_chain: ClassVar[bool] = False
    """True if the settings of the chain mean anything: dataset, transform and the like."""

    name: str

    @property
    def words(self) -> tuple[str, ...]:
        """Return the arguments as the process gets them; those of ``job.arguments`` come last."""
        return ()


class ChainProgram(ProgramConfig):
    """headrace's own chain of transforms."""

    is_chain: ClassVar[bool] = True

    name: Literal["chain"]


class CommandConfig(ProgramConfig):
    """A program of the user's own, which may take arguments."""

    arguments: Arguments = Field(
        {},
        description="options, as in {split: 0.8, verbose: true} for --split 0.8 --verbose; "
        "or a list, passed as it is",
    )

    @property
    def words(self) -> tuple[str, ...]:
        """Return the arguments as the process gets them; those of ``job.arguments`` come last."""
        if not isinstance(self.arguments, Mapping):
            return self.arguments
        options = self.arguments.items()
        return tuple(word for option, value in options for word in _words(option, value))


class ScriptProgram(CommandConfig):
    """The user's own script."""

    name: Literal["script"]
    path: Location = Field(description="a file, a folder, or s3://…")
    entry: Text | None = Field(None, description="which file of a folder starts, as in main.py")
    command: tuple[Word, ...] = Field(
        (), description="what runs the script; default: python3, or Spark's own for pyspark"
    )


class ImageProgram(CommandConfig):
    """The command of the image itself; nothing ships."""

    name: Literal["image"]
    entrypoint: tuple[Word, ...] = Field((), description="the command; default: the image's own")


AnyProgram = Annotated[ChainProgram | ScriptProgram | ImageProgram, Field(discriminator="name")]


def _words(option: str, value: bool | str | tuple[str, ...] | None) -> Iterator[str]:
    """Yield the words of one option; one that is false, null or an empty list is left out."""
    if value is None or value is False or value == ():
        return
    yield option if option.startswith("-") else f"--{option}"
    if isinstance(value, tuple):
        yield from value
    elif value is not True:
        yield value
