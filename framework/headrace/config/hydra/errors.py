"""Turn the errors that Hydra raises while it composes into `Problem`s that a user can act on."""

from __future__ import annotations

import errno
import re
import shlex
import traceback
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException
from yaml import YAMLError

from headrace.config.models import JobConfig
from headrace.config.problems import suggest
from headrace.errors import ConfigError, Problem
from headrace.runtime.process.shortage import MEMORY, shortage
from headrace.runtime.shown import plain, quoted

TOP_LEVEL = [*JobConfig.model_fields, "experiment", "hydra"]
OURS = ("headrace", "transforms")
FOLDERS = ("hydra.run.dir", "hydra.sweep.dir")
_QUOTED_KEY = re.compile(r"([{,]\s*)([\"'])([\w.-]+)\2\s*:")


def problem_of(exc: BaseException, override: str = "") -> Problem:
    """Return where and what, for any error of Hydra, omegaconf or the YAML parser.

    Args:
        exc: The error.
        override: The one that it is about, if that is known.

    Raises:
        MemoryError: That is why it failed, and no override is to blame.
    """
    if shortage(exc) == MEMORY:
        raise MemoryError from exc
    if isinstance(exc, ConfigError):
        return exc.problems[0]
    if isinstance(exc, OverrideParseException):
        return _ungrammatical(exc)
    if isinstance(exc, MissingConfigException) and exc.missing_cfg_file and exc.options:
        return _unknown_choice(exc.missing_cfg_file, exc.options)
    cause = exc.__cause__
    if isinstance(cause, (ConfigAttributeError, ConfigKeyError)) and cause.full_key:
        return _unknown_key(cause.full_key)
    key = override.partition("=")[0]
    if override.startswith("="):
        return Problem(override, "is no override; write key=value")
    if str(exc).startswith("Multiple values for"):
        better = plain(shlex.quote(override.lstrip("+")))
        return Problem(key.lstrip("+"), f"has a choice already; write {better}")
    if str(exc).startswith("Ambiguous value"):
        return Problem(key, _several_values(override))
    if str(exc).startswith("Config group override"):
        return Problem(key, f"takes the name of a choice (got {quoted(_value(override))})")
    if isinstance(exc, HydraException | OmegaConfBaseException | YAMLError):
        detail = f" ({_one_line(cause)})" if cause else ""
        return Problem(key, f"{_one_line(exc)}{detail}")
    return Problem(key, _unexpected(exc, key))


def _unexpected(exc: BaseException, key: str) -> str:
    """Return what a bare error of Python's means, where Hydra lets one through."""
    if isinstance(exc, FileNotFoundError) and exc.filename is None:
        return "the working folder does not exist any more"
    if isinstance(exc, OSError) and exc.errno == errno.ENAMETOOLONG:
        return "has a name that is too long"
    if str(exc).startswith("invalid literal for int()"):
        return f"{plain(key.rpartition('.')[0])} is a list, whose places are numbers"
    return f"Hydra cannot use this ({type(exc).__name__}: {_one_line(exc)})"


def setting_problem(exc: Exception) -> Problem | None:
    """Return what is wrong with one of Hydra's own settings, if that is what an error is about.

    Hydra checks few of them; the first use of a wrong one raises whatever it raises. None of our
    own code has run by then.
    """
    frames = [frame for frame, _ in traceback.walk_tb(exc.__traceback__)]
    modules = [str(frame.f_globals.get("__name__", "")) for frame in frames]
    names = [frame.f_code.co_name for frame in frames]
    inner = [each.partition(".")[0] for each in modules]
    since = inner.index("hydra") if "hydra" in inner else len(inner)
    is_ours = any(each in OURS for each in inner[since:]) or "headrace" in "".join(modules[since:])
    if since == len(inner) or is_ours or "return_value" in names:  # that of a task: raised again
        return None
    if isinstance(exc, OSError) and exc.filename is not None:
        where = FOLDERS["multirun" in names] if "mkdir" in names else "hydra"
        return Problem(where, f"cannot be written: {quoted(str(exc.filename))} ({exc.strerror})")
    if isinstance(exc, ValueError) and str(exc).startswith("The --"):
        return Problem("", _one_line(exc))
    return Problem("hydra", _unexpected(exc, "hydra"))


def _ungrammatical(exc: OverrideParseException) -> Problem:
    override = exc.override or ""
    if (better := with_quotes(override)) is not None:
        return Problem(override.partition("=")[0], f"the value wants quotes; write {plain(better)}")
    return Problem(override, f"is no override; write key=value ({_grammar(exc)})")


def with_quotes(override: str) -> str | None:
    """Return the override as a shell takes it, with quotes around a value that needs them.

    Returns:
        None if quotes around the value, or around the members of a list, do not help.
    """
    key, _, value = override.partition("=")
    if value.startswith("{"):  # the keys of a mapping take no quotes
        better = f"{key}=" + _QUOTED_KEY.sub(r"\1\3:", value)
        if better == override:
            return None
    elif value.startswith("[") and value.endswith("]"):
        members = [each.strip() for each in value[1:-1].split(",")]
        better = f"{key}=[{','.join(map(_in_double_quotes, members))}]"
    else:
        better = f"{key}={_in_double_quotes(value)}"
    try:
        OverridesParser.create().parse_overrides([better])
    except HydraException:
        return None
    return shlex.quote(better) if value else None


def _in_double_quotes(text: str) -> str:
    return '"' + re.sub(r"(\\*)(\"|$)", escaped_quote, text) + '"'


def escaped_quote(found: re.Match[str]) -> str:
    """Return a quote, or the end, behind backslashes as Hydra's grammar takes them for text."""
    backslashes, quote = found.groups()
    return backslashes * 2 + (f"\\{quote}" if quote else "")


def _unknown_choice(config: str, options: Sequence[str]) -> Problem:
    group, _, choice = config.rpartition("/")
    if config.startswith("program/") and choice.endswith(".py"):
        file = config.removeprefix("program/")
        what = f"is no choice; write program=script {plain(shlex.quote(f'program.path={file}'))}"
        return Problem("program", f"{quoted(file)} {what}")
    return Problem(group, f"there is no choice {quoted(choice)}; {suggest(choice, options)}")


def _unknown_key(address: str) -> Problem:
    above, _, key = address.rpartition(".")
    if above:
        return Problem(address, f"{plain(above)} has no keys of its own")
    return Problem(address, f"unknown key; {suggest(key, TOP_LEVEL)}")


def _several_values(override: str) -> str:
    key, _, value = override.partition("=")
    as_list = plain(shlex.quote(f"{key}=[{value}]"))
    better = None if '"' in value else with_quotes(override)
    as_text = f"; for one text, write {plain(better)}" if better else ""
    return f"has several values; for a run with each, add -m; for a list, write {as_list}{as_text}"


def _value(override: str) -> str:
    return override.partition("=")[2]


def _grammar(exc: OverrideParseException) -> str:
    """Return what the parser says, between "Error parsing override …" and a link."""
    said = [line for line in str(exc).splitlines() if line.strip("^ ")]
    return plain(said[1] if said[0].startswith("Error parsing") else said[0])


def _one_line(exc: BaseException) -> str:
    return plain(" ".join(str(exc).split()))
