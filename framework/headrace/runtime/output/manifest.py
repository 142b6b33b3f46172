"""``report/manifest.json``: what a job made, written last. No manifest, no result.

It is indented JSON, as `json.dumps` writes it but several times as fast: with an indent, the
standard library's encoder runs in Python and goes from one small piece to the next, and the report
of a job with 100,000 columns has millions of them.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from headrace.runtime import VERSION
from headrace.runtime.chain.columns import Columns
from headrace.runtime.errors import DataError
from headrace.runtime.output import left_out
from headrace.runtime.output.digest import merged
from headrace.runtime.output.parts import Part
from headrace.runtime.output.seal import FILES, SHA256, sealed
from headrace.runtime.spec import REPORT, REPORT_PAGE, JobSpec
from headrace.runtime.transform import Role

FORMAT_VERSION = 1
REJECTED, TOKENS = "rejected.jsonl", "tokens.parquet"
"""Names of files of the report that are not always there."""
IS_EMPTY = "is_empty"
"""Key in the manifest of one of several hosts whose files held nothing, not even columns."""
FEATURES, FEATURE_MAP = "feature_map", "feature_map.json"
"""Key of what is known of the features, and the name of its file in the folder of the report."""
MANIFEST, METRICS, TIMINGS = "manifest.json", "metrics.json", "timings.json"
"""Names in the folder of the report."""
WARNINGS = "warnings"
"""Key of what is odd about the rows."""


def manifest(
    spec: JobSpec,
    columns: Columns,
    n_features: int | None,
    parts: Mapping[str, Sequence[Part]],
    rejected: int,
) -> dict[str, Any]:
    """Return the manifest of one host's work; same input and configuration, same bytes."""
    written = sum(part.rows for made in parts.values() for part in made)
    described: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "config_sha256": spec.sha256,
        "config": spec.meaning,
        "rows": {"read": written + rejected, "written": written, "rejected": rejected},
        "columns": _columns(columns),
        "input_columns": list(columns.names),
        **({"index_columns": list(columns.index)} if columns.index else {}),
        "n_features": n_features,
        "output_format": spec.output.format,
        "channels": {name: _channel([part.raw for part in made]) for name, made in parts.items()},
        "versions": {
            "headrace": VERSION,
            "numpy": np.__version__,
            "pyarrow": pa.__version__,
            "python": platform.python_version(),
        },
    }
    return {**described, "packages": spec.packages} if spec.packages else described


def merge(manifests: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return one manifest for the work of several hosts, which says which of them made what.

    Args:
        manifests: Host → its manifest, at least one, in the order of the hosts.

    Raises:
        ValueError: They are not of the same job, or one is missing.
    """
    with_columns = [each for each in manifests.items() if not each[1].get(IS_EMPTY)]
    (leader, first), *others = with_columns or manifests.items()
    for host, other in others:
        if difference := _difference(first, other):
            raise ValueError(f"{host} has {difference} than {leader}")
    count = first.get("host_count", len(manifests))
    if len(manifests) != count:
        raise ValueError(
            f"{len(manifests)} of {count} hosts left a manifest: {', '.join(manifests)}"
        )
    without = ("host_count", IS_EMPTY, WARNINGS, FILES, SHA256)
    together = {key: value for key, value in first.items() if key not in without}
    every = list(manifests.values())
    together |= left_out.together(every)
    together["channels"] = {
        name: _channel([part for one in every for part in one["channels"][name]["parts"]])
        for name in first["channels"]
    }
    together["hosts"] = {host: _share(one) for host, one in manifests.items()}
    if not all(FILES in one for one in every):  # not by an entrypoint of ours
        return together
    files = [file for one in every for file in one[FILES]]
    names = [MANIFEST, METRICS, TIMINGS, *([FEATURE_MAP] if FEATURES in together else [])]
    sometimes = (REJECTED, TOKENS)
    names += [name for name in sometimes if any(file.endswith(f"/{name}") for file in files)]
    reports = (f"{REPORT}/{name}" for name in names)
    return sealed(together, [*files, *reports, REPORT_PAGE])


def _difference(one: dict[str, Any], other: dict[str, Any]) -> str | None:
    """Return what keeps the work of two hosts from being one result."""
    for key in ("format_version", "config_sha256", "columns", "n_features"):
        if other[key] != one[key]:
            return f"other {key}" + (", or the same in another order," if key == "columns" else "")
    is_same = _feature_order(one) == _feature_order(other)
    return None if is_same else "its features in another order"


def _channel(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "rows": sum(part["rows"] for part in parts),
        "digest": merged(part["digest"] for part in parts),
        "parts": list(parts),
    }


def _share(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what one of several hosts did."""
    channels = manifest["channels"].items()
    without_parts = {
        name: {**channel, "parts": len(channel["parts"])} for name, channel in channels
    }
    return {"rows": manifest["rows"], "channels": without_parts}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file that is whole or not there.

    Raises:
        DataError: It cannot be written.
    """
    write_bytes(path, f"{indented(content)}\n".encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that is whole or not there.

    Raises:
        DataError: It cannot be written.
    """
    aside = path.with_name(f".{path.name}.tmp")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written ({error.strerror})") from error


def _columns(columns: Columns) -> dict[str, Any]:
    of_role = {role: [n for n, r in columns.roles.items() if r is role] for role in Role}
    return {
        "label": next(iter(of_role[Role.LABEL]), None),
        "id": next(iter(of_role[Role.ID]), None),
        "numeric": of_role[Role.NUMERIC],
        "categorical": of_role[Role.CATEGORICAL],
    }


def _feature_order(manifest: dict[str, Any]) -> list[str]:
    """Return the features' order, which decides index ranges; other columns may differ."""
    if "input_columns" not in manifest:
        return []
    used = {*manifest["columns"]["numeric"], *manifest["columns"]["categorical"]}
    return [name for name in manifest["input_columns"] if name in used]


def indented(value: Any, line: str = "\n") -> str:
    """Return what ``json.dumps(value, indent=2, ensure_ascii=False)`` returns.

    Args:
        value: Plain data; the keys are text.
        line: How a line begins that is as far in as the value.
    """
    if isinstance(value, str):
        return encode_basestring(value)
    if type(value) is int:
        return str(value)
    if isinstance(value, dict) and value:
        items = [
            f"{encode_basestring(key)}: {indented(each, line + '  ')}"
            for key, each in value.items()
        ]
        return _between("{}", items, line)
    if isinstance(value, list | tuple) and value:
        return _between("[]", [indented(each, line + "  ") for each in value], line)
    return json.dumps(value)


def _between(brackets: str, items: list[str], line: str) -> str:
    return f"{brackets[0]}{line}  {f',{line}  '.join(items)}{line}{brackets[1]}"
