"""How the errors that Hydra raises while it composes become `Problem`s in our own form."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from framework.config import JobConfig
from framework.errors import Problem
from framework.problems import suggest

TOP_LEVEL = [*JobConfig.model_fields, "experiment", "hydra"]


def problem_of(exc: Exception) -> Problem:
    """Where and what, for any error of Hydra, omegaconf or the YAML parser."""
    if isinstance(exc, OverrideParseException):
        return Problem(exc.override, f"is no override; write key=value ({_grammar(exc)})")
    if isinstance(exc, MissingConfigException) and exc.missing_cfg_file and exc.options:
        return _unknown_choice(exc.missing_cfg_file, exc.options)
    cause = exc.__cause__
    if isinstance(cause, (ConfigAttributeError, ConfigKeyError)) and cause.full_key:
        return _unknown_key(cause.full_key)
    detail = f" ({_one_line(cause)})" if cause else ""
    return Problem("", _one_line(exc) + detail)


def _unknown_choice(config: str, options: Sequence[str]) -> Problem:
    group, _, choice = config.rpartition("/")
    return Problem(group, f"there is no choice {choice!r}; {suggest(choice, options)}")


def _unknown_key(address: str) -> Problem:
    above, _, key = address.rpartition(".")
    if above:
        return Problem(address, f"{above} has no keys of its own")
    return Problem(address, f"unknown key; {suggest(key, TOP_LEVEL)}")


def _grammar(exc: OverrideParseException) -> str:
    """What the parser says, between "Error parsing override …" and a link."""
    said = [line for line in str(exc).splitlines() if line.strip("^ ")]
    return said[1] if said[0].startswith("Error parsing") else said[0]


def _one_line(exc: BaseException) -> str:
    return " ".join(str(exc).split())
