"""``report/manifest.json``: what a job made, written last. No manifest, no result."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from framework.runtime.columns import Columns
from framework.runtime.digest import merged
from framework.runtime.errors import DataError
from framework.runtime.parts import Part
from framework.runtime.spec import JobSpec
from framework.runtime.transform import Role
from framework.runtime.version import VERSION

FORMAT_VERSION = 1


def manifest(
    spec: JobSpec,
    columns: Columns,
    n_features: int | None,
    parts: dict[str, list[Part]],
    rejected: int,
) -> dict[str, Any]:
    """The manifest of one host's work; the same input and configuration give the same bytes."""
    written = sum(part.rows for made in parts.values() for part in made)
    return {
        "format_version": FORMAT_VERSION,
        "config_sha256": spec.sha256,
        "config": spec.meaning,
        "rows": {"read": written + rejected, "written": written, "rejected": rejected},
        "columns": _columns(columns),
        "input_columns": list(columns.names),
        "n_features": n_features,
        "output_format": spec.output.format,
        "channels": {
            name: {
                "rows": sum(part.rows for part in made),
                "digest": merged(part.digest for part in made),
                "parts": [asdict(part) for part in made],
            }
            for name, made in parts.items()
        },
        "versions": {
            "headrace": VERSION,
            "numpy": np.__version__,
            "pyarrow": pa.__version__,
            "python": platform.python_version(),
        },
    }


def merge(manifests: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One manifest for the work of several hosts.

    Args:
        manifests: Theirs, at least one, in the order of the hosts.

    Raises:
        ValueError: They are not of the same job.
    """
    first = manifests[0]
    for other in manifests[1:]:
        for key in ("format_version", "config_sha256", "columns", "n_features"):
            if other[key] != first[key]:
                raise ValueError(f"the hosts' manifests differ in {key!r}")
        if _feature_order(other) != _feature_order(first):
            raise ValueError("the hosts' manifests differ in the order of the features")
    rows = {key: sum(one["rows"][key] for one in manifests) for key in first["rows"]}
    channels = {
        name: {
            "rows": sum(one["channels"][name]["rows"] for one in manifests),
            "parts": [part for one in manifests for part in one["channels"][name]["parts"]],
        }
        for name in first["channels"]
    }
    return {**first, "rows": rows, "channels": channels}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file that is whole or not there.

    Raises:
        DataError: It cannot be written.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False)
    write_bytes(path, f"{text}\n".encode())


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
    """Which decides the index ranges of each column; files may differ in columns of no use."""
    if "input_columns" not in manifest:
        return []
    used = {*manifest["columns"]["numeric"], *manifest["columns"]["categorical"]}
    return [name for name in manifest["input_columns"] if name in used]
