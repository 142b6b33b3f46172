"""``report/feature_map.json``: the features of rows that say nothing about them themselves.

It is written where the chain ends with columns of ids, and for formats that ask for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headrace.runtime.chain.preflight import Prepared
from headrace.runtime.output.manifest import FEATURES
from headrace.runtime.output.writers import writer_of
from headrace.runtime.output.writers.base import Layout, SeveralFiles
from headrace.runtime.output.writers.fields import fields_of
from headrace.runtime.spec import OutputSpec
from headrace.runtime.transform import Role, features, role_of

FeatureMap = dict[str, dict[str, Any]]
"""Feature → what is known of it."""
NUMERIC, CATEGORICAL = Role.NUMERIC.value, Role.CATEGORICAL.value


def feature_map(prepared: Prepared, output: OutputSpec) -> FeatureMap | None:
    """Return the content of the file; None if there is to be none.

    Each feature has its ``kind``, its ``size`` (number of ids; 1 for a number), and the ids
    ``null`` and ``unknown``, null if there is none; ``index``, where its column stands among those
    of its kind; for libffm ``field``, its number, and ``offset``, the first of its indices.

    Args:
        prepared: The job, its steps knowing what they learned.
        output: How rows are written.
    """
    writer = writer_of(output)
    is_wanted = getattr(writer, "maps_features", False)
    if Layout.of(prepared.schema).indices is not None:
        return dict(_hashed(prepared)) if is_wanted else None
    keeps_columns = getattr(writer, "keeps_columns", False)
    # Only an array has no null of its own.
    fields = fields_of(prepared.schema, null_is_an_id=isinstance(writer, SeveralFiles))
    if not is_wanted and not any(field.encoding for field in fields):
        return None
    made: FeatureMap = {}
    counts, offset = {NUMERIC: 0, CATEGORICAL: 0}, 0
    for number, field in enumerate(fields):
        kind = NUMERIC if field.encoding is None else CATEGORICAL
        null, unknown = (None, None) if field.encoding is None else field.encoding[1:]
        made[field.name] = {"kind": kind, "size": field.size, "null": null, "unknown": unknown}
        made[field.name]["index"] = counts[kind]
        if keeps_columns:
            made[field.name] |= {"field": number, "offset": offset}
        counts[kind] += 1
        offset += field.size
    return made


def _hashed(prepared: Prepared) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the columns that were hashed: all share the indices of the matrix."""
    before = prepared.links[prepared.until_hashed].before
    size = prepared.n_features
    for number, place in enumerate(features(before)):
        field = before.field(place)
        same = {"size": size, "null": None, "unknown": None, "index": number}
        yield field.name, {"kind": str(role_of(field)), **same, "field": number, "offset": 0}


def described_files(prepared: Prepared, output: OutputSpec) -> dict[str, Any]:
    """Return what the manifest says of the columns of the parts, where these do not say it."""
    writer, described = writer_of(output), {}
    if made := feature_map(prepared, output):
        described[FEATURES] = made
        if numbers := {name: each["field"] for name, each in made.items() if "field" in each}:
            described["fields"] = numbers
    columns_of = getattr(writer, "columns_of", lambda _: None)
    if columns := columns_of(prepared.schema):
        described["output_columns"] = columns
    return described
