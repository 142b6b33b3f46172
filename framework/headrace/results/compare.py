"""Compare two results: do they hold the same rows, however they were made?

    python -m headrace.compare RUN_A RUN_B
    python -m headrace.compare s3://bucket/a outputs/b --recount
    python -m headrace.compare RUN_A RUN_B --html page.html

The last line and the exit status give the answer: 0 the same rows, 1 other rows, 2 the results
cannot be compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from operator import eq
from pathlib import Path
from typing import Any

import pyarrow as pa

from headrace.errors import HeadraceError
from headrace.results.pages import own_page, write_compare_page
from headrace.results.part_rows import is_exact, rows_of
from headrace.results.reports import incomplete
from headrace.results.stored import RunRecord, StoredResult, UnreadableError
from headrace.runtime.output.digest import digest_of
from headrace.runtime.output.seal import FILES, SHA256, files_of_part
from headrace.runtime.shown import listed, plain
from headrace.terminal.tables import aligned
from headrace.terminal.units import size

SAME, DIFFERENT, INCOMPARABLE = 0, 1, 2
SHOWN = 40
"""Characters of a setting's value that are shown."""
NOT_SETTINGS = frozenset(
    {
        *("format_version", "config_sha256", "output_format", "rows", "channels", "hosts"),
        *("inputs", "outputs", "digests", FILES, SHA256),
    }
)
"""Keys of a manifest that are no settings, or stand in its ``config`` too."""
MISSING = "-"
_NAMED = 3
"""So many files that differ are named."""

Manifest = dict[str, Any]


def report(one: Manifest, other: Manifest) -> tuple[list[str], list[str]]:
    """Compare two manifests.

    Returns:
        The lines to show, and what differs in the rows: nothing if they are the same.
    """
    if _is_of_program(one):
        lines, differences = _report_on_outputs(one, other)
        return [*lines, *_settings(one, other)], differences
    channels = _channels(one, other)
    header = ("channel", "rows A", "rows B", "digest A", "digest B")
    rows = [(name, *_cells(a, b, "rows"), *_cells(a, b, "digest")) for name, a, b in channels]
    lines = [*aligned([header, *rows], right=(1, 2)), *_settings(one, other)]
    return lines, [what for name, a, b in channels if (what := _difference(name, a, b))]


def _settings(one: Manifest, other: Manifest) -> list[str]:
    settings = list(differing(one, other))
    return ["", *aligned([("setting", "A", "B"), *settings])] if settings else []


def _channels(one: Manifest, other: Manifest) -> list[tuple[str, Manifest, Manifest]]:
    names = dict.fromkeys([*one["channels"], *other["channels"]])
    return [
        (name, one["channels"].get(name, {}), other["channels"].get(name, {})) for name in names
    ]


def _cells(one: Manifest, other: Manifest, key: str) -> tuple[str, str]:
    first, second = (channel.get(key, MISSING) for channel in (one, other))
    return (_shown(first), _shown(second))


def _shown(value: object) -> str:
    return _cut(_text(value))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if is_count else json.dumps(value, ensure_ascii=False)


def _apart(one: str, other: str) -> tuple[str, str]:
    """Return two texts, cut so that the first difference is there to see."""
    same = sum(takewhile(bool, map(eq, one, other)))
    if same < SHOWN - 1:
        return _cut(one), _cut(other)
    start = same - SHOWN // 2
    return _cut(f"…{one[start:]}"), _cut(f"…{other[start:]}")


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _difference(name: str, one: Manifest, other: Manifest) -> str | None:
    if not one or not other:
        return f"only {'A' if one else 'B'} has {name}"
    if one["rows"] != other["rows"]:
        return f"{name} has {one['rows']:,} rows and {other['rows']:,}"
    return f"{name} has other rows" if one["digest"] != other["digest"] else None


def differing(one: Manifest, other: Manifest) -> Iterator[tuple[str, str, str]]:
    """Yield the settings in which the manifests differ."""
    first, second = (dict(_flat("", manifest)) for manifest in (one, other))
    for key in dict.fromkeys([*first, *second]):
        a, b = first.get(key, MISSING), second.get(key, MISSING)
        if a != b:
            yield key, *_apart(_text(a), _text(b))


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


def compare(places: Sequence[str], *, recount: bool = False, page: Path | None = None) -> int:
    """Compare two results and print the differences.

    Args:
        places: Folders or ``s3://…``.
        recount: Read all parts instead of trusting the manifests.
        page: A page to make of it as well.

    Returns:
        The exit status.

    Raises:
        HeadraceError: They cannot be compared.
    """
    if page is not None:
        with _explained(page):
            own_page(page)
    results = [StoredResult(place) for place in places]
    records = [] if page is None else [result.record() for result in results]
    manifests = [each.manifest for each in records] or [each.manifest() for each in results]
    for result, manifest in zip(results, manifests, strict=True):
        _check_digests(result, manifest)
        if recount and (problem := incomplete(manifest)):
            raise UnreadableError(f"{result.place}: its manifest is not complete ({problem})")
    kinds = {_is_of_program(manifest) for manifest in manifests}
    if len(kinds) > 1:
        what = "one of them holds channels of rows, the other files of a program"
        raise UnreadableError(f"{places[0]} and {places[1]}: {what}")
    lines, differences = report(manifests[0], manifests[1])
    print("\n".join([f"A  {places[0]}", f"B  {places[1]}", "", *lines, ""]))
    what = "files" if kinds == {True} else "rows"
    if recount:
        differences += _recounted(results, manifests)
    if page is not None:
        print(f"{_written(page, records, differences)}\n")
    same = f"the same {what}"
    print(same if not differences else f"not {same}: {'; '.join(differences)}")
    return DIFFERENT if differences else SAME


