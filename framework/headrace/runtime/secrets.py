"""Mask secret values on the terminal and on pages, by the names of their keys.

They still stand where a job needs them, in ``request.json`` and in Hydra's record of the run;
docs/sagemaker.md says where. This only keeps them off screens and pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

MASK = "***"

_WORDS = r"secret|token|passw(or)?d|passphrase|pwd|credential|(api|access|private)[_-]?key"
_SECRET = re.compile(rf"(^|[+_-])({_WORDS})s?($|[_-])", re.IGNORECASE)
_ANYWHERE = re.compile(rf"(?<![a-z])({_WORDS})s?(?![a-z])", re.IGNORECASE)
_HOLDERS = ("job.env", "job.arguments")
"""Keys whose whole value may hold secrets under names of its own."""
_ASSIGNMENT = re.compile(r"([+~]*[\w.@/-]+)=(?=\S)")
_OPTION = re.compile(r"(--?[\w.-]+)(=(.*))?", re.DOTALL)


def is_secret(key: str) -> bool:
    """Return whether a key's last word names a secret: ``job.env.API_TOKEN``, ``--db-password``."""
    return _SECRET.search(key.rpartition(".")[2]) is not None


def masked(key: str, value: str) -> str:
    """Return the value as it may be shown beside its key."""
    holds_some = key.lstrip("+~") in _HOLDERS and _ANYWHERE.search(value) is not None
    return MASK if value and (is_secret(key) or holds_some) else value


def masked_override(override: str) -> str:
    """Return ``key=value`` of a command line as it may be shown."""
    key, sign, value = override.partition("=")
    return f"{key}{sign}{masked(key, value)}"


def masked_words(text: str) -> str:
    """Return a text that may repeat overrides, cut where a secret's value begins."""
    for found in _ASSIGNMENT.finditer(text):
        if masked(found[1], text[found.end() :]) == MASK:
            return f"{text[: found.end()]}{MASK}"
    return text


def masked_arguments(arguments: Sequence[str]) -> list[str]:
    """Return a program's arguments as they may be shown: ``--token=***``, or ``--token ***``."""
    return list(_masked(arguments))


def _masked(arguments: Sequence[str]) -> Iterator[str]:
    is_next = False
    for argument in arguments:
        option = _OPTION.fullmatch(argument)
        if option is None:
            yield MASK if is_next else argument
            is_next = False
        elif option[2]:
            yield f"{option[1]}={masked(option[1], option[3])}"
            is_next = False
        else:
            yield argument
            is_next = is_secret(option[1])
