"""A program, its inputs and its outputs as Python gives them, made into overrides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike

Path = str | PathLike[str]
Keys = Mapping[str, object]


def program_overrides(
    program: Path | Keys | None,
    inputs: Mapping[str, Path | Keys] | None,
    outputs: Sequence[str] | Mapping[str, Keys | None] | None,
) -> Iterator[str | Keys]:
    """Yield overrides, which come behind all others.

    Args:
        program: The name of a choice, as ``"churn"``; the path of a script, as a `pathlib.Path`; or
            the keys of one.
        inputs: Name → a path, or the keys of an input.
        outputs: Their names; or name → the keys of an output.

    Raises:
        TypeError: It is of another type.
    """
    if isinstance(program, Mapping):
        yield {"program": program.get("name", "script")}
        yield from _flat("program", {key: program[key] for key in program if key != "name"})
    elif isinstance(program, str):
        yield {"program": program}
    elif program is not None:
        yield {"program": "script", "program.path": program}
    for name, given in _checked("inputs", inputs or {}).items():
        yield from _flat(f"inputs.{name}", given)
    if isinstance(outputs, Mapping):
        for name, keys in outputs.items():
            yield f"+outputs.{name}={{}}"
            yield from _flat(f"outputs.{name}", keys or {})
    elif outputs is not None:
        if isinstance(outputs, str):
            raise TypeError(f"outputs is a list of names or a dict (got {outputs!r})")
        yield {"outputs": list(outputs)}


def _checked(key: str, given: object) -> Mapping[str, object]:
    if not isinstance(given, Mapping):
        raise TypeError(f"{key} is a dict, name → path (got {given!r})")
    return given


def _flat(key: str, given: object) -> Iterator[Keys]:
    """Yield a key for each value of a mapping, however deep it is."""
    if isinstance(given, Mapping):
        for name, value in given.items():
            yield from _flat(f"{key}.{name}", value)
    else:
        yield {key: given}
