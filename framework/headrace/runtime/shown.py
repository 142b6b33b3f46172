"""Text as messages, logs and tables show it: shortened, escaped, and with secrets masked.

Text from outside (names of columns and files, cells, overrides) may hold anything: escape sequences
that recolour a terminal, line ends that forge a second message, five kilobytes of it. It is shown
by these functions and by nothing else.

Secrets are known by the names of their keys. Their values still stand where a job needs them, in
``request.json`` and in Hydra's record of the run; docs/sagemaker.md says where. They are only kept
off screens and pages, and out of the logs that a result keeps of a program.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

_LIMIT = 60
_PATH_LIMIT = 400
_MOST = 20
MASK = "***"

_WORDS = r"secret|token|passw(or)?d|passphrase|pwd|credential|(api|access|private)[_-]?key"
_SECRET = re.compile(rf"(^|[+_-])({_WORDS})s?($|[_-])", re.IGNORECASE)
_ANYWHERE = re.compile(rf"(?<![a-z])({_WORDS})s?(?![a-z])", re.IGNORECASE)
_PLACES = re.compile(r"_(file|dir|uri|url)$", re.IGNORECASE)
"""Ends of keys that say where a secret is, and hold none."""
_PASSWORD = re.compile(r"://[^/@\s:]*:([^/@\s]+)@")
_SHORTEST = 6
"""Characters of a secret that is looked for in other texts: ``true`` stands there by itself."""
_HOLDERS = ("job.env", "job.arguments")
"""Keys whose whole value may hold secrets under names of its own."""
_ASSIGNMENT = re.compile(r"([+~]*[\w.@/-]+)=(?=\S)")
_OPTION = re.compile(r"(--?[\w.-]+)(=(.*))?", re.DOTALL)


def quoted(text: str, limit: int = _LIMIT) -> str:
    """Return `text` between quotes as Python writes it, cut in the middle if it is long.

    Args:
        text: Any text; control characters, surrogates and invisible characters come out escaped.
        limit: Length, in characters, from which it is cut.
    """
    return repr(_cut(text, limit))


def plain(text: str, limit: int = _PATH_LIMIT) -> str:
    """Return `text` without quotes, for where a message begins with it: a path, an override.

    Args:
        text: Any text; characters that cannot be printed come out escaped.
        limit: Length, in characters, from which it is cut in the middle; a file's name stays.
    """
    if text.isprintable() and len(text) <= limit:
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in _cut(text, limit))


def harmless(text: str) -> str:
    """Return a whole message, whatever is in it, as a terminal may get it: its lines stay lines.

    Args:
        text: Text of any length; tabs and line ends stay, what else cannot be printed is escaped.
    """
    return "".join(
        each if each.isprintable() or each in "\n\t" else repr(each)[1:-1] for each in text
    )


def listed(names: Iterable[str], most: int = _MOST) -> str:
    """Return names between quotes, one behind the other; beyond `most` only how many more."""
    every = list(names)
    more = [f"and {len(every) - most:,} more"] if len(every) > most else []
    return ", ".join([*map(quoted, every[:most]), *more])


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = (limit - 1) // 2
    return f"{text[: limit - 1 - half]}…{text[-half:]}"


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


def secret_values(variables: Mapping[str, str], arguments: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the secrets that a program is given, in every spelling in which it may print them.

    Args:
        variables: Its environment.
        arguments: Its arguments.
    """
    found: list[str] = []
    for key, value in variables.items():
        if is_secret(key) and not _PLACES.search(key):
            found.append(value)
        found += _PASSWORD.findall(value)
    for argument, shown in zip(arguments, masked_arguments(arguments), strict=True):
        if shown != argument:
            found.append(argument.removeprefix(shown.removesuffix(MASK)))
    spelled = {
        line
        for value in found
        for text in (value, repr(value)[1:-1], json.dumps(value)[1:-1])
        for line in (text, *text.splitlines())
        if len(line) >= _SHORTEST
    }
    return tuple(sorted(spelled, key=lambda text: (-len(text), text)))


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return a text with a mask in the place of each of some secrets."""
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, MASK)
    return text