def _recounted(results: Sequence[StoredResult], manifests: Sequence[Manifest]) -> Iterator[str]:
    """Yield what is wrong with the files of results."""
    if _is_of_program(manifests[0]):
        yield from _changed_files(results, manifests)
        return
    for result, manifest in zip(results, manifests, strict=True):
        yield from _faults(result, manifest)


def _written(page: Path, records: Sequence[RunRecord], differences: Sequence[str]) -> Path:
    """Make the page; return its path."""
    one, other = records
    settings = list(differing(one.manifest, other.manifest))
    with _explained(page):
        return write_compare_page(page, (one, other), settings, differences)


@contextmanager
def _explained(page: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreadableError(f"{plain(str(page))}: {error.strerror}") from error


def _faults(result: StoredResult, manifest: Manifest) -> Iterator[str]:
    """Yield a line for each part that is wrong; parts are read whole, one at a time.

    Args:
        result: The result that the parts belong to.
        manifest: Its manifest.
    """
    for channel in manifest["channels"].values():
        for part in channel["parts"]:
            if fault := _fault(result, manifest, part):
                yield f"{result.place}: {fault}"


def _fault(result: StoredResult, manifest: Manifest, part: Manifest) -> str | None:
    contents = {}
    for file in files_of_part(part):
        try:
            contents[file["file"]] = content = result.read(file["file"])
        except UnreadableError as exc:
            return str(exc).removeprefix(f"{result.place}: ")
        if hashlib.sha256(content).hexdigest() != file["sha256"]:
            what = "is damaged or edited: its SHA-256 is another than the manifest says"
            return f"{file['file']} {what}"
    if "digest" not in part or not is_exact(manifest):
        return None
    try:
        rows = rows_of(manifest, part, contents.__getitem__)
        counted = (rows.num_rows, digest_of([rows], rows.schema))
    except (ValueError, pa.ArrowException) as exc:
        return f"{part['file']} cannot be read ({exc})"
    wanted = (part["rows"], part["digest"])
    return None if counted == wanted else f"{part['file']} holds other rows than the manifest says"


def _is_of_program(manifest: Manifest) -> bool:
    """Return whether a result has outputs of files instead of channels of rows."""
    return "program" in manifest


def _report_on_outputs(one: Manifest, other: Manifest) -> tuple[list[str], list[str]]:
    """Compare the outputs of two manifests.

    Returns:
        The lines of a table, and what differs: nothing if the files are the same.
    """
    names = dict.fromkeys([*one["outputs"], *other["outputs"]])
    pairs = [(name, *(each["outputs"].get(name) for each in (one, other))) for name in names]
    header = ("output", "files A", "files B", "size A", "size B")
    rows = [
        (name, *(_count(each) for each in both), *(_size(each) for each in both))
        for name, *both in pairs
    ]
    differences = [what for pair in pairs if (what := _changed_output(*pair))]
    return aligned([header, *rows], right=(1, 2, 3, 4)), differences


def _count(output: Manifest | None) -> str:
    return MISSING if output is None else f"{output['files']:,}"


def _size(output: Manifest | None) -> str:
    return MISSING if output is None else size(output["bytes"])


def _changed_output(name: str, one: Manifest | None, other: Manifest | None) -> str | None:
    if one is None or other is None:
        return f"only {'B' if one is None else 'A'} has {name}"
    first, second = (
        {part["file"]: part["sha256"] for part in each["parts"]} for each in (one, other)
    )
    files = sorted(file for file in {**first, **second} if first.get(file) != second.get(file))
    return f"{name} differs in {listed(files, _NAMED)}" if files else None


def _changed_files(results: Sequence[StoredResult], manifests: Sequence[Manifest]) -> Iterator[str]:
    """Read all files of results; yield those that are not as their manifests say."""
    for result, manifest in zip(results, manifests, strict=True):
        for output in manifest["outputs"].values():
            place = StoredResult(output["uri"]) if "uri" in output else result
            yield from _changed_below(place, output["parts"])


def _changed_below(place: StoredResult, parts: Sequence[Manifest]) -> Iterator[str]:
    for part in parts:
        try:
            content = place.read(part["file"])
        except HeadraceError as error:
            yield str(error)
            continue
        if hashlib.sha256(content).hexdigest() != part["sha256"]:
            yield f"{place.place}: {part['file']} is not what the manifest says"


def _check_digests(result: StoredResult, manifest: Manifest) -> None:
    if not all("digest" in channel for channel in manifest.get("channels", {}).values()):
        what = "its manifest has no digests, a former version wrote it; run the job again"
        raise UnreadableError(f"{result.place}: {what}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(
        prog="python -m headrace.compare",
        description="Tell whether two results hold the same rows: 0 yes, 1 no, 2 cannot tell.",
    )
    parser.add_argument("results", nargs=2, metavar="RUN", help="output.path, here or on s3://")
    parser.add_argument("--recount", action="store_true", help="read the parts as well")
    parser.add_argument("--html", type=Path, metavar="PAGE", help="make a page of it, too")
    given = parser.parse_args(arguments)
    try:
        return compare(given.results, recount=given.recount, page=given.html)
    except HeadraceError as error:
        print(error, file=sys.stderr)
        return INCOMPARABLE
