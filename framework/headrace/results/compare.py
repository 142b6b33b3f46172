"""Compare two results: do they hold the same rows, however they were made?

    python -m headrace.compare RUN_A RUN_B
    python -m headrace.compare s3://bucket/a outputs/b --recount

The last line and the exit status give the answer: 0 the same rows, 1 other rows, 2 the results
cannot be compared.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from headrace.errors import HeadraceError
from headrace.results.recount import faults
from headrace.results.stored import StoredResult, UnreadableError
from headrace.runtime.output.seal import FILES, SHA256
from headrace.terminal.tables import aligned

SAME, DIFFERENT, INCOMPARABLE = 0, 1, 2
SHOWN = 40
"""Characters of a setting's value that are shown."""
NOT_SETTINGS = frozenset(
    {"format_version", "config_sha256", "output_format", "rows", "channels", "hosts", FILES, SHA256}
)
"""Keys of a manifest that are no settings, or stand in its ``config`` too."""
MISSING = "-"

Manifest = dict[str, Any]


def report(one: Manifest, other: Manifest) -> tuple[list[str], list[str]]:
    """Compare two manifests.

    Returns:
        The lines to show, and what differs in the rows: nothing if they are the same.
    """
    channels = _channels(one, other)
    header = ("channel", "rows A", "rows B", "digest A", "digest B")
    rows = [(name, *_cells(a, b, "rows"), *_cells(a, b, "digest")) for name, a, b in channels]
    lines = aligned([header, *rows], right=(1, 2))
    settings = list(_differing(one, other))
    if settings:
        lines += ["", *aligned([("setting", "A", "B"), *settings])]
    return lines, [what for name, a, b in channels if (what := _difference(name, a, b))]


def _channels(one: Manifest, other: Manifest) -> list[tuple[str, Manifest, Manifest]]:
    names = dict.fromkeys([*one["channels"], *other["channels"]])
    return [
        (name, one["channels"].get(name, {}), other["channels"].get(name, {})) for name in names
    ]


def _cells(one: Manifest, other: Manifest, key: str) -> tuple[str, str]:
    first, second = (channel.get(key, MISSING) for channel in (one, other))
    return (_shown(first), _shown(second))


def _shown(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _difference(name: str, one: Manifest, other: Manifest) -> str | None:
    if not one or not other:
        return f"only {'A' if one else 'B'} has {name}"
    if one["rows"] != other["rows"]:
        return f"{name} has {one['rows']:,} rows and {other['rows']:,}"
    return f"{name} has other rows" if one["digest"] != other["digest"] else None


def _differing(one: Manifest, other: Manifest) -> Iterator[tuple[str, str, str]]:
    """Yield the settings in which the manifests differ."""
    first, second = (dict(_flat("", manifest)) for manifest in (one, other))
    for key in dict.fromkeys([*first, *second]):
        a, b = first.get(key, MISSING), second.get(key, MISSING)
        if a != b:
            yield key, _shown(a), _shown(b)


def _flat(prefix: str, settings: Manifest) -> Iterator[tuple[str, object]]:
    for key, value in settings.items():
        if not prefix and key in NOT_SETTINGS:
            continue
        if key == "steps":
            value = {step["label"]: step for step in value}
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value


def compare(places: Sequence[str], *, recount: bool = False) -> int:
    """Compare two results and print the differences.

    Args:
        places: Folders or ``s3://…``.
        recount: Read all parts instead of trusting the manifests.

    Returns:
        The exit status.

    Raises:
        HeadraceError: They cannot be compared.
    """
    results = [StoredResult(place) for place in places]
    manifests = [_with_digests(result) for result in results]
    lines, differences = report(manifests[0], manifests[1])
    print("\n".join([f"A  {places[0]}", f"B  {places[1]}", "", *lines, ""]))
    if recount:
        pairs = zip(results, manifests, strict=True)
        differences += [fault for result, manifest in pairs for fault in faults(result, manifest)]
    print("the same rows" if not differences else "not the same rows: " + "; ".join(differences))
    return DIFFERENT if differences else SAME


def _with_digests(result: StoredResult) -> Manifest:
    manifest = result.manifest()
    if not all("digest" in channel for channel in manifest["channels"].values()):
        what = "its manifest has no digests, a former version wrote it; run the job again"
        raise UnreadableError(f"{result.place}: {what}")
    return manifest


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(
        prog="python -m headrace.compare",
        description="Tell whether two results hold the same rows: 0 yes, 1 no, 2 cannot tell.",
    )
    parser.add_argument("results", nargs=2, metavar="RUN", help="output.path, here or on s3://")
    parser.add_argument("--recount", action="store_true", help="read the parts as well")
    given = parser.parse_args(arguments)
    try:
        return compare(given.results, recount=given.recount)
    except HeadraceError as error:
        print(error, file=sys.stderr)
        return INCOMPARABLE
