"""The client half's own errors; the whole tree is drawn in `headrace.runtime.errors`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from headrace.runtime.errors import DataError, HeadraceError, PluginError
from headrace.runtime.shown import is_secret, masked_words, plain

__all__ = ["ConfigError", "DataError", "HeadraceError", "JobFailed", "PluginError", "Problem"]

HIDDEN = (
    "this value cannot be used; it is not shown, since its key looks like a secret's "
    "(text with special characters wants quotes)"
)
_SHOWS_NOTHING = re.compile(r"[\w ,;-]*")
"""Words of a message that repeats no value."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the configuration: where it stands and what would be right."""

    where: str
    what: str

    def __str__(self) -> str:
        what = masked_words(self.what)
        if is_secret(self.where.partition("=")[0]) and not _SHOWS_NOTHING.fullmatch(what):
            what = HIDDEN
        return f"{masked_words(plain(self.where))}: {what}" if self.where else what


class ConfigError(HeadraceError):
    """Everything that is wrong with the configuration, found in one pass."""

    exit_status = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = [f"{count} in the configuration:", *(f"  {problem}" for problem in problems)]
        super().__init__("\n".join(lines))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        """Return what rebuilds the error on its way back from a sweep's worker process."""
        return type(self), (self.problems,)


class JobFailed(HeadraceError):
    """The job ran and ended without a result."""
