"""Check ``backend.requirements`` before anything is downloaded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from packaging.requirements import InvalidRequirement, Requirement

from headrace.config.problems import got
from headrace.errors import Problem

WHERE = "backend.requirements"
EXAMPLE = "as in 'pyarrow>=17'"
_FILE = re.compile(r"[^;]*(/|\\|\.whl\s*$|\.zip\s*$|\.tar\.\w+\s*$)")


def problems_in(requirements: Sequence[str]) -> Iterator[Problem]:
    """Return the problems of the requirements.

    Args:
        requirements: As pip takes them on its command line.
    """
    for number, text in enumerate(requirements):
        if what := _what_is_wrong(text):
            yield Problem(f"{WHERE}[{number}]", what)


def _what_is_wrong(text: str) -> str | None:
    if text.lstrip().startswith("-"):
        what = "is an option of pip, whose own configuration is the place for it"
        return f"{got(text)} {what}; give a package, {EXAMPLE}"
    if "@" in text.partition(";")[0] or _FILE.match(text):
        return f"{got(text)} names a file or an address; give a package of an index, {EXAMPLE}"
    try:
        Requirement(text)
    except InvalidRequirement as exc:
        reason = str(exc).splitlines()[0]
        return f"{got(text)} is no requirement of pip's ({reason}); give a package, {EXAMPLE}"
    return None
